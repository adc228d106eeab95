# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""Programs with Beam's Go SDK, compiled into build/packages."""

import os
import shutil
import subprocess

import job_server

BUILD = os.path.join(job_server.PACKAGES, "beam-go-2.77.0")
# Modules: that of the tests, which has Prism too, and that of the benchmarks.
TESTS = os.path.join(job_server.ROOT, "tests", "portability", "go")
BENCH = os.path.join(job_server.ROOT, "bench", "portable", "go")
PRISM = "github.com/apache/beam/sdks/v2/go/cmd/prism"


def built(module, name, *arguments):
    """The program that `go ARGUMENTS` makes in a module, compiled once for each state of its files."""
    program = os.path.join(BUILD, name)
    sources = [os.path.join(folder, file) for folder, _, files in os.walk(module) for file in files]
    if (not os.path.exists(program)
            or os.path.getmtime(program) < max(map(os.path.getmtime, sources))):
        if shutil.which("go") is None:
            job_server.skip("there is no go command")
        print(f"compiling {os.path.relpath(program, job_server.ROOT)}", flush=True)
        os.makedirs(BUILD, exist_ok=True)
        outcome = subprocess.run(["go", *arguments[:-1], "-o", program, arguments[-1]], cwd=module,
                                 text=True, check=False, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
        if outcome.returncode != 0:
            job_server.skip(f"go {arguments[0]}: {outcome.stdout.strip()[-2000:]}")
        os.utime(program)
    return program
