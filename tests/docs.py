#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# docs.py [repository]: checks the repository's Markdown: every relative link leads to a file (and
# to a heading in it), and every example fenced as ```cpp compile is a program that compiles.

import os
import re
import subprocess
import sys
import tempfile
from urllib.parse import unquote

LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+(?:\([^()]*\))?)\)")
FENCE = re.compile(r"^\s*(```+|~~~+)\s*(.*)$")
COMPILED = "cpp compile"


def markdown_files(root):
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders
                            if name not in ("build", "node_modules", ".git", ".cache"))
        for name in sorted(names):
            if name.endswith(".md"):
                yield os.path.relpath(os.path.join(folder, name), root)


def split(text):
    """The lines outside of code, as (number, line), and the fenced blocks as (number, info, code)."""
    prose, blocks, fence = [], [], None
    for number, line in enumerate(text.split("\n"), 1):
        match = FENCE.match(line)
        if fence is None and match:
            fence, info, start, code = match.group(1), match.group(2).strip(), number, []
        elif fence is not None and line.strip().startswith(fence) and not line.strip(" `~"):
            blocks.append((start, info, "\n".join(code) + "\n"))
            fence = None
        elif fence is not None:
            code.append(line)
        else:
            prose.append((number, re.sub(r"`[^`]*`", "", line)))
    return prose, blocks


def anchors_of(text):
    """The anchors that GitHub gives to the headings of a page."""
    anchors = {}
    result = set()
    fenced = False
    for line in text.split("\n"):
        if FENCE.match(line):
            fenced = not fenced
        heading = re.match(r"#{1,6}\s+(.*?)\s*#*$", line)
        if fenced or not heading:
            continue
        title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading.group(1)).lower()
        anchor = re.sub(r"[^\w\- ]", "", title).replace(" ", "-")
        count = anchors.get(anchor, 0)
        anchors[anchor] = count + 1
        result.add(f"{anchor}-{count}" if count else anchor)
    return result


def link_problem(root, path, link):
    if re.match(r"[a-z][a-z0-9+.-]*:", link):
        return None  # Elsewhere; the check needs no network.
    target, _, anchor = unquote(link).partition("#")
    file = os.path.normpath(os.path.join(root, os.path.dirname(path), target)) if target else \
        os.path.join(root, path)
    if not os.path.exists(file):
        return f"{link} leads to nothing"
    if anchor and file.endswith(".md"):
        with open(file, encoding="utf-8") as page:
            if anchor not in anchors_of(page.read()):
                return f"{link}: the page has no such heading"
    return None


def compile_problem(root, code):
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "example.cc")
        with open(source, "w", encoding="utf-8") as file:
            file.write(code)
        result = subprocess.run(
            [os.environ.get("CXX", "g++"), "-std=c++20", "-Wall", "-Wextra", "-fsyntax-only",
             f"-I{root}", source],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode == 0 and not result.stdout:
        return None
    return "the example doesn't compile without warnings:\n" + result.stdout[:4000]


def main():
    root = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".")
    failures = examples = links = 0

    def report(path, number, problem):
        nonlocal failures
        failures += 1
        print(f"{path}:{number}: {problem}")

    for path in markdown_files(root):
        with open(os.path.join(root, path), encoding="utf-8") as file:
            prose, blocks = split(file.read())
        for number, line in prose:
            for link in LINK.findall(line):
                links += 1
                problem = link_problem(root, path, link)
                if problem:
                    report(path, number, problem)
        for number, info, code in blocks:
            if info == COMPILED:
                examples += 1
                problem = compile_problem(root, code)
                if problem:
                    report(path, number, problem)
    print(f"{links} links, {examples} examples compiled, {failures} faults")
    if failures:
        sys.exit(1)


main()
