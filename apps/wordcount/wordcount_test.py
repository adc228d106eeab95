#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# wordcount_test.py BIN: runs the programs of apps/wordcount as their users do: right input, and
# every kind of wrong one, which must give one clear line, the right exit code and no file.

import collections
import gzip
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import unittest

BIN = "."


def words_of(text):
    """Maximal runs of letters and apostrophes."""
    return re.findall(r"(?:[^\W\d_]|')+", text)


def time_of(line, earliest, latest, seed=0):
    """When windowed_wordcount says that a line was, in milliseconds: FNV-1a of its bytes."""
    value = 14695981039346656037 ^ seed
    for byte in line.encode():
        value = (value ^ byte) * 1099511628211 % 2**64
    return earliest + value % (latest - earliest + 1)


def utc(millis):
    seconds, millis = divmod(millis, 1000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{millis:03}Z" if millis else text + "Z"


def window_counts(lines, size, earliest, latest, seed=0):
    """By the window's part of the file name: the counts of words."""
    windows = collections.defaultdict(collections.Counter)
    for line in lines:
        t = time_of(line, earliest, latest, seed)
        start = t - t % size
        words = words_of(line)
        if words:
            windows[f"{utc(start)}-{utc(start + size)}"].update(words)
    return {name: dict(counts) for name, counts in windows.items()}


class WordCountTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="joist_wordcount_")
        self.root = self.folder.name
        os.chmod(self.root, 0o755)
        os.mkdir(self.path("out"))

    def tearDown(self):
        os.chmod(self.path("out"), 0o755)
        self.folder.cleanup()

    def path(self, *names):
        return os.path.join(self.root, *names)

    def write(self, name, content):
        data = content if isinstance(content, bytes) else content.encode()
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def run_program(self, program, *args, **kwargs):
        return subprocess.run([os.path.join(BIN, program), *args], capture_output=True, text=True,
                              timeout=120, cwd=self.path("out"), **kwargs)

    def counts(self):
        counts = {}
        for name in sorted(os.listdir(self.path("out"))):
            with open(self.path("out", name), encoding="utf-8") as file:
                for line in file:
                    word, count = line.rstrip("\n").rsplit(": ", 1)
                    self.assertNotIn(word, counts)
                    counts[word] = int(count)
        return counts

    def refused(self, codes, says, *args, program="wordcount", **kwargs):
        """One line on stderr that says `says`, nothing in the output folder."""
        result = self.run_program(program, *args, **kwargs)
        self.assertIn(result.returncode, codes, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertIn(says, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(os.listdir(self.path("out")), [])
        return result.stderr

    def args(self, source, output=None):
        return [f"--input={source}", f"--output={output or self.path('out', 'counts')}"]

    # --- Right input -------------------------------------------------------------------------

    def test_counts_words(self):
        text = "Größe, the king's\r\nThe naïve 語 «été» x1y_z\n\n'tis the end" * 1000
        self.write("a.txt", text)
        self.write("b.txt.gz", gzip.compress(b"the end\n"))
        result = self.run_program("wordcount", *self.args(self.path("*.txt*")))
        self.assertEqual(result.returncode, 0, result.stderr)
        expected = collections.Counter(words_of(text) + ["the", "end"])
        self.assertEqual(self.counts(), dict(expected))
        for name in os.listdir(self.path("out")):
            self.assertRegex(name, r"^counts-\d{5}-of-\d{5}$")

    def test_minimal(self):
        result = self.run_program("minimal_wordcount")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertGreater(self.counts()["the"], 100)

    def test_debugging(self):
        source = self.write("lear.txt", "Flourish stomach\n\nFlourish, x\nFlourish\n")
        args = self.args(source)
        result = self.run_program("debugging_wordcount", *args, "--expect=Flourish=3,stomach=1")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.counts(), {"Flourish": 3, "stomach": 1})
        self.assertIn("words that match: 2, that do not: 1\n", result.stdout)
        self.assertIn("lines: 4, of which empty: 1, the longest has 16 bytes\n", result.stdout)
        result = self.run_program("debugging_wordcount", *args, "--expect=Flourish=4")
        self.assertEqual(result.returncode, 1)
        self.assertIn("Flourish", result.stderr)

    def windows(self):
        """What windowed_wordcount wrote, in the form of window_counts."""
        windows = collections.defaultdict(dict)
        for name in os.listdir(self.path("out")):
            match = re.fullmatch(r"counts-(.*)-\d{5}-of-\d{5}", name)
            self.assertIsNotNone(match, name)
            with open(self.path("out", name), encoding="utf-8") as file:
                for line in file:
                    word, count = line.rstrip("\n").rsplit(": ", 1)
                    self.assertNotIn(word, windows[match.group(1)])
                    windows[match.group(1)][word] = int(count)
        return dict(windows)

    def test_windowed(self):
        lines = [f"the word {chr(97 + i % 26)}{chr(97 + i // 26 % 26)} é" for i in range(5000)]
        lines += ["", "1 2 3", "the end"]
        self.write("a.txt", "\n".join(lines[:3000]) + "\n")
        self.write("b.txt.gz", gzip.compress(("\n".join(lines[3000:]) + "\n").encode()))
        args = self.args(self.path("*.txt*"))
        minute = 60_000

        result = self.run_program("windowed_wordcount", *args)
        self.assertEqual(result.returncode, 0, result.stderr)
        windows = self.windows()
        self.assertEqual(windows, window_counts(lines, 10 * minute, 0, 60 * minute))
        self.assertIn("1970-01-01T00:10:00Z-1970-01-01T00:20:00Z", windows)
        self.assertIn("counts-1970-01-01T00:10:00Z-1970-01-01T00:20:00Z-00000-of-00001",
                      os.listdir(self.path("out")))

        # A second run replaces what the first one wrote.
        self.run_program("windowed_wordcount", *args, "--max_num_workers=1")
        self.assertEqual(self.windows(), windows)

        # The bounds of a day before 1970, windows that do not divide it, several files a window.
        for name in os.listdir(self.path("out")):
            os.unlink(self.path("out", name))
        day = 24 * 60 * minute
        result = self.run_program(
            "windowed_wordcount", *args, f"--min_timestamp_millis={-day}",
            "--max_timestamp_millis=-1", "--window_size=5h30m0.5s", "--seed=7", "--num_shards=3")
        self.assertEqual(result.returncode, 0, result.stderr)
        windows = self.windows()
        self.assertEqual(windows, window_counts(lines, 330 * minute + 500, -day, -1, 7))
        self.assertEqual(len(os.listdir(self.path("out"))), 3 * len(windows))

    def test_windowed_with_little_memory(self):
        lines = [f"w{i:06}".translate(str.maketrans("0123456789", "abcdefghij"))
                 for i in range(200_000)]
        source = self.write("a.txt", "\n".join(lines) + "\n")
        result = self.run_program("windowed_wordcount", *self.args(source), "--memory=4MB",
                                  "--window_size=1m")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.windows(), window_counts(lines, 60_000, 0, 3_600_000))

    def test_windowed_options(self):
        source = self.write("a.txt", "a\n")
        refused = lambda says, *args, codes=(2,): self.refused(
            codes, says, *args, program="windowed_wordcount")
        refused("option --output is required", "--input=x")
        refused("option --window_size: expected", *self.args(source), "--window_size=long")
        refused("the size of FixedWindows(0s) must be positive", *self.args(source),
                "--window_size=0s")
        refused("--max_timestamp_millis is before --min_timestamp_millis", *self.args(source),
                "--min_timestamp_millis=5", "--max_timestamp_millis=4")
        refused("-1 shards", *self.args(source), "--num_shards=-1")
        refused("unknown option --window_sise; did you mean --window_size?", *self.args(source),
                "--window_sise=1m")
        refused("no such file: " + self.path("none"), *self.args(self.path("none")), codes=(1,))
        help_text = self.run_program("windowed_wordcount", "--help").stdout
        self.assertIn("--window_size=", help_text)

    def test_help(self):
        result = self.run_program("wordcount", "--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("--output=text", result.stdout)
        self.assertIn("--temp_location=text", result.stdout)
        self.assertEqual(result.stderr, "")

    def test_scripts_for_dataflow_run(self):
        source = self.write("a.txt", "a b a\n")
        result = self.run_program("wordcount", *self.args(source), "--project=p", "--region=r",
                                  "--temp_location=gs://b/t", "--staging_location=gs://b/s",
                                  "--job_name=j", "--max_num_workers=2", "--runner=DirectRunner")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.counts(), {"a": 2, "b": 1})

    # --- Wrong input -------------------------------------------------------------------------

    def test_no_such_file(self):
        self.refused([1], "no such file: " + self.path("none"), *self.args(self.path("none")))
        self.refused([1], "no file matches " + self.path("*.none"),
                     *self.args(self.path("*.none")))

    def test_folder_as_input(self):
        self.refused([1], self.root + " is a folder", *self.args(self.root))

    def test_unreadable_file(self):
        source = self.write("secret", "text\n")
        os.chmod(source, 0)
        os.chmod(self.path("out"), 0o777)
        self.refused([1], f"cannot open {source}: Permission denied", *self.args(source),
                     **self.as_nobody())

    def test_corrupt_gzip(self):
        packed = gzip.compress(os.urandom(100_000).hex().encode())
        source = self.write("bad.gz", packed[:50_000])
        self.refused([1], f"{source} is damaged: gzip data wrong near byte", *self.args(source))
        broken = bytearray(packed)
        broken[30_000] ^= 0xFF
        source = self.write("bad.gz", bytes(broken))
        self.refused([1], f"{source} is damaged: gzip data wrong near byte", *self.args(source))

    def test_binary_file(self):
        source = self.write("program", b"\x7fELF\x02\x01\x01\x00\x00\x00")
        self.refused([1], f"{source} is not a text file: byte 7 is NUL", *self.args(source))

    def test_output_folder_missing(self):
        source = self.write("a.txt", "a\n")
        output = self.path("out", "none", "counts")
        self.refused([1, 2], f"cannot write {output}: folder ", *self.args(source, output))

    def test_output_folder_read_only(self):
        source = self.write("a.txt", "a\n")
        os.chmod(self.path("out"), 0o555)
        self.refused([1, 2], "Permission denied", *self.args(source), **self.as_nobody())

    def test_disk_full(self):
        # The system refuses to write more to a file than this, which takes the same way through
        # the program; a full file system as well where one can be mounted.
        source = self.write("a.txt", "".join(f"{'abcdefghij'[i % 10]}{chr(97 + i % 26)}" +
                                             f"{chr(97 + i // 26 % 26)}{chr(97 + i // 676 % 26)}\n"
                                             for i in range(100_000)))

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
        self.refused([1], f"cannot write {self.path('out', 'counts')}: File too large",
                     *self.args(source), preexec_fn=limit, restore_signals=False,
                     env=self.without_counting())
        if os.geteuid() == 0:
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "none",
                                      self.path("out")], capture_output=True)
            if mounted.returncode == 0:
                try:
                    self.refused([1], "No space left on device", *self.args(source))
                finally:
                    subprocess.run(["umount", self.path("out")], check=True)

    def test_unknown_option(self):
        line = self.refused([2], "unknown option --ouput; did you mean --output?", "--ouput=x")
        self.assertTrue(line.startswith("wordcount: "), line)

    def test_wrong_type(self):
        self.refused([2], "option --max_num_workers: expected a whole number", *self.args("x"),
                     "--max_num_workers=many")

    def test_required_option(self):
        self.refused([2], "option --output is required", "--input=x")

    def test_duplicate_step_name(self):
        source = self.write("a.txt", "a\n")
        self.refused([2], '"Words"', *self.args(source), "--fault=duplicate_name",
                     program="faulty_wordcount")

    def test_exception_in_a_function(self):
        source = self.write("a.txt", "good bad ugly\n")
        line = self.refused([1], "this word is not welcome", *self.args(source),
                            "--fault=exception", program="faulty_wordcount")
        self.assertIn('step "Check"', line)
        self.assertIn("bad", line)

    def test_interrupt(self):
        source = self.write("a.txt", "word\n" * 100_000)
        job = subprocess.Popen(
            [os.path.join(BIN, "faulty_wordcount"), *self.args(source), "--fault=slow"],
            stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 30
        while not os.listdir(self.path("out")) and time.monotonic() < deadline:
            time.sleep(0.05)  # Until it writes.
        job.send_signal(signal.SIGINT)
        _, errors = job.communicate(timeout=30)
        self.assertEqual(job.returncode, 130, errors)
        self.assertEqual(errors, "cancelled\n")
        self.assertEqual(os.listdir(self.path("out")), [])

    def as_nobody(self):
        """Root may read and write everything: then as another user."""
        if os.geteuid() != 0:
            return {}
        if subprocess.run([os.path.join(BIN, "wordcount"), "--help"], user=65534, group=65534,
                          capture_output=True).returncode != 0:
            self.skipTest("another user cannot run the program")
        return {"user": 65534, "group": 65534, "env": self.without_counting()}

    def without_counting(self):
        """For runs that cannot write: the counts of a coverage build, which would be cut short, go
        elsewhere, and it does not complain."""
        counts = self.path("counts")
        os.makedirs(counts, exist_ok=True)
        os.chmod(counts, 0o777)
        return {**os.environ, "GCOV_PREFIX": counts, "GCOV_ERROR_FILE": os.devnull}


if __name__ == "__main__":
    BIN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
