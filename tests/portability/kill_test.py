#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""kill_test.py --joist=PROGRAM [--windows] [--numbers=N] [--kills=N]: a streaming job of Beam's Python
SDK with state (counting_job.py), whose job server is killed again and again: the job is submitted anew
and goes on from its last checkpoint. In the end each number has been counted exactly once; and with
--windows, whose type is the program's own, the job has forgotten those that are over."""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time

import counting_job
import job_server

HERE = os.path.dirname(os.path.abspath(__file__))


def has_checkpoint(folder):
    return os.path.isdir(folder) and any("checkpoint" in name for name in os.listdir(folder))


def totals(path):
    """The last that was said of each key: how many numbers it has, and their sum."""
    last = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                key, count, total = map(int, line.split())
                if count >= last.get(key, (0, 0))[0]:
                    last[key] = (count, total)
    return last


def expected_totals(options):
    keys = {}
    for number in range(options.numbers):
        if options.windows:
            key = number // 100 * 2 + number % 2
            keys.setdefault(counting_job.GROUPS + key, []).append(number)
        else:
            key = number % counting_job.KEYS
        keys.setdefault(key, []).append(number)
    return {key: (len(numbers), sum(numbers)) for key, numbers in keys.items()}


def largest_step(joist, folder):
    """The bytes of state of the step that has most, in the newest checkpoint."""
    shown = subprocess.run([joist, "checkpoint", "show", folder], capture_output=True, text=True,
                           check=True).stdout
    # A line that says which checkpoint it is, one of titles, and one for each step.
    return max(int(line.split()[-1]) for line in shown.splitlines()[2:] if line)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    job_server.add_server_arguments(parser)
    parser.add_argument("--numbers", type=int, default=20000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--windows", action="store_true", help="of a type of the program's own")
    options = parser.parse_args()
    random.seed(1)
    kills = 0
    with tempfile.TemporaryDirectory(prefix=f"joist_kill_{os.getpid()}_") as folder:
        state = os.path.join(folder, "state")
        checkpoints = os.path.join(state, "counting")
        result = os.path.join(folder, "result")
        job = [sys.executable, os.path.join(HERE, "counting_job.py")]
        while True:
            with job_server.JobServer(options, f"--state_dir={state}") as server:
                client = subprocess.Popen(
                    [*job, server.endpoint, "counting", str(options.numbers), result,
                     *(["windows"] if options.windows else [])],
                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                if kills < options.kills:
                    seen = totals(result)
                    deadline = time.monotonic() + 60
                    while client.poll() is None and time.monotonic() < deadline and (
                            not has_checkpoint(checkpoints) or totals(result) == seen):
                        time.sleep(0.05)
                    time.sleep(random.uniform(0.3, 1.2))
                    if client.poll() is None:
                        server.kill()
                        kills += 1
                        client.kill()
                        client.communicate()
                        continue
                output, _ = client.communicate(timeout=300)
                if client.returncode != 0:
                    sys.exit(f"the job has failed:\n{output[-3000:]}")
            break
        expected = expected_totals(options)
        found = totals(result)
        if found != expected:
            sys.exit(f"after {kills} kills: {found}, and should be {expected}")
        # Each window that it has ever seen would take more than eight bytes.
        if options.windows and options.joist:
            largest = largest_step(options.joist, checkpoints)
            if largest > 8 * len(expected) / 2:
                sys.exit(f"a step has {largest} bytes of state when all is done")
        if kills < options.kills:
            sys.exit(f"the job ended after {kills} kills; give it more --numbers")
        print(f"killed {kills} times: each of {options.numbers} numbers was counted once")


main()
