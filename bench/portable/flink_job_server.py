#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""flink_job_server.py --port=N [--install]: Beam's job server with a Flink 1.19 in its own process, for
portable_rivals.py --flink=localhost:N --flink_pid=PID. It becomes Java, so its process id stays. Beam's
part of it listens on every interface, and has no option for that. The jars (158 MB) are installed with
Maven into build/packages; --install does no more.
"""

import argparse
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "portability"))

import beam_java  # pylint: disable=wrong-import-position
import job_server  # pylint: disable=wrong-import-position

POM = os.path.join(ROOT, "bench", "portable", "flink_pom.xml")
BUILD = os.path.join(job_server.PACKAGES, "beam-flink-1.19")
FLINK_CONF = """\
jobmanager.bind-host: 127.0.0.1
taskmanager.bind-host: 127.0.0.1
rest.bind-address: 127.0.0.1
rest.bind-port: 0
"""
PACKAGES = ("lang", "util", "net", "nio", "time")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, help="where it takes jobs")
    parser.add_argument("--parallelism", type=int, default=os.cpu_count(), help="(%(default)s)")
    parser.add_argument("--memory", default="4g", help="Java's heap (%(default)s)")
    parser.add_argument("--install", action="store_true", help="install the jars, start nothing")
    options = parser.parse_args()
    path = beam_java.class_path(POM, BUILD)
    jars = path.split(":")
    print(f"{len(jars)} jars, {sum(map(os.path.getsize, jars)) / 1e6:.0f} MB", flush=True)
    if options.install:
        return
    if options.port is None:
        parser.error("--port says where it takes jobs")
    conf = os.path.join(BUILD, "conf")
    os.makedirs(conf, exist_ok=True)
    with open(os.path.join(conf, "flink-conf.yaml"), "w", encoding="utf-8") as file:
        file.write(f"{FLINK_CONF}parallelism.default: {options.parallelism}\n")
    os.execvp("java", [
        "java", f"-Xmx{options.memory}", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
        *(f"--add-opens=java.base/java.{name}=ALL-UNNAMED" for name in PACKAGES), "-cp", path,
        "org.apache.beam.runners.flink.FlinkJobServerDriver", "--flink-master=[local]",
        f"--flink-conf-dir={conf}", "--job-host=localhost", f"--job-port={options.port}",
        "--artifact-port=0", "--expansion-port=0"])


if __name__ == "__main__":
    main()
