# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""A pool of workers (an environment of type EXTERNAL) for tests: a runner asks it to start a worker, and
the test says what that is, a process of an SDK or a fake (fake_worker.py)."""

import concurrent.futures
import contextlib
import os
import signal
import subprocess

import grpc
from apache_beam.portability.api import beam_fn_api_pb2, beam_fn_api_pb2_grpc


class WorkerPool(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """Calls start(request) for each worker that a runner wants; what it returns is stopped with stop().
    `started` counts them."""

    def __init__(self, start):
        self.started = 0
        self._start = start
        self._workers = {}
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(self, self._server)
        self.endpoint = f"localhost:{self._server.add_insecure_port('localhost:0')}"
        self._server.start()

    def StartWorker(self, request, _):
        self.started += 1
        # Two workers of one name may be there for a while: the second in place of one that died.
        self._workers.setdefault(request.worker_id, []).append(self._start(request))
        return beam_fn_api_pb2.StartWorkerResponse()

    def StopWorker(self, request, _):
        for worker in self._workers.pop(request.worker_id, []):
            worker.stop()
        return beam_fn_api_pb2.StopWorkerResponse()

    def running(self):
        """How many workers have not ended."""
        return sum(worker.is_running() for workers in list(self._workers.values())
                   for worker in workers)

    def close(self):
        self._server.stop(None).wait()
        for workers in self._workers.values():
            for worker in workers:
                worker.stop()


class GoWorker:
    """A program with Beam's Go SDK as a worker."""

    def __init__(self, program, request):
        self._process = subprocess.Popen(
            [program, "--worker", f"--id={request.worker_id}",
             f"--logging_endpoint={request.logging_endpoint.url}",
             f"--control_endpoint={request.control_endpoint.url}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_running(self):
        return self._process.poll() is None

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
