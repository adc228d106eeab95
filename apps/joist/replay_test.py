#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# replay_test.py JOIST VISITS: a program fails, and `joist replay` lets it fail again, by itself and
# under gdb where there is one.

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

JOIST = "joist"
VISITS = "visits"


def run(command, **more):
    environment = dict(os.environ, **more)
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)


class ReplayTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="joist_replay_")
        self.state = os.path.join(self.folder.name, "visits.state")

    def tearDown(self):
        self.folder.cleanup()

    def fails(self, *options):
        """The file that is kept."""
        result = run([VISITS, *options])
        self.assertEqual(result.returncode, 1, result.stderr)
        kept = re.search(r'error: (step "CountPages": .*); kept: joist replay (.*)\n$',
                         result.stderr)
        self.assertTrue(kept, result.stderr)
        self.error = kept.group(1)
        return kept.group(2)

    def fail_as_stream(self):
        return self.fails(f"--checkpoint_dir={self.state}", "--checkpoint_interval=50ms",
                         "--bad=300000")

    def test_a_stream(self):
        file = self.fail_as_stream()
        self.assertEqual(file, self.state + "/failures/failure-000001")
        self.assertEqual(stat.S_IMODE(os.stat(file).st_mode), 0o600)
        checkpoints = self.listing()
        result = run([JOIST, "replay", file])
        self.assertEqual((result.returncode, result.stderr), (1, ""), result.stdout)
        self.assertIn("visit 42858 of a page", self.error)
        self.assertTrue(
            result.stdout.endswith(f"failed again with the same error: {self.error}\n"),
            result.stdout)
        self.assertIn("\n  step      CountPages\n", result.stdout)
        self.assertRegex(result.stdout, r"\n  state     [1-7] keys?, \d+ bytes\n")
        mended = run([JOIST, "replay", file], VISITS_MENDED="1")
        self.assertEqual((mended.returncode, mended.stderr), (0, ""), mended.stdout)
        self.assertTrue(mended.stdout.endswith("did not fail\n"), mended.stdout)
        self.assertEqual(self.listing(), checkpoints, "the job's folder is left alone")
        listed = run([JOIST, "replay", "ls", os.path.dirname(file)])
        self.assertEqual(listed.stdout.count("\n"), 1)
        self.assertTrue(listed.stdout.startswith(file), listed.stdout)
        self.assertTrue(listed.stdout.endswith(self.error + "\n"), listed.stdout)

    def listing(self):
        return sorted((os.path.join(path, name),
                       os.stat(os.path.join(path, name)).st_mtime_ns)
                      for path, _, names in os.walk(self.state) for name in names)

    def test_input_that_ends(self):
        file = self.fails("--ends", "--bad=4321", "--visits=5000", "--max_num_workers=1",
                         f"--keep_failures={self.folder.name}/kept")
        result = run([JOIST, "replay", file])
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn("visit 618 of a page", result.stdout)

    def test_a_debugger(self):
        file = self.fail_as_stream()
        # Any command: what it is given is the program and its arguments.
        result = run([JOIST, "replay", "--debugger=/bin/echo -e", file])
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stdout.endswith(
            f"{VISITS} --checkpoint_dir={self.state} --checkpoint_interval=50ms --bad=300000\n"),
            result.stdout)
        if shutil.which("gdb") is None:
            self.skipTest("there is no gdb")
        script = os.path.join(self.folder.name, "script")
        with open(script, "w", encoding="utf-8") as file_of_script:
            file_of_script.write("set auto-load no\ncatch throw\nrun\nbt\n")
        gdb = f"gdb --batch -x {script} --args"
        result = run([JOIST, "replay", "--debugger=" + gdb, file])
        if "ptrace: Operation not permitted" in result.stderr + result.stdout:
            self.skipTest("gdb may not run anything here")
        self.assertIn("exception thrown", result.stdout, result.stderr)
        self.assertIn("CountPages::Process", result.stdout)

    def test_what_cannot_be_replayed(self):
        file = self.fail_as_stream()

        def refused(says, *arguments, shown=False):
            result = run([JOIST, "replay", *arguments])
            self.assertEqual(result.returncode, 2, result.stdout)
            self.assertIn(says, result.stderr)
            if not shown:
                self.assertEqual((result.stdout, result.stderr.count("\n")), ("", 1))

        refused("takes the file of a failure")
        refused("unknown option --debug", "--debug=gdb", file)
        refused("--debugger needs a value", "--debugger")
        refused("cannot read", file + "0")
        refused("no kept failure", __file__)
        refused("no failures in", "ls", self.folder.name)
        refused("cannot start", "--debugger=/no/such", file, shown=True)
        refused("cannot start", "--program=/no/such", file, shown=True)
        refused("has not come to the step: it ended with exit code 0", "--program=/bin/true", file,
                shown=True)
        with open(file, "r+b") as damaged:
            damaged.truncate(os.path.getsize(file) - 1)
        refused("is damaged", file)


if __name__ == "__main__":
    JOIST = os.path.abspath(sys.argv.pop(1))
    VISITS = os.path.abspath(sys.argv.pop(1))
    unittest.main()
