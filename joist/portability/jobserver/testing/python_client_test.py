#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# python_client_test.py FAKE_JOB_SERVER: Beam's own Python client submits pipelines, stages files,
# watches and cancels jobs.

import hashlib
import logging
import os
import subprocess
import sys
import tempfile
import threading
import unittest

try:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.portability import common_urns
    from apache_beam.portability.api import beam_runner_api_pb2
    from apache_beam.runners.portability import portable_runner
except ImportError:
    print("this Python has no apache_beam: skipped")
    sys.exit(77)

SERVER = "fake_job_server"


class StagingRunner(portable_runner.PortableRunner):
    """Stages the files too that environments of containers would have."""

    files = ()

    def run_portable_pipeline(self, pipeline, options):
        for environment in pipeline.components.environments.values():
            for path in self.files:
                environment.dependencies.add(
                    type_urn=common_urns.artifact_types.FILE.urn,
                    type_payload=beam_runner_api_pb2.ArtifactFilePayload(
                        path=path, sha256=self.sha).SerializeToString(),
                    role_urn=common_urns.artifact_roles.STAGING_TO.urn,
                    role_payload=beam_runner_api_pb2.ArtifactStagingToRolePayload(
                        staged_name=os.path.basename(path)).SerializeToString())
        return super().run_portable_pipeline(pipeline, options)


class PythonClientTest(unittest.TestCase):
    def setUp(self):
        self.server = subprocess.Popen([SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       text=True)
        self.addCleanup(self.end)
        self.endpoint = self.server.stdout.readline().strip()
        self.assertRegex(self.endpoint, r"^localhost:\d+$")

    def end(self):
        self.server.stdin.close()
        self.assertEqual(self.server.wait(timeout=20), 0)
        self.server.stdout.close()

    def run_pipeline(self, *options, runner=None):
        pipeline = beam.Pipeline(
            runner=runner or portable_runner.PortableRunner(),
            options=PipelineOptions([f"--job_endpoint={self.endpoint}",
                                     "--environment_type=LOOPBACK", "--job_server_timeout=5",
                                     *options]))
        _ = pipeline | beam.Create([1, 2, 3]) | beam.Map(lambda x: x + 1)
        return pipeline.run()

    def test_runs_to_the_end(self):
        result = self.run_pipeline("--outcome=loudly", "--times=3")
        with self.assertLogs(level=logging.INFO) as logs:
            self.assertEqual(result.wait_until_finish(), "DONE")
        self.assertIn("runs job: loudly", "\n".join(logs.output))
        self.assertEqual(result.state, "DONE")
        counters = result.metrics().query()["counters"]
        self.assertEqual([counter.key.metric.name for counter in counters], ["transforms"])
        self.assertGreater(counters[0].committed, 2)
        self.assertEqual(counters[0].committed, counters[0].attempted)

    def test_fails_with_the_reason(self):
        result = self.run_pipeline("--outcome=fail")
        with self.assertRaisesRegex(RuntimeError, "step Boom: it went wrong"):
            result.wait_until_finish()
        self.assertEqual(result.state, "FAILED")

    def test_is_watched_for_longer_than_a_short_call(self):
        result = self.run_pipeline("--outcome=wait", "--job_server_timeout=1")
        self.assertIn(result.wait_until_finish(duration=2500), ("RUNNING", "STARTING"))
        result.cancel()
        self.assertEqual(result.state, "CANCELLED")

    def test_stages_files(self):
        with tempfile.TemporaryDirectory(prefix=f"joist_jobs_{os.getpid()}_") as folder:
            StagingRunner.files = [os.path.join(folder, "large.bin")]
            data = os.urandom(5 << 20)
            with open(StagingRunner.files[0], "wb") as file:
                file.write(data)
            StagingRunner.sha = hashlib.sha256(data).hexdigest()
            result = self.run_pipeline(runner=StagingRunner())
            with self.assertLogs(level=logging.WARNING) as logs:
                self.assertEqual(result.wait_until_finish(), "DONE")
            self.assertIn(f"artifact {StagingRunner.sha}", "\n".join(logs.output))
            StagingRunner.sha = "0" * 64
            with self.assertRaisesRegex(Exception, '"large.bin": its SHA-256 is'):
                self.run_pipeline(runner=StagingRunner())


if __name__ == "__main__":
    SERVER = os.path.abspath(sys.argv.pop(1))
    # Workers that are started find no control service.
    threading.excepthook = lambda _: None
    unittest.main()
