# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""Programs with Beam's Java SDK: their class path, installed with Maven into build/packages and
compiled there, and the command that runs them on a job server."""

import os
import shutil
import subprocess

import job_server

# Programs: those of the tests, and those of the benchmarks.
TESTS = os.path.join(job_server.ROOT, "tests", "portability", "java")
BENCH = os.path.join(job_server.ROOT, "bench", "portable", "java")
POM = os.path.join(TESTS, "pom.xml")
REPOSITORY = os.path.join(job_server.PACKAGES, "maven")


def require_java():
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            job_server.skip(f"there is no {program}; on Debian: apt-get install "
                            "default-jdk-headless maven")


def class_path(pom, build, *goals, watched=()):
    """The class path of a project, which Maven installs when `pom` or what is `watched` has changed."""
    require_java()
    path = os.path.join(build, "classpath")
    newest = max(os.path.getmtime(file) for file in (pom, *watched))
    if not os.path.exists(path) or os.path.getmtime(path) < newest:
        print(f"installing {os.path.relpath(build, job_server.ROOT)}", flush=True)
        os.makedirs(build, exist_ok=True)
        outcome = subprocess.run(
            ["mvn", "-B", "-q", "-ntp", "-Dstyle.color=never", "-f", pom,
             f"-Dmaven.repo.local={REPOSITORY}", f"-Djava.build={build}", *goals,
             "dependency:build-classpath", "-Dmdep.includeScope=runtime",
             f"-Dmdep.outputFile={path}"],
            text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if outcome.returncode != 0:
            job_server.skip(f"mvn: {outcome.stdout.strip()[-2000:]}")
        os.utime(path)  # Maven leaves a file alone that would be the same.
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def programs(sources):
    """The class path of the programs in a folder."""
    build = os.path.join(job_server.PACKAGES,
                         f"beam-java-{os.path.relpath(sources, job_server.ROOT).partition('/')[0]}")
    path = class_path(POM, build, f"-Djava.sources={sources}", "compiler:compile",
                      watched=[file.path for file in os.scandir(sources)])
    return f"{build}/classes:{path}"


def on_job_server(path, main, endpoint, *arguments):
    """The command of a program whose worker lives in its own process."""
    return ["java", "-Xmx1g", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-cp", path, main, "--runner=PortableRunner", f"--jobEndpoint={endpoint}",
            "--defaultEnvironmentType=LOOPBACK", *arguments]
