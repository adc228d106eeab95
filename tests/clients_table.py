#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""clients_table.py JOIST --pubsub=JAR --bigquery=PROGRAM PAGE: runs the suites with Google's clients
against `joist serve` and against emulators, and writes what differs into a page in Markdown, in place
of all that follows its line "## Pub/Sub".

JAR is cloud-pubsub-emulator-…-all.jar of the Google Cloud SDK, PROGRAM is local-bigquery of a Python
environment that has its DuckDB's extensions as packages: pip install local-bigquery==0.3.2
duckdb==1.5.5 duckdb-extension-{icu,json,ducklake,spatial}==1.5.5. The clients are those of the build,
in build/packages.
"""

import argparse
import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PUBSUB = "joist/serve/pubsub/pubsub_client_test.py"
BIGQUERY = "joist/serve/bigquery/testing/clients_test.py"
PACKAGES = ("google-clients-*", "pyarrow-*", "fastavro-*", "cramjam-*", "backports-zstd-*")


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def start(command, ready, **more):
    """The process, once it has said that it is ready."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               **more)
    for line in process.stdout:
        if ready in line:
            # What it says from now on is for nobody, but must go somewhere.
            subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL)
            return process
    sys.exit(f"{command[0]} has ended before it was ready")


def calls_of(suite, folder, *options):
    """What the suite notes of each call."""
    path = os.path.join(folder, "calls.json")
    packages = [max(glob.glob(f"{ROOT}/build/packages/{name}"), key=os.path.getmtime)
                for name in PACKAGES]
    subprocess.run([sys.executable, f"{ROOT}/{suite}", f"--calls={path}", *options], check=False,
                   stdout=sys.stderr, env={**os.environ, "PYTHONPATH": ":".join(packages)})
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def of_pubsub_emulator(jar, folder):
    port = free_port()
    emulator = start(["java", "-jar", jar, "--host=127.0.0.1", f"--port={port}"], "Server started")
    try:
        return calls_of(PUBSUB, folder, f"--emulator=127.0.0.1:{port}")
    finally:
        emulator.kill()


def of_bigquery_emulator(program, folder):
    # Its DuckDB looks for extensions in its user's home.
    site = glob.glob(f"{os.path.dirname(program)}/../lib/python3*/site-packages")[0]
    for extension in glob.glob(f"{site}/duckdb_extension_*/extensions/*/*.duckdb_extension"):
        version = os.path.basename(os.path.dirname(extension))
        target = f"{folder}/.duckdb/extensions/{version}/linux_amd64"
        os.makedirs(target, exist_ok=True)
        shutil.copy(extension, target)
    http, grpc = free_port(), free_port()
    emulator = start([program, "--host=127.0.0.1", f"--port={http}", f"--grpc-port={grpc}",
                      "--project=my-project", f"--data-dir={folder}"], "Uvicorn running",
                     env={**os.environ, "HOME": folder})
    try:
        return calls_of(BIGQUERY, folder, f"--emulator=127.0.0.1:{http}",
                        f"--emulator_grpc=127.0.0.1:{grpc}")
    finally:
        emulator.kill()


def table(joist, emulator, name):
    """The calls that don't go the same on both sides, and the names of the others."""
    rows = []
    same = []
    for call in sorted({*joist, *emulator}):
        here = joist.get(call)
        there = emulator.get(call)
        if here == "" and there == "":
            same.append(call)
            continue
        cells = ["ok" if text == "" else "not tried" if text is None else "**no**"
                 for text in (here, there)]
        notes = [f"{who}: {text}" for who, text in (("Joist", here), (name, there)) if text]
        rows.append("| " + " | ".join(
            cell.replace("|", "\\|") for cell in (call, *cells, "; ".join(notes))) + " |")
    good = sum(1 for text in joist.values() if text == "")
    also = sum(1 for text in emulator.values() if text == "")
    return (f"Of {len(joist)} calls that were tried {good} go as they should with Joist, {also} with "
            f"{name}.\n\n| call | Joist | {name} | |\n|---|---|---|---|\n" + "\n".join(rows) +
            "\n\nAs they should with both: " + "; ".join(same) + ".\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("joist")
    parser.add_argument("page")
    parser.add_argument("--pubsub", required=True)
    parser.add_argument("--bigquery", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=f"joist_clients_{os.getpid()}_") as folder:
        pubsub = table(calls_of(PUBSUB, folder, options.joist),
                       of_pubsub_emulator(options.pubsub, folder), "emulator")
        bigquery = table(calls_of(BIGQUERY, folder, options.joist),
                         of_bigquery_emulator(options.bigquery, folder), "local-bigquery")
    with open(options.page, encoding="utf-8") as file:
        text = file.read().partition("## Pub/Sub\n")[0]
    with open(options.page, "w", encoding="utf-8") as file:
        file.write(f"{text}## Pub/Sub\n\n{pubsub}\n## BigQuery\n\n{bigquery}")


if __name__ == "__main__":
    main()
