#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""misbehaving_test.py (--joist=PROGRAM | --prism=PROGRAM | --endpoint=HOST:PORT) [TEST…]: workers that
exit, hang, send garbage or repeat themselves. What must come of it: the right result, after another
attempt, or one clear error; and the next job runs. Started by an interpreter that has Beam's Python SDK.
"""

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_fn_api_pb2 as fn
from apache_beam.portability.api import beam_job_api_pb2 as jobs
from apache_beam.portability.api import beam_job_api_pb2_grpc as jobs_grpc
import grpc

import beam_go
import fake_worker
import job_server
import worker_pool

OPTIONS = None
SERVER = None
GO = None  # The program of go/misbehaving.
SUM = "499500"
LIMIT = 90  # Seconds until a job must have ended, whatever its workers do.
GARBAGE = b"\xff" * 64  # A timestamp, and a number of windows that no message has room for.


class MisbehavingTest(unittest.TestCase):
    def setUp(self):
        global SERVER
        if SERVER is None or not SERVER.is_alive():
            # What a test before has done to it is that test's failure.
            if SERVER is not None:
                SERVER.__exit__()
            SERVER = job_server.JobServer(OPTIONS)
        folder = tempfile.TemporaryDirectory(prefix=f"joist_misbehaving_{os.getpid()}_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        # Whatever a test has done to the server, the next job runs. (Runs after the pool's cleanup.)
        self.addCleanup(self.expect_next_job_runs)

    def path(self, name):
        return os.path.join(self.folder, name)

    def pool(self, start):
        pool = worker_pool.WorkerPool(start)
        self.addCleanup(pool.close)
        return pool

    def expect_next_job_runs(self):
        self.assertTrue(SERVER.is_alive(), "the server is gone")
        with tempfile.TemporaryDirectory(prefix=f"joist_next_{os.getpid()}_") as folder:
            output = os.path.join(folder, "sum")
            ran = job_server.run([GO, "--how=well", f"--output={output}",
                                  f"--endpoint={SERVER.endpoint}", "--environment_type=LOOPBACK"],
                                 LIMIT)
            self.assertEqual(ran.status, 0, f"the next job does not run: {ran.text[-2000:]}")
            with open(output, encoding="utf-8") as file:
                self.assertEqual(file.read().strip(), SUM)

    def go_command(self, how, pool):
        binary = self.path("staged")  # The pool has the program already.
        with open(binary, "w", encoding="utf-8") as file:
            file.write("nothing\n")
        return [GO, f"--how={how}", f"--marker={self.path('marker')}", f"--output={self.path('sum')}",
                f"--worker_binary={binary}", f"--endpoint={SERVER.endpoint}",
                "--environment_type=EXTERNAL", f"--environment_config={pool.endpoint}"]

    def wait_for_marker(self):
        """The process id of the worker that misbehaves."""
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            with contextlib.suppress(FileNotFoundError, ValueError):
                with open(self.path("marker"), encoding="utf-8") as file:
                    return int(file.read())
            time.sleep(0.02)
        self.fail("no worker has come to the fatal number")

    def run_and_signal(self, how, number, pool):
        """Runs the Go program; the worker that misbehaves is sent a signal."""
        ended = []
        thread = threading.Thread(
            target=lambda: ended.append(job_server.run(self.go_command(how, pool), LIMIT)))
        thread.start()
        try:
            os.kill(self.wait_for_marker(), number)
        finally:
            thread.join()
        return ended[0]

    def expect_right_or_clear(self, ran, *words):
        """That a program ended with the right sum, or with an error that has one of the words."""
        self.assertIsNotNone(ran.status, f"not done after {LIMIT} s")
        if ran.status == 0:
            with open(self.path("sum"), encoding="utf-8") as file:
                self.assertEqual(file.read().strip(), SUM)
        else:
            said = ran.text.strip().rpartition("\n")[2]
            self.assertTrue(any(word in ran.text for word in words), said)

    def expect_workers_end(self, pool):
        deadline = time.monotonic() + 20
        while pool.running() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.assertEqual(pool.running(), 0, "workers outlive their job")

    # ---- Workers of Beam's Go SDK

    def go_pool(self):
        return self.pool(lambda request: worker_pool.GoWorker(GO, request))

    def test_a_worker_that_behaves(self):
        pool = self.go_pool()
        ran = job_server.run(self.go_command("well", pool), LIMIT)
        self.assertEqual(ran.status, 0, ran.text[-2000:])
        self.expect_right_or_clear(ran)
        self.assertGreaterEqual(pool.started, 1)
        self.expect_workers_end(pool)

    def test_a_worker_that_exits_in_a_bundle(self):
        pool = self.go_pool()
        ran = job_server.run(self.go_command("exit", pool), LIMIT)
        self.expect_right_or_clear(ran, "worker", "Worker")
        self.wait_for_marker()
        self.expect_workers_end(pool)

    def test_a_worker_that_is_killed_in_a_bundle(self):
        pool = self.go_pool()

        ran = self.run_and_signal("sleep", signal.SIGKILL, pool)
        self.expect_right_or_clear(ran, "worker", "Worker")
        self.expect_workers_end(pool)

    def test_a_worker_that_stands_still(self):
        """The process is stopped: it answers nothing, and its connections stay open."""
        pool = self.go_pool()

        ran = self.run_and_signal("pause", signal.SIGSTOP, pool)
        self.expect_right_or_clear(ran, "worker", "Worker")

    def test_a_function_that_fails_each_time(self):
        pool = self.go_pool()
        ran = job_server.run(self.go_command("fail", pool), LIMIT)
        self.assertNotIn(ran.status, (0, None))
        self.assertIn("five hundred is not a number I like", ran.text)
        self.expect_workers_end(pool)

    def test_a_function_that_hangs_until_the_job_is_cancelled(self):
        """A function may take its time, so nothing but the user can end it."""
        pool = self.go_pool()
        with grpc.insecure_channel(SERVER.endpoint) as channel:
            service = jobs_grpc.JobServiceStub(channel)
            before = {job.job_id for job in service.GetJobs(jobs.GetJobsRequest()).job_info}
            client = subprocess.Popen(self.go_command("sleep", pool), stdin=subprocess.DEVNULL,
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                self.wait_for_marker()
                new = [job.job_id for job in service.GetJobs(jobs.GetJobsRequest()).job_info
                       if job.job_id not in before]
                self.assertEqual(len(new), 1)
                service.Cancel(jobs.CancelJobRequest(job_id=new[0]), timeout=20)
                deadline = time.monotonic() + 20
                state = None
                while time.monotonic() < deadline and state != jobs.JobState.CANCELLED:
                    state = service.GetState(jobs.GetJobStateRequest(job_id=new[0])).state
                    time.sleep(0.1)
                self.assertEqual(jobs.JobState.Enum.Name(state), "CANCELLED")
                client.wait(20)
            finally:
                client.kill()
                client.wait()
        self.expect_workers_end(pool)

    # ---- Fakes, to which a pipeline of the Python SDK is sent

    def run_on_fakes(self, on_bundle):
        """What became of a job: DONE, or the text of its error. on_bundle is called for each bundle;
        faults of the fakes themselves fail the test."""
        faults = []

        def guarded(worker, instruction):
            try:
                on_bundle(worker, instruction)
            except grpc.RpcError:
                pass  # The runner may hang up in the middle.
            except Exception as fault:  # pylint: disable=broad-exception-caught
                faults.append(fault)
                worker.hang_up()

        result = self.run_on_pool(self.pool(lambda request: fake_worker.FakeWorker(request, guarded)))
        if faults:
            raise faults[0]
        return result

    def run_on_pool(self, pool, limit=0):
        options = PipelineOptions([
            "--runner=PortableRunner", f"--job_endpoint={SERVER.endpoint}",
            "--environment_type=EXTERNAL", f"--environment_config={pool.endpoint}"])
        pipeline = beam.Pipeline(options=options)
        (pipeline | beam.Create(["a", "b", "c"]) | beam.Map(lambda word: (word, 1))
         | beam.GroupByKey() | beam.MapTuple(lambda word, ones: (word, len(list(ones)))))
        ended = []

        def run():
            try:
                ended.append(pipeline.run().wait_until_finish())
            except Exception as error:  # pylint: disable=broad-exception-caught
                ended.append(str(error))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        limit = max(limit, LIMIT)
        thread.join(limit)
        self.assertEqual(len(ended), 1, f"the job has not ended after {limit} s")
        return ended[0]

    def expect_clear(self, result):
        """That the job failed, with a text for people."""
        self.assertNotEqual(result, "DONE")
        self.assertIn("FAILED", result)
        text = result.partition("FAILED")[2].strip(": \n")
        self.assertGreater(len(text), 20, result)
        self.assertLess(len(text), 4000, result)
        self.assertNotIn("\x00", text)

    def test_garbage_as_data(self):
        def on_bundle(worker, instruction):
            endpoint, sinks = worker.outputs(instruction)
            if sinks:
                worker.send(endpoint, fn.Elements(data=[
                    fn.Elements.Data(instruction_id=instruction.instruction_id, transform_id=name,
                                     data=data, is_last=not data)
                    for name in sinks for data in (GARBAGE, b"")]))
            worker.answer(worker.done(instruction))

        self.expect_clear(self.run_on_fakes(on_bundle))

    def test_output_that_never_ends(self):
        self.expect_clear(self.run_on_fakes(
            lambda worker, instruction: worker.answer(worker.done(instruction))))

    def test_data_for_instructions_and_transforms_that_are_not_there(self):
        def on_bundle(worker, instruction):
            endpoint, sinks = worker.outputs(instruction)
            if sinks:
                worker.send(endpoint, fn.Elements(data=[
                    fn.Elements.Data(instruction_id="nobody", transform_id="nothing", data=GARBAGE),
                    fn.Elements.Data(instruction_id=instruction.instruction_id,
                                     transform_id="nothing", data=GARBAGE),
                    *(fn.Elements.Data(instruction_id=instruction.instruction_id, transform_id=name,
                                       is_last=True) for name in sinks)]))
            worker.answer(worker.done(instruction))

        result = self.run_on_fakes(on_bundle)
        if result != "DONE":
            self.expect_clear(result)

    def test_timers_that_are_not_there(self):
        def on_bundle(worker, instruction):
            endpoint, sinks = worker.outputs(instruction)
            if sinks:
                worker.send(endpoint, fn.Elements(
                    timers=[fn.Elements.Timers(instruction_id=instruction.instruction_id,
                                               transform_id=sinks[0], timer_family_id="none",
                                               timers=GARBAGE, is_last=True)],
                    data=[fn.Elements.Data(instruction_id=instruction.instruction_id,
                                           transform_id=name, is_last=True) for name in sinks]))
            worker.answer(worker.done(instruction))

        result = self.run_on_fakes(on_bundle)
        if result != "DONE":
            self.expect_clear(result)

    def answers_only(self, *answers):
        """A job whose workers end their data well, and then answer so (functions of worker and
        instruction)."""
        def on_bundle(worker, instruction):
            endpoint, sinks = worker.outputs(instruction)
            if sinks:
                worker.send(endpoint, fn.Elements(data=[
                    fn.Elements.Data(instruction_id=instruction.instruction_id, transform_id=name,
                                     is_last=True) for name in sinks]))
            for answer in answers:
                worker.answer(answer(worker, instruction))

        return self.run_on_fakes(on_bundle)

    def test_repeated_ids(self):
        def done(worker, instruction):
            return worker.done(instruction)

        result = self.answers_only(done, done, done)
        if result != "DONE":
            self.expect_clear(result)

    def test_answers_that_nobody_asked_for(self):
        result = self.answers_only(
            lambda *_: fn.InstructionResponse(instruction_id="nobody",
                                              process_bundle=fn.ProcessBundleResponse()),
            lambda *_: fn.InstructionResponse(),
            lambda worker, instruction: worker.done(instruction))
        if result != "DONE":
            self.expect_clear(result)

    def test_an_answer_of_another_kind(self):
        result = self.answers_only(lambda _, instruction: fn.InstructionResponse(
            instruction_id=instruction.instruction_id, register=fn.RegisterResponse()))
        if result != "DONE":
            self.expect_clear(result)

    def test_remains_of_what_is_not_there(self):
        """A split result and residuals that name transforms which the bundle does not have."""
        def answer(worker, instruction):
            response = worker.done(instruction)
            root = response.process_bundle.residual_roots.add()
            root.application.transform_id = "nothing"
            root.application.input_id = "none"
            root.application.element = GARBAGE
            return response

        self.expect_clear(self.answers_only(answer))

    def test_an_error_of_the_user(self):
        result = self.answers_only(lambda _, instruction: fn.InstructionResponse(
            instruction_id=instruction.instruction_id, error="the sky is green"))
        self.expect_clear(result)
        self.assertIn("the sky is green", result)

    def test_hanging_up_in_each_bundle(self):
        self.expect_clear(self.run_on_fakes(lambda worker, _: worker.hang_up()))

    def test_requests_for_state_that_is_not_there(self):
        answers = []

        def on_bundle(worker, instruction):
            endpoint, sinks = worker.outputs(instruction)
            keys = (fn.StateKey(), fn.StateKey(runner=fn.StateKey.Runner(key=GARBAGE)),
                    fn.StateKey(bag_user_state=fn.StateKey.BagUserState(
                        transform_id="nothing", user_state_id="none", window=GARBAGE, key=GARBAGE)),
                    fn.StateKey(iterable_side_input=fn.StateKey.IterableSideInput(
                        transform_id="nothing", side_input_id="none", window=GARBAGE)))
            requests = [fn.StateRequest(id=f"{i}", instruction_id=name, state_key=key,
                                        get=fn.StateGetRequest(continuation_token=GARBAGE))
                        for name in (instruction.instruction_id, "nobody")
                        for i, key in enumerate(keys)]
            state = worker.state_endpoint(instruction)
            if state:
                answers.extend(worker.ask_state(state, *requests))
            if sinks:
                worker.send(endpoint, fn.Elements(data=[
                    fn.Elements.Data(instruction_id=instruction.instruction_id, transform_id=name,
                                     is_last=True) for name in sinks]))
            worker.answer(worker.done(instruction))

        result = self.run_on_fakes(on_bundle)
        if result != "DONE":
            self.expect_clear(result)
        for answer in answers:
            if isinstance(answer, fn.StateResponse):
                self.assertTrue(answer.error or not answer.get.data, answer)

    def test_a_worker_that_never_comes(self):
        class Nobody:
            def is_running(self):
                return False

            def stop(self):
                pass

        # A worker may have to be fetched and unpacked first, so runners are patient.
        self.expect_clear(self.run_on_pool(self.pool(lambda _: Nobody()), limit=150))

    def test_a_pool_that_is_not_there(self):
        pool = self.pool(lambda _: None)
        pool.close()
        self.expect_clear(self.run_on_pool(pool))

    def test_strangers_at_the_port(self):
        host, _, port = SERVER.endpoint.rpartition(":")
        for data in (b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096),
                     b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 512):
            with socket.create_connection((host, int(port)), 5) as stranger:
                stranger.settimeout(5)
                # A server may hang up before it has read everything.
                with contextlib.suppress(ConnectionError, socket.timeout):
                    stranger.sendall(data)
                    stranger.recv(100)


def main():
    global OPTIONS, GO, LIMIT
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    job_server.add_server_arguments(parser)
    parser.add_argument("--limit", type=int, default=LIMIT, help="seconds for a job (%(default)s)")
    parser.add_argument("--quick", action="store_true",
                        help="without the tests that wait for the runner's time limits")
    OPTIONS, more = parser.parse_known_args()
    if OPTIONS.quick:
        for slow in ("test_a_worker_that_never_comes", "test_a_worker_that_stands_still",
                     "test_output_that_never_ends"):
            delattr(MisbehavingTest, slow)
    LIMIT = OPTIONS.limit
    GO = beam_go.built(beam_go.TESTS, "misbehaving", "build", "./misbehaving")
    try:
        unittest.main(argv=[sys.argv[0], *more], verbosity=2)
    finally:
        if SERVER is not None:
            SERVER.__exit__()


if __name__ == "__main__":
    main()
