#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# compile_time.py SECONDS SOURCE COMPILER [flag …]: compiling SOURCE takes at most so much processor
# time on a machine on which compile_time_reference.cc takes REFERENCE_SECONDS; where that takes
# longer just now, so may SOURCE. The best of up to three attempts counts.

import os
import resource
import subprocess
import sys

REFERENCE_SECONDS = 2.8
REFERENCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compile_time_reference.cc")


def seconds_of(compiler, source):
    environment = {**os.environ, "CCACHE_DISABLE": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([*compiler, "-c", source, "-o", os.devnull], check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    bound, source, *compiler = sys.argv[1:]
    for _ in range(3):
        reference = seconds_of(compiler, REFERENCE)
        seconds = seconds_of(compiler, source)
        allowed = float(bound) * max(1.0, reference / REFERENCE_SECONDS)
        print(f"{source}: {seconds:.1f} s of at most {allowed:.1f} "
              f"({bound} where the reference takes {REFERENCE_SECONDS} s; here {reference:.1f})")
        if seconds <= allowed:
            return
    sys.exit("compiling it takes too long: which header has become heavy?")


main()
