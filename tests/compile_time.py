#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# compile_time.py SECONDS SOURCE COMPILER [flag …]: compiling SOURCE takes at most so much processor
# time, in the best of up to three attempts (a busy machine's processors are slower).

import os
import resource
import subprocess
import sys


def main():
    bound, source, *compiler = sys.argv[1:]
    attempts = []
    environment = {**os.environ, "CCACHE_DISABLE": "1"}
    while len(attempts) < 3 and min(attempts, default=1e9) > float(bound):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*compiler, "-c", source, "-o", os.devnull], check=True, env=environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        attempts.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print(f"{source}: {', '.join(f'{seconds:.1f}' for seconds in attempts)} s of at most {bound}")
    if min(attempts) > float(bound):
        sys.exit("compiling it takes too long: which header has become heavy?")


main()
