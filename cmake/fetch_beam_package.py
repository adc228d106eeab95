#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# fetch_beam_package.py REQUIREMENTS FOLDER: unpacks the wheel that REQUIREMENTS pins into FOLDER.
# Does nothing if FOLDER is there: it appears at once, by rename, when all of it is there.

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile


def main():
    requirements, folder = sys.argv[1:]
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    os.makedirs(parent, exist_ok=True)
    work = tempfile.mkdtemp(dir=parent, prefix=".beam-")
    try:
        pip = subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
             "--only-binary=:all:", "--platform=manylinux2014_x86_64", "--python-version=3.11",
             "--implementation=cp", "--abi=cp311", "--require-hashes", "-r", requirements,
             "-d", work],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        wheels = [name for name in os.listdir(work) if name.endswith(".whl")]
        if pip.returncode != 0 or len(wheels) != 1:
            sys.stderr.write(pip.stdout)
            sys.exit(f"cannot download the package pinned in {requirements} with pip; "
                     "see above for why, then build again")
        unpacked = os.path.join(work, "unpacked")
        with zipfile.ZipFile(os.path.join(work, wheels[0])) as wheel:
            wheel.extractall(unpacked)
        try:
            os.rename(unpacked, folder)
        except OSError:
            if not os.path.isdir(folder):  # Otherwise another build was quicker.
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


main()
