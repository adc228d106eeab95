#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# fetch_package.py {pip|npm|go} PIN FOLDER [PATTERN …]: unpacks a published package into FOLDER.
#
# PIN is a text file with one line `NAME==VERSION --hash=sha256:DIGEST` and comments that begin with
# #. It is pip's own format, used for npm and Go modules as well; DIGEST is that of the wheel, the
# .tgz or the module's .zip. Of pip's wheels the one with that digest is taken, whatever machine this
# is. PATTERNs say which files are wanted (shell patterns on the path inside of the package, where *
# matches / too); without any, all of them. npm's leading package/ and a module's NAME@vVERSION/ are
# stripped.
#
# Does nothing if FOLDER is there: it appears at once, by rename, when all of it is there. Several
# may do this at the same time. Packages come through their registries' own clients, as set up on
# this machine; failing, it exits with 1 and one line that says why.

import fnmatch
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

LARGEST = 2 << 30  # Bytes that a package may unpack to.
WHEELS = ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"]


def read_pin(path):
    """The (name, version, sha256) that the file pins."""
    with open(path, encoding="utf-8") as lines:
        pins = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    match = re.fullmatch(r"(\S+)==(\S+) --hash=sha256:([0-9a-f]{64})", pins[0]) if pins else None
    if len(pins) != 1 or not match:
        sys.exit(f"{path} must have one line NAME==VERSION --hash=sha256:DIGEST")
    return match.groups()


def run(command, **more):
    """What a package client prints; it and its last words end the program if it fails."""
    try:
        client = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, check=False, **more)
    except FileNotFoundError:
        sys.exit(f"{command[0]} is needed to fetch a package and isn't installed")
    if client.returncode != 0:
        sys.stderr.write(client.stdout[-4000:])
        sys.exit(f"{command[0]} failed; its words are above. Where the network is at fault, "
                 "build again later")
    return client.stdout


def download_pip(pin, work):
    platforms = [f"--platform={platform}" for platform in WHEELS]
    run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps",
         "--disable-pip-version-check", "--only-binary=:all:", *platforms, "--python-version=3.11",
         "--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none", "--require-hashes",
         "-r", pin, "-d", work])
    return glob.glob(f"{work}/*.whl")


def download_npm(pin, work):
    name, version, _ = read_pin(pin)
    run(["npm", "pack", "--silent", "--pack-destination", work, f"{name}@{version}"], cwd=work)
    return glob.glob(f"{work}/*.tgz")


def download_go(pin, work):
    name, version, _ = read_pin(pin)
    printed = run(["go", "mod", "download", "-json", f"{name}@v{version}"], cwd=work)
    return re.findall(r'"Zip": "(.+)"', printed)


def unpack_zip(archive, wanted, folder, prefix=""):
    with zipfile.ZipFile(archive) as package:
        members = [one for one in package.infolist() if not one.is_dir()]
        for one in members:
            one.filename = one.filename.removeprefix(prefix)
        members = [one for one in members if wanted(one.filename)]
        check_size(sum(one.file_size for one in members))
        package.extractall(folder, members)


def unpack_tar(archive, wanted, folder):
    with tarfile.open(archive, "r:gz") as tar:
        size = 0
        for one in tar:
            path = one.name.partition("/")[2]
            if not one.isfile() or not wanted(path):
                continue
            if ".." in path.split("/") or path.startswith("/"):
                sys.exit(f"the package has a file with the path {one.name}")
            size += one.size
            check_size(max(size, 1))
            os.makedirs(os.path.dirname(f"{folder}/{path}"), exist_ok=True)
            with tar.extractfile(one) as source, open(f"{folder}/{path}", "wb") as target:
                shutil.copyfileobj(source, target)
        check_size(size)


def check_size(size):
    if size == 0:
        sys.exit("the package has none of the wanted files")
    if size > LARGEST:
        sys.exit(f"the package unpacks to {size} bytes, more than the {LARGEST} allowed")


def main():
    if len(sys.argv) < 4 or sys.argv[1] not in ("pip", "npm", "go"):
        sys.exit("usage: fetch_package.py {pip|npm|go} PIN FOLDER [PATTERN …]")
    kind, pin, folder, *patterns = sys.argv[1:]
    pin, folder = os.path.abspath(pin), os.path.abspath(folder)
    name, version, digest = read_pin(pin)
    if os.path.isdir(folder):
        return
    parent = os.path.dirname(folder)
    os.makedirs(parent, exist_ok=True)
    work = tempfile.mkdtemp(dir=parent, prefix=".fetch-")
    try:
        download = {"pip": download_pip, "npm": download_npm, "go": download_go}[kind]
        archives = download(pin, work)
        if len(archives) != 1:
            sys.exit(f"{kind} has not brought {name} {version}")
        with open(archives[0], "rb") as archive:
            found = hashlib.sha256(archive.read()).hexdigest()
        if found != digest:
            sys.exit(f"{name} {version} has the digest {found}, but {pin} says {digest}")

        def wanted(path):
            return not patterns or any(fnmatch.fnmatchcase(path, one) for one in patterns)

        unpacked = os.path.join(work, "unpacked")
        if kind == "npm":
            unpack_tar(archives[0], wanted, unpacked)
        else:
            unpack_zip(archives[0], wanted, unpacked, f"{name}@v{version}/" if kind == "go" else "")
        try:
            os.rename(unpacked, folder)
        except OSError:
            if not os.path.isdir(folder):  # Otherwise another build was quicker.
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


main()
