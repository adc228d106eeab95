#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""Links a program with static libraries: the linker's command stands behind this program's name, and
runs with each libNAME.so in it replaced by the libNAME.a beside it, where there is one.

A program that takes a part of large libraries is smaller in memory so: nothing but what it calls is
there, and start-up code lies together. CMake's imported targets name the shared libraries, as
Debian's packages of gRPC and RocksDB tell it.
"""

import os
import re
import subprocess
import sys


def static(argument):
    match = re.fullmatch(r"(/.*/lib[^/]+?)\.so[.\d]*", argument)
    archive = match and match[1] + ".a"
    return archive if archive and os.path.exists(archive) else argument


command = [static(argument) for argument in sys.argv[1:]]
sys.exit(subprocess.run(command, check=False).returncode)
