#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# pubsub_rivals.py [messages] [batch] [rounds]: the same load (pubsub_load.cc: 1 KB messages,
# published and pulled at once) on `joist serve`, which answers when messages are durable, and on
# Google's emulator, which keeps them in memory. Each server has all rounds (1) one after the other:
# the later ones find Java warm. The emulator is that of an installed Google Cloud SDK.

import glob
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
BUILD = os.path.join(ROOT, "build", "release")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process):
    for _ in range(300):
        if process.poll() is not None:
            sys.exit(f"{process.args[0]} has ended")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit(f"nothing listens at port {port}")


def emulator_jar():
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        return None
    root = subprocess.run([gcloud, "info", "--format=value(installation.sdk_root)"],
                          capture_output=True, text=True, check=False).stdout.strip()
    jars = glob.glob(f"{root}/platform/pubsub-emulator/lib/cloud-pubsub-emulator-*.jar")
    return jars[0] if jars else None


def run(name, command, port):
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(port, server)
            for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 1):
                load = subprocess.run([os.path.join(BUILD, "bin", "pubsub_load"),
                                       f"127.0.0.1:{port}", str(server.pid), *sys.argv[1:3]],
                                      capture_output=True, text=True, timeout=600, check=False)
                print(f"{name:20} {(load.stdout or load.stderr).strip()}", flush=True)
                if load.returncode != 0:
                    return load.returncode
            return 0
        finally:
            server.terminate()


def main():
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        code = run("joist serve", [os.path.join(BUILD, "bin", "joist"), "serve", f"--data={folder}",
                                   "--http_port=-1", f"--grpc_port={port}"], port)
    jar = emulator_jar()
    if jar is None:
        print("there is no emulator: it is part of the Google Cloud SDK, and needs Java")
        return code
    port = free_port()
    return code or run("Google's emulator", ["java", "-jar", jar, "--host=127.0.0.1",
                                             f"--port={port}"], port)


sys.exit(main())
