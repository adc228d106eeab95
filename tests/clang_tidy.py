#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""clang_tidy.py [--jobs=N] BUILD [FILE …]: runs clang-tidy on files of BUILD/compile_commands.json (all,
unless some are named) that were not found clean before. What was is remembered by a digest of the file as
the preprocessor leaves it, with its comments and macros, of the checks and of clang-tidy's version: in
another clone it is known again. Names are forgotten thirty days after they were last of use."""

import argparse
import concurrent.futures
import hashlib
import json
import os
import shlex
import subprocess
import sys
import time

PROGRAM = "clang-tidy-19"
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KNOWN = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "joist",
                     "clang-tidy")
KEPT_SECONDS = 30 * 24 * 3600


def without_root(text):
    return text.replace(ROOT.encode(), b"@root@")


def digest_of(entry, checks):
    """Of all that clang-tidy sees of a file; None where the preprocessor fails."""
    command = shlex.split(entry["command"])
    where = command.index("-o")
    command[where:where + 2] = ["-o", "-"]
    command[command.index("-c")] = "-E"
    ran = subprocess.run([*command, "-C", "-dD", "-P"], cwd=entry["directory"], check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if ran.returncode != 0:
        return None
    digest = hashlib.sha256(checks)
    digest.update(without_root(entry["command"].encode()))
    digest.update(without_root(ran.stdout))
    return digest.hexdigest()


def check(file, entry, build, checks):
    """What is wrong with a file, as clang-tidy says it; empty if nothing is. Without an entry, as the
    build compiles the file as a part of another, clang-tidy guesses how it is compiled."""
    digest = digest_of(entry, checks) if entry else None
    known = digest and os.path.join(KNOWN, digest)
    if known and os.path.exists(known):
        os.utime(known)
        return ""
    ran = subprocess.run([PROGRAM, "--quiet", "-p", build, file], check=False, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if ran.returncode == 0:
        if known:
            with open(known, "wb"):
                pass
        return ""
    said = [line for line in ran.stderr.splitlines() if "warnings generated" not in line]
    return ran.stdout + "\n".join(said) or f"{file}: clang-tidy ended with {ran.returncode}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("build")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    with open(os.path.join(options.build, "compile_commands.json"), encoding="utf-8") as file:
        entries = {entry["file"]: entry for entry in json.load(file)}
    wanted = [os.path.abspath(file) for file in options.files] or sorted(entries)
    version = subprocess.run([PROGRAM, "--version"], check=True, stdout=subprocess.PIPE).stdout
    with open(os.path.join(ROOT, ".clang-tidy"), "rb") as file:
        checks = version + file.read()
    os.makedirs(KNOWN, exist_ok=True)
    for name in os.listdir(KNOWN):
        path = os.path.join(KNOWN, name)
        if time.time() - os.path.getmtime(path) > KEPT_SECONDS:
            os.remove(path)
    failed = False
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for said in pool.map(lambda file: check(file, entries.get(file), options.build, checks),
                             wanted):
            if said:
                failed = True
                print(said, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
