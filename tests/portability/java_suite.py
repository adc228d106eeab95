#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""java_suite.py (--joist=PROGRAM | --prism=PROGRAM | --endpoint=HOST:PORT) [NAME…]: pipelines of Beam's
Java SDK: its own word count, and sums in state given out by timers, in batch and as a stream, also in
windows of the program's own.
"""

import argparse
import collections
import glob
import os
import random
import re
import sys
import tempfile

import beam_java
import job_server

WORDS = 20_000


def word_count(command, folder, limit):
    """Beam's own example over a text of ours; its files are compared with a count made here."""
    words = random.Random(1).choices([f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(500)],
                                     k=WORDS)
    text = os.path.join(folder, "input.txt")
    with open(text, "w", encoding="utf-8") as file:
        for i in range(0, WORDS, 10):
            file.write(" ".join(words[i:i + 10]) + "\n")
    ran = job_server.run(
        command("org.apache.beam.examples.WordCount", f"--inputFile={text}",
                f"--output={folder}/counts"), limit)
    if ran.status != 0:
        return ran, None
    counts = collections.Counter()
    for path in glob.glob(f"{folder}/counts*"):
        with open(path, encoding="utf-8") as file:
            for line in file:
                word, _, count = line.strip().partition(": ")
                counts[word] += int(count)
    shards = re.compile(r"counts-\d{5}-of-\d{5}$")
    if not all(shards.search(path) for path in glob.glob(f"{folder}/counts*")):
        return ran, f"files left behind: {sorted(os.listdir(folder))}"
    right = collections.Counter(words)
    return ran, None if counts == right else f"{len(counts)} words, not the {len(right)} of the text"


def reason(ran):
    """The line that says most about why a program failed."""
    found = re.findall(r"^Exception in thread \"main\".*:\n(.*)|^Exception in thread (.*)|^(the job is .*)",
                       ran.text, re.MULTILINE)
    return "".join(found[-1])[:300] if found else f"ended with {ran.status}"


def windowed_state(*arguments):
    def test(command, _, limit):
        ran = job_server.run(command("WindowedState", *arguments), limit)
        return ran, None if "35 results are right" in ran.text else "nothing was checked"
    return test


TESTS = {
    "word_count": word_count,
    "windowed_state": windowed_state(),
    "windowed_state_stream": windowed_state("--asStream=true"),
    "own_windows": windowed_state("--ownWindows=true"),
    "own_windows_stream": windowed_state("--ownWindows=true", "--asStream=true"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    job_server.add_server_arguments(parser)
    parser.add_argument("--limit", type=int, default=90, help="seconds for each test (%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="all that failing tests said")
    parser.add_argument("tests", nargs="*", metavar="NAME", help=f"of {', '.join(TESTS)}")
    options = parser.parse_args()
    unknown = set(options.tests) - set(TESTS)
    if unknown:
        parser.error(f"no such test: {', '.join(sorted(unknown))}")

    path = beam_java.programs(beam_java.TESTS)
    results = []
    with job_server.JobServer(options) as server:
        def command(main_class, *arguments):
            return beam_java.on_job_server(path, main_class, server.endpoint, *arguments)

        for name in options.tests or TESTS:
            with tempfile.TemporaryDirectory(prefix=f"joist_java_{os.getpid()}_") as folder:
                ran, wrong = TESTS[name](command, folder, options.limit)
            if ran.status is None:
                wrong = f"not done after {options.limit} s"
            elif ran.status != 0:
                wrong = reason(ran)
            outcome = "fail" if wrong else "pass"
            print(f"{outcome:5} {ran.seconds:6.1f} s  {name:24} {wrong or ''}", flush=True)
            if wrong and options.verbose:
                print(ran.text)
            results.append((name, outcome))
            if not server.is_alive():
                print(f"{server.name} does not answer after {name}")
                return 1
    return job_server.closing(results, options.tests or list(TESTS))


if __name__ == "__main__":
    sys.exit(main())
