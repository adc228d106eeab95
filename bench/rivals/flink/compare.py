# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""Joist beside Flink; bench/run --flink calls it. See bench/README.md.

compare.py windowed_count: the benchmark of that name as a stream of Flink (WindowedCount.java).
compare.py nexmark: Beam's own Nexmark on Flink beside the queries of joist_bench.

Flink runs in one local process, listens on loopback alone, and is installed with Maven into
build/bench-flink, where everything else that is made lies too.
"""

import argparse
import collections
import os
import re
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.abspath(os.path.join(HERE, "..", "..", ".."))
BUILD = os.path.join(ROOT, "build", "bench-flink")
JOIST_BENCH = os.environ.get("JOIST_BENCH", "build/release/bin/joist_bench")

PACKAGES = ("lang", "lang.reflect", "io", "net", "nio", "text", "time", "util", "util.concurrent",
            "util.concurrent.atomic", "util.concurrent.locks")
JAVA = ["java", "-Xms4g", "-Xmx4g", "-XX:+UseParallelGC",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        *(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in PACKAGES)]
FLINK_CONF = """\
jobmanager.bind-host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.bind-port: 0
taskmanager.memory.managed.size: 1gb
taskmanager.memory.network.min: 256mb
taskmanager.memory.network.max: 256mb
"""
# What joist_bench counts by user and minute.
JOIST_EVENTS, JOIST_USERS = 20_000_000, 1_000_000

Process = collections.namedtuple("Process", "output seconds cpu_seconds peak_bytes")


def fail(message):
    sys.exit(f"flink: {message}")


def numbers(text):
    """'1,2' or '0-8'."""
    result = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        result += range(int(first), int(last or first) + 1)
    return result


def maven(project, *goals):
    """The class path of bench/rivals/flink/PROJECT, installed and compiled."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            fail(f"there is no {program}; on Debian: apt-get install default-jdk-headless maven")
    build, path = os.path.join(BUILD, project), os.path.join(BUILD, project, "classpath")
    sources = [file.path for file in os.scandir(os.path.join(HERE, project))]
    if not os.path.exists(path) or os.path.getmtime(path) < max(map(os.path.getmtime, sources)):
        print(f"installing {project} for Flink into build/bench-flink", file=sys.stderr)
        os.makedirs(build, exist_ok=True)
        subprocess.run(
            ["mvn", "-B", "-q", "-ntp", "-Dstyle.color=never",
             "-f", os.path.join(HERE, project, "pom.xml"),
             f"-Dmaven.repo.local={BUILD}/repository", f"-Dbench.build={build}", *goals,
             "dependency:build-classpath", "-Dmdep.includeScope=runtime",
             f"-Dmdep.outputFile={path}"], check=True, stdout=sys.stderr)
        os.utime(path)  # Maven leaves a file alone that would be the same.
    with open(path, encoding="utf-8") as file:
        return f"{build}/classes:{file.read().strip()}"


def run(command, cpus=0, seconds=3600):
    """Runs a program, on the first so many processors if any are given, and measures all of it."""
    log = os.path.join(BUILD, "log")
    with open(log, "w+", encoding="utf-8") as output:
        start = time.monotonic()
        process = subprocess.Popen(
            ["timeout", str(seconds), *command], cwd=ROOT, stdout=output, stderr=output,
            preexec_fn=(lambda: os.sched_setaffinity(0, range(cpus))) if cpus else None)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        elapsed = time.monotonic() - start
        output.seek(0)
        text = output.read()
    if process.returncode != 0:
        print(text[-4000:], file=sys.stderr)
        fail(f"{' '.join(command[-8:])} failed with {process.returncode}; all it said is in {log}")
    return Process(text, elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def joist_bench(rounds, arguments):
    """Nanoseconds an element by benchmark, variant and threads."""
    os.makedirs(os.path.join(ROOT, "build/bench-data/scratch"), exist_ok=True)
    output = run([JOIST_BENCH, f"--rounds={rounds}", *arguments]).output
    nanoseconds, benchmark = {}, None
    for line in output.split("\n"):
        title = re.match(r"\*\*(\w+)\*\*", line)
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if title:
            benchmark = title.group(1)
        elif len(cells) > 5 and cells[1].isdigit():
            nanoseconds[benchmark, cells[0], int(cells[1])] = float(cells[5])
    return nanoseconds


def print_table(head, rows):
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    for row in (head, ["-" * width for width in widths], *rows):
        first, *others = (cell.ljust(width) if i == 0 else cell.rjust(width)
                          for i, (cell, width) in enumerate(zip(row, widths)))
        print("| " + " | ".join([first, *others]) + " |")


# ---- windowed_count


def values_of(text):
    line = next(line for line in text.split("\n") if line.startswith("events="))
    return dict(pair.split("=") for pair in line.split())


def by_hand(options, parallelism):
    program = os.path.join(BUILD, "count_by_hand")
    source = os.path.join(HERE, "count_by_hand.cc")
    headers = [os.path.join(ROOT, "bench", name) for name in
               ("timed_events.h", "window_results.h", "rivals/window_counts.h")]
    if not os.path.exists(program) or os.path.getmtime(program) < max(
            map(os.path.getmtime, [source, *headers])):
        subprocess.run(["g++", "-std=c++20", "-O3", "-march=native", "-pthread", f"-I{ROOT}",
                        source, "-o", program], check=True)
    return run([program, str(options.events), str(options.users), str(parallelism)])


def windowed_count(options):
    path = maven("windowed_count", "compiler:compile")
    joist = {key[1:]: 1e3 / nanoseconds for key, nanoseconds in
             joist_bench(options.rounds,
                         [f"--events={options.events}",
                          f"--checkpoint_interval={max(options.checkpoint_interval) or 1000}",
                          "windowed_count"]).items()}
    checkpoints = os.path.join(BUILD, "checkpoints")
    measured, digests = collections.defaultdict(list), set()
    for number in range(options.rounds):
        for parallelism in options.parallelism:
            runs = {"by hand": by_hand(options, parallelism)}
            for interval in options.checkpoint_interval:
                shutil.rmtree(checkpoints, ignore_errors=True)
                name = f"Flink, checkpoints each {interval} ms" if interval else "Flink"
                print(f"round {number + 1}: {name}, parallelism {parallelism}", file=sys.stderr)
                runs[name] = run(
                    [*JAVA, "-cp", path, "WindowedCount", "--events", str(options.events),
                     "--users", str(options.users), "--parallelism", str(parallelism),
                     "--checkpoint-interval", str(interval), "--checkpoint-dir", checkpoints],
                    options.cpus)
            for name, process in runs.items():
                values = values_of(process.output)
                print(f"  {name}: {' '.join(f'{k}={v}' for k, v in values.items())}",
                      file=sys.stderr)
                digests.add(tuple(values[key] for key in ("entries", "sum", "mixed_sum")))
                measured[name, parallelism].append((process, values))
    shutil.rmtree(checkpoints, ignore_errors=True)
    if len(digests) != 1:
        fail(f"results differ: {digests}")

    rows = []
    for (name, parallelism), runs in sorted(measured.items(), key=lambda item: item[0][1]):
        seconds = statistics.median(float(values["seconds"]) for _, values in runs)
        speed = options.events / seconds * 1e-6
        kind = "checkpoints" if "checkpoints" in name else "stream"
        of_joist = joist.get((f"Joist, FixedWindows, {kind}", parallelism))
        cores = statistics.median(process.cpu_seconds / process.seconds for process, _ in runs)
        peak = statistics.median(process.peak_bytes for process, _ in runs)
        rows.append([
            name, parallelism, f"{seconds:.3f}", f"{speed:.2f}",
            f"{of_joist / speed:.1f}" if of_joist else "",
            min((int(values["checkpoints"]) for _, values in runs if "checkpoints" in values),
                default=""), f"{cores:.2f}", f"{peak * 1e-6:.0f}"])
    rows += [[name, threads, "", f"{speed:.2f}", "", "", "", ""]
             for (name, threads), speed in joist.items() if name.startswith("Joist")]
    results = int(digests.pop()[0])
    print(f"\n**windowed_count on Flink** — {options.events:,} events of {options.users:,} users, "
          f"{results:,} results ({options.rounds} rounds)\n")
    print_table(["variant", "parallelism", "median s", "M/s", "Joist's stream is × as fast",
                 "checkpoints", "cores", "peak MB"], rows)
    print("\nEvery digest was the same. From the first event to the last result; cores and memory "
          "are of the whole process.\nJoist's checkpoints are as often as Flink's.")
    if options.users != JOIST_USERS:
        print(f"Joist's rows are joist_bench's, of {JOIST_USERS:,} users, which have other numbers "
              "of results an event.")


# ---- nexmark


def beam_on_flink(path, options, query, mode, parallelism):
    events = options.events or (5_000_000 if mode == "batch" else 1_000_000)
    process = run(
        [*JAVA, "-cp", path, "org.apache.beam.sdk.nexmark.Main", "--runner=FlinkRunner",
         "--flinkMaster=[local]", f"--flinkConfDir={BUILD}/conf", "--fasterCopy=true",
         "--objectReuse=true", "--manageResources=false", "--monitorJobs=true",
         f"--parallelism={parallelism}", f"--query={query}", f"--numEvents={events}",
         f"--streaming={'true' if mode == 'streaming' else 'false'}"], options.cpus)
    found = re.search(r"^ +0000 +([\d.]+) +([\d.]+)", process.output, re.MULTILINE)
    if not found:
        fail(f"query {query} in {mode} mode has no result; all it said is in {BUILD}/log")
    return float(found.group(2))


def nexmark(options):
    path = maven("nexmark")
    os.makedirs(os.path.join(BUILD, "conf"), exist_ok=True)
    with open(os.path.join(BUILD, "conf", "flink-conf.yaml"), "w", encoding="utf-8") as file:
        file.write(FLINK_CONF)
    names = ["nexmark_events", *(f"nexmark_{query}" for query in options.queries)]
    nanoseconds, streams = {}, {}
    for (name, variant, threads), value in joist_bench(options.rounds, names).items():
        if variant == "Joist, stream with generator":
            streams[name, threads] = value
        elif variant.startswith("Joist"):
            nanoseconds[name, threads] = value
    for mode in options.mode.split(","):
        rows = []
        for query in options.queries:
            for parallelism in options.parallelism:
                print(f"query {query}, {mode}, parallelism {parallelism}", file=sys.stderr)
                beam = statistics.median(
                    beam_on_flink(path, options, query, mode, parallelism)
                    for _ in range(options.rounds))
                key = f"nexmark_{query}", parallelism
                of_stream = mode == "streaming" and key in streams
                joist = 1e9 / (streams[key] if of_stream else
                               nanoseconds[key] + nanoseconds["nexmark_events", parallelism])
                rows.append([query, parallelism, "stream" if of_stream else "has an end",
                             f"{joist:,.0f}", f"{beam:,.0f}", f"{joist / beam:.1f}"])
        print(f"\n**Nexmark, Beam on Flink in {mode} mode** ({options.rounds} rounds)\n")
        print_table(["query", "parallelism", "Joist's input", "Joist, events/s",
                     "Beam on Flink, events/s", "ratio"], rows)
        sys.stdout.flush()
    print("\nBoth generate their events in the process and take them in. Where Joist's input has an "
          "end, its time is the sum of making\nthe events by itself and of the query over them, from "
          "memory; of query 6 always, as what a stream's panes have depends on\nwhen events come. The "
          "generators have the same distributions and not the same events: Beam's divides its events "
          "among 100\ngenerators whose times run side by side. Beam's rate is Nexmark's own, from the "
          "first event to the last result.")


def main():
    parser = argparse.ArgumentParser(prog="bench/run --flink")
    commands = parser.add_subparsers(dest="command", required=True)
    count = commands.add_parser("windowed_count", help="a stream of Flink's DataStream")
    count.add_argument("--events", type=int, default=JOIST_EVENTS)
    count.add_argument("--users", type=int, default=JOIST_USERS)
    count.add_argument("--checkpoint-interval", type=numbers, default=[0, 1000], metavar="MS,…",
                       help="0: without checkpoints (default 0,1000)")
    queries = commands.add_parser("nexmark", help="Beam's Nexmark on Flink")
    queries.add_argument("--queries", type=numbers, default=numbers("0-8"))
    queries.add_argument("--mode", default="batch,streaming")
    queries.add_argument("--events", type=int, default=0,
                         help="of Beam (default 5 M in batch mode, 1 M in streaming mode)")
    for command in (count, queries):
        command.add_argument("--parallelism", type=numbers, default=[1, 2])
        command.add_argument("--rounds", type=int, default=1)
        command.add_argument("--cpus", type=int, default=0,
                             help="processors that Flink may use (default all)")
    options = parser.parse_args()
    os.makedirs(BUILD, exist_ok=True)
    {"windowed_count": windowed_count, "nexmark": nexmark}[options.command](options)


main()
