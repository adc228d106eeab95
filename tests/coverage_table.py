#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# coverage_table.py BUILD: the line coverage that the tests of a coverage build have left behind, by
# module, without the tests themselves.

import collections
import json
import subprocess
import sys


def module_of(path):
    parts = path.split("/")
    depth = 3 if parts[0] == "joist" and parts[1] in ("io", "store") else 2
    return "/".join(parts[:depth])


def main():
    build = sys.argv[1]
    gcovr = subprocess.run(
        ["gcovr", "--root", ".", "--object-directory", build, "--filter", "joist/",
         "--filter", "apps/", "--exclude", r".*_(test|fuzz|bench)\.cc$",
         "--exclude-throw-branches", "--json-summary", "-j", "2", build],
        stdout=subprocess.PIPE, text=True, check=False)
    if gcovr.returncode != 0:
        sys.exit("gcovr failed")
    modules = collections.defaultdict(lambda: [0, 0])
    weakest = []
    for file in json.loads(gcovr.stdout)["files"]:
        counts = modules[module_of(file["filename"])]
        counts[0] += file["line_covered"]
        counts[1] += file["line_total"]
        if file["line_total"] >= 10:
            weakest.append((file["line_covered"] / file["line_total"], file["filename"]))
    print(f"{'module':24}{'lines':>8}{'covered':>9}{'%':>8}")
    total = [0, 0]
    for name, (covered, lines) in sorted(modules.items()):
        if lines == 0:
            continue
        total[0] += covered
        total[1] += lines
        print(f"{name:24}{lines:8}{covered:9}{100 * covered / lines:8.1f}")
    if total[1] == 0:
        sys.exit("no line was counted: did the tests run?")
    print(f"{'all':24}{total[1]:8}{total[0]:9}{100 * total[0] / total[1]:8.1f}")
    low = [f"{name} {100 * share:.0f} %" for share, name in sorted(weakest) if share < 0.8][:8]
    if low:
        print("least covered: " + ", ".join(low))


main()
