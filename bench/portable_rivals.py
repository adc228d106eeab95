#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""portable_rivals.py [option …]: pipelines of Beam's SDKs (bench/portable/) on Joist's runner, beside
Prism, the Python SDK's own runner in its process, and Beam on Flink. One run, one table; each result
is checked. Runners take turns within a round; figures are medians over the rounds.

  bench/portable_rivals.py
  bench/portable_rivals.py --pipelines=grouping --grouping=10000000 --joist_option=--memory=512MB

Each measurement has a runner of its own, started for it, and a process of the SDK that is client and
worker (LOOPBACK). Processor time and peak memory are the runner's, with all processes that it has
started, and the SDK's, from submission to the end. Flink's job server is one that is there
(--flink=HOST:PORT, --flink_pid), so its memory is that of all that it has done.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build", "release")
sys.path += [os.path.join(ROOT, "bench", "portable"), os.path.join(ROOT, "tests", "portability")]

import beam_go  # pylint: disable=wrong-import-position
import job_server  # pylint: disable=wrong-import-position
import zipf_text  # pylint: disable=wrong-import-position

# Name: (size unless another is given, its unit, SDK).
PIPELINES = {"word_count": (20, "MB", "python"), "windowed_count": (200_000, "events", "python"),
             "grouping": (1_000_000, "pairs", "python"),
             "side_inputs": (100_000, "elements", "python"), "go_word_count": (20, "MB", "go")}
FN_API_RUNNER = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"
TICK = os.sysconf("SC_CLK_TCK")
GOAL_WALL, GOAL_SHARE = 1.15, 5


class Usage:
    """Processor time and peak memory of a process and of all that come from it. A thread looks at them
    ten times a second: what starts and ends in between is known by its parent's processor time."""

    def __init__(self, pid):
        self._pid = pid
        self._peaks, self._written = {}, {}
        self._ended = threading.Event()
        self._begin = self._look()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _look(self):
        """Processor seconds of the processes that there are and of those that they have waited for."""
        processes = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                        fields = file.read().rpartition(")")[2].split()
                    processes[int(name)] = int(fields[1]), sum(map(int, fields[11:15])) / TICK
                except (OSError, ValueError):
                    pass
        family, size = {self._pid}, 0
        while len(family) > size:
            size = len(family)
            family |= {pid for pid, (parent, _) in processes.items() if parent in family}
        for pid in family:
            try:
                with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
                    for line in file:
                        if line.startswith("VmHWM:"):
                            self._peaks[pid] = int(line.split()[1]) * 1024
                        elif line.startswith("RssAnon:"):
                            self._written[pid] = max(self._written.get(pid, 0),
                                                     int(line.split()[1]) * 1024)
            except OSError:
                pass
        return sum(processes[pid][1] for pid in family if pid in processes)

    def _watch(self):
        while not self._ended.wait(0.1):
            self._look()

    def end(self):
        """(processor seconds since the beginning, peak bytes, those of them that were written to and
        so are nobody else's), as long as the process is there."""
        self._ended.set()
        self._thread.join()
        seconds = self._look() - self._begin
        return seconds, sum(self._peaks.values()), sum(self._written.values())


def client_of(options, pipeline, size, endpoint):
    """The command of the SDK's process, which prints one line of JSON; without endpoint for the SDK's
    own runner. None where the SDK has none."""
    sdk = PIPELINES[pipeline][2]
    if sdk == "go":
        return [beam_go.built(beam_go.BENCH, "wordcount", "build", "./wordcount"),
                f"--endpoint={endpoint}", "--environment_type=LOOPBACK",
                f"--input={zipf_text.path_of(size, options.data)}"] if endpoint else None
    return [options.python, os.path.join(ROOT, "bench", "portable", "run_pipeline.py"), pipeline,
            str(size), options.data,
            *(["--runner=PortableRunner", f"--job_endpoint={endpoint}",
               "--environment_type=LOOPBACK"] if endpoint else [f"--runner={FN_API_RUNNER}"])]


def measure(options, runner, pipeline, size, log):
    """What one run of the pipeline took: {"seconds", "cpu", "peak", "wrong"} of the SDK, with a runner
    of its own also {"runner_cpu", "runner_peak", "runner_written"}. None if there is no such run."""
    with contextlib.ExitStack() as stack:
        endpoint, pid = "", None
        if runner == "Flink":
            endpoint, pid = options.flink, options.flink_pid
        elif runner != "in-process":
            which = argparse.Namespace(joist=None, prism=None, endpoint=None, server_log=None)
            setattr(which, runner.lower(), getattr(options, runner.lower()))
            server = stack.enter_context(job_server.JobServer(
                which, *(options.joist_option if runner == "Joist" else [])))
            endpoint, pid = server.endpoint, server.pid()
        command = client_of(options, pipeline, size, endpoint)
        if command is None:
            return None
        usage = Usage(pid) if pid else None
        try:
            client = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, text=True,
                                    timeout=options.limit, check=False)
            result = (json.loads(client.stdout.splitlines()[-1]) if client.stdout else
                      {"wrong": f"the SDK's process ended with {client.returncode}"})
        except subprocess.TimeoutExpired:
            result = {"wrong": f"no end after {options.limit} s"}
        if usage:
            result["runner_cpu"], result["runner_peak"], result["runner_written"] = usage.end()
        return result


def median(results, what):
    values = [result[what] for result in results if what in result]
    return statistics.median(values) if values else None


def print_table(head, rows):
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    for row in (head, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) if i < 2 else cell.rjust(width)
                                for i, (cell, width) in enumerate(zip(row, widths))) + " |")


def number(value, digits=1):
    return "" if value is None else f"{value:.{digits}f}"


def per_second(size, seconds):
    return number(seconds and size / seconds, 0 if seconds and size / seconds >= 100 else 2)


def table_row(size, unit, runner, results):
    wall, cpu = median(results, "seconds"), median(results, "cpu")
    peak, runner_peak = median(results, "peak"), median(results, "runner_peak")
    written = median(results, "runner_written")
    wrong = next((result["wrong"] for result in results if result["wrong"]), "")
    return [f"{size} {unit}", runner, number(wall), per_second(size, wall), number(cpu),
            number(wall and cpu and wall / cpu, 2), number(median(results, "runner_cpu")),
            number(runner_peak and runner_peak / 1e6, 0), number(written and written / 1e6, 0),
            number(peak and peak / 1e6, 0),
            "no" if wrong else "yes"]


def goals(name, by_runner):
    """How Joist stands to what is asked of it."""
    joist = by_runner["Joist"]
    parts = [f"wall {median(joist, 'seconds') / median(joist, 'cpu'):.2f} × the SDK's processor time "
             f"(asked: {GOAL_WALL})"]
    if "Prism" in by_runner:
        for what, word in (("runner_cpu", "processor time"), ("runner_peak", "memory"),
                           ("runner_written", "memory without code")):
            ours, theirs = median(joist, what), median(by_runner["Prism"], what)
            if ours and theirs:
                parts.append(f"{word} 1/{theirs / ours:.1f} of Prism's (asked: 1/{GOAL_SHARE})")
    return f"{name}: Joist: {', '.join(parts)}"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=os.path.join(BUILD, "beam-python"),
                        help="an interpreter that has Beam's SDK (%(default)s)")
    parser.add_argument("--joist", default=os.path.join(BUILD, "bin", "joist"))
    parser.add_argument("--joist_option", action="append", default=[],
                        help="an option for its job server, as often as is needed")
    parser.add_argument("--prism", help="Prism's program; compiled unless it is given")
    parser.add_argument("--flink", default="", help="HOST:PORT of Flink's job server")
    parser.add_argument("--flink_pid", type=int, default=0, help="its process")
    parser.add_argument("--runners", default="Joist,Prism,in-process,Flink",
                        help="of these those that are there (%(default)s)")
    parser.add_argument("--pipelines", default=",".join(PIPELINES), help="(%(default)s)")
    for pipeline, (size, unit, _) in PIPELINES.items():
        parser.add_argument(f"--{pipeline}", type=int, default=size, metavar=unit.upper(),
                            help=f"size of {pipeline} (%(default)s)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--limit", type=float, default=600, help="seconds of one measurement")
    parser.add_argument("--data", default=os.path.join(ROOT, "build", "bench-data"))
    options = parser.parse_args()

    pipelines = options.pipelines.split(",")
    for pipeline in pipelines:
        if pipeline not in PIPELINES:
            parser.error(f"there is no pipeline {pipeline}; there are {', '.join(PIPELINES)}")
    has_go = shutil.which("go") is not None
    there = {"Joist": os.path.exists(options.joist), "Prism": options.prism or has_go,
             "in-process": True, "Flink": options.flink}
    runners = []
    for runner in options.runners.split(","):
        if runner not in there:
            parser.error(f"there is no runner {runner}; there are {', '.join(there)}")
        if there[runner]:
            runners.append(runner)
        else:
            print(f"without {runner}: it is not there", file=sys.stderr)
    if not has_go:
        pipelines = [one for one in pipelines if PIPELINES[one][2] != "go"]
    if "Prism" in runners and not options.prism:
        options.prism = beam_go.built(beam_go.TESTS, "prism", "build", beam_go.PRISM)
    os.makedirs(options.data, exist_ok=True)

    rows, lines, failed = [], [], False
    with tempfile.TemporaryFile("w+") as log:
        for pipeline in pipelines:
            size = getattr(options, pipeline)
            by_runner = {}
            for turn in range(options.rounds):
                for runner in runners if turn % 2 == 0 else reversed(runners):
                    result = measure(options, runner, pipeline, size, log)
                    if result is None:
                        continue
                    by_runner.setdefault(runner, []).append(result)
                    print(f"{pipeline}, {runner}: " + (result["wrong"] or
                          f"{result['seconds']:.1f} s"), file=sys.stderr, flush=True)
            for runner, measured in by_runner.items():
                rows.append([pipeline, *table_row(size, PIPELINES[pipeline][1], runner, measured)])
                wrong = [f"{pipeline}, {runner}: {one['wrong']}" for one in measured if one["wrong"]]
                failed = failed or bool(wrong)
                lines += wrong
                if runner == "Joist" and not wrong:
                    lines.append(goals(pipeline, by_runner))
    print_table(["pipeline", "size", "runner", "wall s", "units/s", "SDK's CPU s", "wall / SDK's CPU",
                 "runner's CPU s", "runner's peak MB", "without code", "SDK's peak MB", "right"], rows)
    print("\n".join(lines))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
