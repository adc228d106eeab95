#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# conventions.py [repository]: checks what a formatter doesn't see: licence lines, include guards,
# tabs, blanks at the end of lines, the newline at the end of files, folders that are called nothing.

import os
import re
import sys

LICENCE = "Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0"
FOLDERS = ("joist", "apps", "bench", "tests", "docs", "cmake", ".ci", ".devcontainer")
TOP_FILES = ("CMakeLists.txt", "CMakePresets.json", "CONTRIBUTING.md", "README.md", "dev",
             ".clang-format", ".clang-tidy")
WITH_LICENCE = re.compile(r"(\.(h|cc|go|java|py|sh|cmake|cmake\.in)|CMakeLists\.txt|/dev|/run|\.clang-.*)$")
# What gofmt and the go command write with tabs.
WITH_TABS = re.compile(r"(\.go|/go\.mod)$")
NO_CONCEPT = {"util", "utils", "helper", "helpers", "common", "misc"}
# Data that tests read byte for byte.
DATA = re.compile(r"(^|/)(testdata|corpus)(/|$)")


def problems_of(path, text):
    lines = text.split("\n")
    if text and not text.endswith("\n"):
        yield len(lines), "no newline at the end of the file"
    if text.endswith("\n\n"):
        yield len(lines) - 1, "blank line at the end of the file"
    for number, line in enumerate(lines, 1):
        if "\t" in line and not WITH_TABS.search(path):
            yield number, "a tab"
        if line != line.rstrip() and not path.endswith(".md"):
            yield number, "blanks at the end of the line"
    if WITH_LICENCE.search("/" + path) and not any(LICENCE in line for line in lines[:2]):
        yield 1, f"the file doesn't begin with: {LICENCE}"
    if path.endswith(".h"):
        guard = re.sub(r"[^A-Za-z0-9]", "_", path).upper() + "_"
        guard = guard if guard.startswith("JOIST_") else "JOIST_" + guard
        for directive in (f"#ifndef {guard}", f"#define {guard}"):
            if directive not in lines:
                yield 1, f"no include guard {guard}"
                break
    for part in os.path.splitext(path)[0].split("/"):
        if part in NO_CONCEPT:
            yield 1, f"'{part}' names no concept"


def files_of(root):
    for top in TOP_FILES:
        if os.path.exists(os.path.join(root, top)):
            yield top
    for top in FOLDERS:
        for folder, folders, names in os.walk(os.path.join(root, top)):
            folders[:] = sorted(name for name in folders if name != "__pycache__")
            for name in sorted(names):
                yield os.path.relpath(os.path.join(folder, name), root)


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    failures = 0
    for path in files_of(root):
        if DATA.search(os.path.dirname(path)):
            continue
        with open(os.path.join(root, path), "rb") as file:
            content = file.read()
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            continue
        for number, problem in problems_of(path, text):
            failures += 1
            print(f"{path}:{number}: {problem}")
    if failures:
        sys.exit(1)


main()
