#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# layers.py [repository]: checks that #include lines follow the layers of docs/ARCHITECTURE.md, that
# the pure layer stays pure and that public headers stay light. One line for each that doesn't.

import os
import re
import sys

# Folder below joist/ -> the folders whose headers its files may include, besides its own.
LAYERS = {
    "base": [],
    "model": ["base"],
    "exec": ["base", "model"],
    "sdk": ["base", "model", "exec"],
    "engine": ["base", "model", "exec", "sdk"],
    "transforms": ["base", "model", "sdk"],
    "sql": ["base", "model", "sdk", "transforms"],
    "ml": ["base", "model", "sdk", "transforms"],
    "portability": ["base", "model", "exec", "sdk", "engine"],
    "io": ["base", "model", "sdk", "joist.h"],
    "store": ["base", "model"],
    "serve": ["base", "model", "exec", "sdk", "engine", "transforms", "portability", "io", "store"],
    "cli": ["base", "model", "exec", "sdk", "engine", "transforms", "portability", "io", "store",
            "serve"],
    # The umbrella header, joist/joist.h.
    "joist.h": ["base", "model", "sdk", "io"],
}
# Top folders that stand on Joist.
PUBLIC = ["joist.h", "base", "model", "sdk", "transforms", "sql", "io", "store", "serve", "ml", "cli"]
TOP = {"apps": PUBLIC, "bench": PUBLIC + ["exec", "engine"], "tests": list(LAYERS)}
# What a test (fuzzer, benchmark) may include more than its module: tests run pipelines.
FOR_TESTS = ["joist.h", "base", "model", "exec", "sdk", "engine"]

# What connectors of io/ share (BigQuery reads Avro, and writes JSON); else each knows itself alone.
SHARED_BY_CONNECTORS = {"avro", "files", "google", "json", "net", "sink"}

# Headers that a layer, or every public header, must not include.
IMPURE = {"thread", "mutex", "shared_mutex", "condition_variable", "future", "chrono", "fstream",
          "iostream", "filesystem", "ctime", "unistd.h", "sys/stat.h", "fcntl.h", "time.h"}
HEAVY = re.compile(r"iostream|regex|fmt/.*|spdlog/.*|yaml-cpp/.*|nlohmann/(?!json_fwd).*|google/.*"
                   r"|grpc.*|absl/.*|gtest/.*|gmock/.*|benchmark/.*|simdjson.*|re2/.*|onnxruntime.*")
PUBLIC_HEADER_FOLDERS = {"base", "model", "exec", "sdk", "transforms", "sql", "io", "ml", "cli", "joist.h"}

# Besides the layers that speak gRPC: the connectors that do.
GRPC_LAYERS = {"portability", "serve", "store"}
GRPC_CONNECTORS = {"google", "pubsub", "bigquery"}

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
TEST_FILE = re.compile(r"_(test|fuzz|bench)\.cc$|(^|/)test(ing|s)?/")


def layer_of(path):
    """The layer of a file or of an #include below joist/: the folder, or joist.h."""
    parts = path.split("/")
    return parts[1] if parts[0] == "joist" else parts[0]


def may_speak_grpc(path):
    layer = layer_of(path)
    return layer == "bench" or layer in GRPC_LAYERS or (layer == "io" and path.split("/")[2] in GRPC_CONNECTORS)


def problems_of(path, lines):
    layer = layer_of(path)
    allowed = TOP.get(path.split("/")[0]) or LAYERS.get(layer)
    if allowed is None:
        yield 1, f"joist/{layer} is not one of the layers that tests/layers.py knows"
        return
    is_test = TEST_FILE.search(path) is not None
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        header = match.group(1)
        if header.startswith("joist/"):
            target = layer_of(header)
            if target == layer or target in allowed or (is_test and target in FOR_TESTS):
                connector = header.split("/")[2] if target == "io" else None
                if (layer == "io" == target and connector != path.split("/")[2]
                        and connector not in SHARED_BY_CONNECTORS):
                    yield number, f"{header} belongs to another connector"
                continue
            yield number, f"{header} lies above or outside what this folder may use " \
                          f"({', '.join(allowed) or 'nothing else'})"
        elif is_test:
            continue
        elif layer == "model" and header in IMPURE:
            yield number, f"<{header}> in joist/model, which knows no threads, clocks and files"
        elif (layer in PUBLIC_HEADER_FOLDERS and path.endswith(".h")
              and HEAVY.fullmatch(header)):
            yield number, f"<{header}> makes a public header slow to compile; use it in a .cc"
        elif (header.startswith(("google/", "grpc")) and not may_speak_grpc(path)):
            yield number, f"<{header}> belongs to joist/portability, joist/serve, joist/store and " \
                          "Google's connectors"


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    files = 0
    failures = 0
    for top in ("joist", "apps", "bench", "tests"):
        for folder, _, names in sorted(os.walk(os.path.join(root, top))):
            for name in sorted(names):
                if not name.endswith((".h", ".cc")):
                    continue
                files += 1
                path = os.path.relpath(os.path.join(folder, name), root)
                with open(os.path.join(root, path), encoding="utf-8") as file:
                    for number, problem in problems_of(path, file):
                        failures += 1
                        print(f"{path}:{number}: {problem}")
    if files == 0:
        sys.exit(f"{root} holds no C++ files")
    if failures:
        sys.exit(1)


main()
