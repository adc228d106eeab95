#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""boot_test.py --joist=PROGRAM [TEST…]: workers that Beam's own boot programs start (environment
PROCESS), which ask the server what to fetch, fetch it, and run it, as they do in Beam's images.
Started by an interpreter that has Beam's Python SDK; needs go."""

import argparse
import filecmp
import json
import os
import subprocess
import sys
import tempfile
import unittest

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

import beam_go
import job_server

SERVER = None
CONTAINERS = "github.com/apache/beam/sdks/v2"
LIMIT = 120  # Seconds of a job.


def boot_program(language):
    return beam_go.built(beam_go.TESTS, f"{language}_boot", "build",
                         f"{CONTAINERS}/{language}/container")


def word_count():
    return beam_go.built(beam_go.BENCH, "wordcount", "build", "./wordcount")


class BootTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix=f"joist_boot_{os.getpid()}_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def options(self, language, **env):
        """Those of a job whose workers keep what they fetch in self.folder/staged. Boot programs keep
        it in /tmp/staged, whosever it is, unless they are told otherwise."""
        boot = boot_program(language)
        command = os.path.join(self.folder, "boot")
        with open(command, "w", encoding="utf-8") as script:
            script.write(f'#!/bin/sh\nexec "{boot}" --semi_persist_dir="{self.folder}" "$@"\n')
        os.chmod(command, 0o755)
        return ["--environment_type=PROCESS",
                f"--environment_config={json.dumps({'command': command, 'env': env})}"]

    def test_go(self):
        text = os.path.join(self.folder, "text")
        with open(text, "w", encoding="utf-8") as file:
            file.write("to be or not to be\n" * 100)
        program = word_count()
        ran = subprocess.run(
            [program, f"--endpoint={SERVER.endpoint}", f"--input={text}",
             f"--worker_binary={program}", *self.options("go")],
            capture_output=True, text=True, timeout=LIMIT, check=False)
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertEqual(json.loads(ran.stdout.splitlines()[-1])["wrong"], "")
        staged = os.path.join(self.folder, "staged")
        (worker,) = os.listdir(staged)
        self.assertTrue(filecmp.cmp(os.path.join(staged, worker), program, shallow=False))

    def test_python(self):
        staged = os.path.join(self.folder, "staged")
        numbers = os.path.join(self.folder, "numbers")
        environment = self.options("python", RUN_PYTHON_SDK_IN_DEFAULT_ENVIRONMENT="1",
                                   PATH=os.path.dirname(sys.executable) + ":" + os.environ["PATH"])
        options = PipelineOptions(["--runner=PortableRunner", f"--job_endpoint={SERVER.endpoint}",
                                   "--experiments=disable_logging_submission_environment",
                                   "--save_main_session", *environment])
        with beam.Pipeline(options=options) as pipeline:
            _ = (pipeline
                 | beam.Create(range(100))
                 | beam.Map(lambda number: (number % 2, number))
                 | beam.CombinePerKey(sum)
                 | beam.MapTuple(lambda odd, total: f"{odd} {total} {os.listdir(staged)}")
                 | beam.io.WriteToText(numbers, num_shards=1, shard_name_template=""))
        with open(numbers, encoding="utf-8") as lines:
            self.assertEqual(sorted(line.rstrip("\n") for line in lines),
                             ["0 2450 ['pickled_main_session']", "1 2500 ['pickled_main_session']"])


def main():
    global SERVER
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    job_server.add_server_arguments(parser)
    options, rest = parser.parse_known_args()
    # Before unittest, which would call it an error that what cannot be built here is skipped.
    boot_program("go")
    boot_program("python")
    word_count()
    with job_server.JobServer(options, "--allow_process") as server:
        SERVER = server
        ran = unittest.main(argv=[sys.argv[0], *rest], exit=False, verbosity=2)
    return 0 if ran.result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
