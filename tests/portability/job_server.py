# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""What the suites of Beam's SDKs have in common: the server that they are run against, programs with
a time limit, and the list of what must pass.

A server is `joist job-server`, Prism, or whatever listens at an endpoint that the caller gives.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGES = os.path.join(ROOT, "build", "packages")
# What a test that cannot run here ends with: CTest's SKIP_RETURN_CODE.
SKIPPED = 77


def skip(message):
    print(f"skipped: {message}")
    sys.exit(SKIPPED)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def add_server_arguments(parser):
    """--joist, --prism and --endpoint, one of which says where jobs go."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("--joist", metavar="PROGRAM", help="the joist program: starts its job server")
    group.add_argument("--prism", metavar="PROGRAM", help="the prism program: starts it")
    group.add_argument("--endpoint", metavar="HOST:PORT", help="a job server that is there already")
    parser.add_argument("--server-log", metavar="FILE", help="what the server says (default: nowhere)")


class JobServer:
    """A job server on loopback; `endpoint` is for clients, `name` for people. As a context it ends the
    server that it started, and only that."""

    def __init__(self, options, *more):
        self._process = None
        self._log = None
        self._folder = None
        self.endpoint = options.endpoint
        self.name = "the server"
        if options.endpoint:
            return
        port = free_port()
        self.endpoint = f"localhost:{port}"
        self._folder = tempfile.TemporaryDirectory(prefix=f"joist_jobs_{os.getpid()}_")
        if options.joist:
            self.name = "joist"
            command = [os.path.abspath(options.joist), "job-server", f"--port={port}", *more]
        else:
            self.name = "prism"
            command = [os.path.abspath(options.prism), f"--job_port={port}", "--serve_http=false",
                       f"--web_port={free_port()}"]
        self._log = (open(options.server_log, "ab") if options.server_log
                     else open(os.devnull, "wb"))
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log,
                                         cwd=self._folder.name)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                sys.exit(f"{' '.join(command)} ended with {self._process.returncode}")
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            time.sleep(0.05)
        self.__exit__()
        sys.exit(f"{' '.join(command)} does not listen at port {port} after 30 s")

    def pid(self):
        """The server's process, or None when somebody else started it."""
        return self._process.pid if self._process else None

    def kill(self):
        """Ends the server's process as kill -9 does."""
        self._process.kill()
        self._process.wait()

    def is_alive(self):
        """Whether it still accepts connections."""
        host, _, port = self.endpoint.rpartition(":")
        try:
            socket.create_connection((host, int(port)), 5).close()
        except OSError:
            return False
        return self._process is None or self._process.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._log:
            self._log.close()
        if self._folder:
            self._folder.cleanup()


class Outcome:
    """How a program ended: `status` (None when its time was up), all that it said, and seconds."""

    def __init__(self, status, text, seconds):
        self.status = status
        self.text = text
        self.seconds = seconds


def run(command, limit, **more):
    """Runs a program and all that it starts for at most `limit` seconds."""
    begin = time.monotonic()
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said,
                              stderr=subprocess.STDOUT, start_new_session=True, **more) as process:
            try:
                status = process.wait(limit)
            except subprocess.TimeoutExpired:
                status = None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        said.seek(0)
        text = said.read().decode("utf-8", "replace")
    return Outcome(status, text, time.monotonic() - begin)


def names_in(path):
    """The names of a list: one a line, `#` begins a comment."""
    with open(path, encoding="utf-8") as file:
        lines = (line.partition("#")[0].strip() for line in file)
        return [line for line in lines if line]


def closing(results, expected):
    """Prints what differs from the list of names that must pass, and a closing line. `results` has
    (name, "pass" | "fail" | "skip"). Returns the exit code: a listed test that does not pass or is
    not there is a failure."""
    outcomes = dict(results)
    broken = [name for name in expected if outcomes.get(name) != "pass"]
    for name in broken:
        print(f"must pass, but did not ({outcomes.get(name, 'not there')}): {name}")
    for name, outcome in results:
        if outcome == "pass" and name not in expected:
            print(f"passes, and is not listed: {name}")
    counts = [f"{sum(outcome == kind for _, outcome in results)} {kind}"
              for kind in ("pass", "fail", "skip")]
    print(f"{len(results)} tests: {', '.join(counts)}; {len(expected)} must pass, "
          f"{len(broken)} of them did not")
    return 1 if broken else 0
