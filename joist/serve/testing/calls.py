# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""The calls of an API that a suite tries, and how each went.

    CALLS = Calls("prints what a suite does")
    with CALLS("GetTopic"):
        ...

Against `joist serve` a call that goes otherwise than it should fails its test. Against another
server (--emulator=HOST:PORT) it is noted, and the test goes on. Of one thread.
"""

import argparse
import atexit
import json
import os
import re
import signal
import subprocess
import sys
import unittest

SKIPPED = 77
# Of a call to another server; the clients' own tries go on for ten minutes.
SECONDS = 60


class Calls:
    """A table of calls; see the module."""

    def __init__(self, description):
        parser = argparse.ArgumentParser(description=description)
        parser.add_argument("joist", nargs="?", help="the joist program")
        parser.add_argument("--emulator", metavar="HOST:PORT", help="a server that runs already")
        parser.add_argument("--emulator_grpc", metavar="HOST:PORT",
                            help="its gRPC, where that is at a port of its own")
        parser.add_argument("--calls", metavar="FILE", help="gets the calls as JSON")
        self.options = parser.parse_args()
        if (self.options.joist is None) == (self.options.emulator is None):
            parser.error("give the joist program, or --emulator")
        self.outcomes = {}

    @property
    def emulator(self):
        """HOST:PORT of the other server, or None."""
        return self.options.emulator

    def serve(self, folder):
        """Starts `joist serve`: the process, and HOST:PORT of its HTTP and its gRPC."""
        server = subprocess.Popen(
            [self.options.joist, "serve", f"--data={folder}", "--http_port=0", "--grpc_port=0",
             "--log_format=none"], stdout=subprocess.PIPE, text=True)
        atexit.register(server.kill)  # Where the suite ends in the middle.
        line = server.stdout.readline()
        http, grpc = re.findall(r" on (?:http://)?([^;,]*)", line)
        return server, http, grpc

    @staticmethod
    def stop(server):
        """Ends what serve() began, in order."""
        server.terminate()
        server.wait(20)
        server.stdout.close()

    def __call__(self, name):
        return Call(self, name)

    def note(self, name, difference):
        """One bad try of a call is remembered."""
        if not self.outcomes.get(name):
            self.outcomes[name] = difference

    def run(self, seconds):
        """Runs the main module's tests, prints and keeps the table; the exit code."""
        if self.emulator is None:
            signal.signal(signal.SIGALRM, end_of_suite)
            signal.alarm(seconds)
        result = unittest.main(argv=[sys.argv[0]], exit=False, verbosity=1).result
        width = max(map(len, self.outcomes), default=0)
        for name, difference in sorted(self.outcomes.items()):
            print(f"{name:{width}}  {'DIFFERS  ' + difference if difference else 'ok'}")
        if self.options.calls:
            with open(self.options.calls, "w", encoding="utf-8") as file:
                json.dump(self.outcomes, file, indent=1, sort_keys=True)
        return 0 if result.wasSuccessful() or self.emulator is not None else 1


class Call:
    """Notes its call by whether the block fails."""

    def __init__(self, calls, name):
        self.calls = calls
        self.name = name

    def __enter__(self):
        if self.calls.emulator is not None:
            signal.signal(signal.SIGALRM, self.too_long)
            signal.alarm(SECONDS)
        return self

    def too_long(self, *_):
        raise TimeoutError(f"no end within {SECONDS} s")

    def __exit__(self, kind, error, trace):
        if self.calls.emulator is not None:
            signal.alarm(0)
        if kind is not None and not issubclass(kind, Exception):
            return False
        self.calls.note(self.name, "" if error is None else difference_of(error))
        return self.calls.emulator is not None


def end_of_suite(*_):
    raise KeyboardInterrupt("the suite takes too long")


def difference_of(error):
    """An error in a few words: what an assertion says of itself, or the server's first line."""
    if isinstance(error, NameError):
        return "not reached: the call before it failed"
    text = str(error) or type(error).__name__
    if isinstance(error, AssertionError):
        # Without the diff that unittest makes of two values.
        text = re.split(r"\s(?:First differing|First list|Second list|[-+?] )",
                        text.rsplit(" : ", 1)[-1])[0]
    else:
        # Without what is another one each time: addresses, random names.
        text = re.sub(r"\b[A-Z]+ http://\S+ ", "", f"{type(error).__name__}: {text}")
        text = re.sub(r"[0-9a-f]{32}", "…", text)
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:157] + "…"


def without_clients():
    """The environment of a program that has a Python, and clients, of its own."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def skip(missing):
    """Ends the suite: skipped, but failed where the build has the clients (PYTHONPATH)."""
    if os.environ.get("PYTHONPATH"):
        sys.exit(f"failed: {missing}, with PYTHONPATH={os.environ['PYTHONPATH']}")
    print(f"skipped: {missing}. A build that is configured with Python 3.11 and PyPI at hand has "
          "Google's clients (cmake/GoogleClients.cmake)")
    sys.exit(SKIPPED)
