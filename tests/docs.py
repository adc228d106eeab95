#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# docs.py [repository] [--programs FOLDER]: checks the repository's Markdown: every relative link
# leads to a file (and to a heading in it), every example fenced as ```cpp compile is a program that
# compiles, and, where the programs of pages are built, every example of theirs does what the page
# says.
# docs.py --source PAGE.md [repository]: prints the program of a page, one for all of its examples.
#
#   ```cpp declare    what stands at namespace scope: types, functions, tests
#   ```cpp example    a whole main function, or the steps of a pipeline `p`, which is run behind them
#   ```output         what the example before prints, the lines in any order, and nothing else
#   ```console        commands and what they print: "$ ./any_name --option" runs the example before,
#                     other commands the shell; "$ echo $?" shows an exit code that isn't 0
#
# A line "…" stands for any other lines. Examples run in the order of the page, all of a page in one
# folder, which is empty at first.

import argparse
import collections
import os
import re
import shlex
import subprocess
import sys
import tempfile
from urllib.parse import unquote

LINK = re.compile(r"!?\[[^\]]*\]\(([^()\s]+(?:\([^()]*\))?)\)")
FENCE = re.compile(r"^\s*(```+|~~~+)\s*(.*)$")
COMPILED, DECLARED, EXAMPLE = "cpp compile", "cpp declare", "cpp example"
OUTPUT, CONSOLE = "output", "console"
OF_EXAMPLE = re.compile(r"((?:\w+=\S* )*)\./\S+( |$)")  # NAME=value … ./program …
SECONDS = 60  # That a command may take.


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


def page_source(path, text):
    """The program of a page: runs the example that $JOIST_EXAMPLE names by its line."""
    includes, body, cases = {}, [], []
    for number, info, code in split(text)[1]:
        if info not in (DECLARED, EXAMPLE):
            continue
        lines = code.split("\n")
        for i, line in enumerate(lines):
            if line.startswith("#include"):
                includes.setdefault(line, number + 1 + i)
                lines[i] = ""
        code = f'#line {number + 1} "{path}"\n' + "\n".join(lines)
        if info == DECLARED:
            body.append(code)
            continue
        if re.search(r"^int main\(", code, re.M):
            # Only the real main may end without returning.
            code = re.sub(r"}\s*\Z", "return 0; }\n", code)
            body.append(f"namespace example_{number} {{\n{code}}}")
            takes_nothing = re.search(r"^int main\(\)", code, re.M)
            call = f"example_{number}::main({'' if takes_nothing else 'argc, argv'})"
        else:
            runs = "" if ".Run()" in code else "return p.Run().WaitUntilFinish().exit_code();\n"
            body.append(f"int Example{number}(int argc, char** argv) {{\n"
                        f"joist::Pipeline p(argc, argv);\n{code}{runs or 'return 0;'}\n}}")
            call = f"Example{number}(argc, argv)"
        cases.append(f"  if (example == {number}) return {call};")
    includes.setdefault("#include <joist/joist.h>", 1)
    return "\n".join(
        [f'#line {number} "{path}"\n{line}' for line, number in includes.items()]
        + ["#include <cstdlib>"] + body
        + ['#line 1 "main"',
           "int main([[maybe_unused]] int argc, [[maybe_unused]] char** argv) {",
           '  const char* line = std::getenv("JOIST_EXAMPLE");',
           "  const int example = line == nullptr ? 0 : std::atoi(line);"]
        + cases + ["  return 99;", "}", ""])


def commands_of(code):
    """The commands of a console, as (line in it, command, lines printed)."""
    commands = []
    for i, line in enumerate(code.rstrip("\n").split("\n"), 1):
        if line.startswith("$ "):
            commands.append((i, line[2:], []))
        elif commands:
            commands[-1][2].append(line)
        else:
            commands.append((i, "true", [line]))
    return commands


def difference(expected, printed):
    """What is wrong with the printed lines, or None."""
    wanted, got = collections.Counter(expected), collections.Counter(printed)
    partly = wanted.pop("…", 0) > 0
    missing, surplus = wanted - got, collections.Counter() if partly else got - wanted
    if not missing and not surplus:
        return None
    return "it prints something else:\n" + "\n".join(
        ["  - " + line for line in missing.elements()]
        + ["  + " + line for line in (got - wanted).elements()][:40])


class Examples:
    """Runs the examples of one page and compares what they print."""

    def __init__(self, program, folder, report):
        self.program, self.folder, self.report = program, folder, report
        self.example, self.checked, self.runs = None, True, 0
        self.exit_code, self.command_at = 0, None

    def run(self, command, number):
        """Runs it; returns the lines that it prints."""
        self.settle()
        environment = {**os.environ, "JOIST_EXAMPLE": str(self.example)}
        of_example = OF_EXAMPLE.match(command)
        if of_example:
            settings = of_example.group(1)
            for setting in shlex.split(settings):
                name, _, environment[name] = setting.partition("=")
            arguments = shlex.split(command[len(settings):])
        else:
            arguments = ["bash", "-c", command]
        self.runs += 1
        try:
            result = subprocess.run(
                arguments, executable=self.program if of_example else None, cwd=self.folder,
                env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, encoding="utf-8", errors="replace", timeout=SECONDS,
                check=False)
        except subprocess.TimeoutExpired:
            self.report(number, f"takes more than {SECONDS} seconds")
            return []
        self.exit_code, self.command_at = result.returncode, number
        self.last = result.stdout
        return result.stdout.splitlines()

    def settle(self):
        """No command may have failed without the page showing its exit code."""
        if self.exit_code != 0:
            self.report(self.command_at, f"exits with {self.exit_code}:\n{self.last[:2000]}")
        self.exit_code = 0

    def compare(self, number, expected, printed):
        problem = difference(expected, printed)
        if problem:
            self.report(number, problem)

    def finish_example(self):
        """An example whose output the page doesn't show has none."""
        if not self.checked:
            self.compare(self.example, [], self.run("./example", self.example))
        self.settle()
        self.checked = True

    def block(self, number, info, code):
        if info == EXAMPLE:
            self.finish_example()
            self.example, self.checked = number, False
        elif info == OUTPUT:
            self.compare(number, code.splitlines(), self.run("./example", number))
            self.checked = True
        elif info == CONSOLE:
            for line, command, expected in commands_of(code):
                if command == "echo $?":
                    printed, self.exit_code = [str(self.exit_code)], 0
                else:
                    printed = self.run(command, number + line)
                    self.checked = self.checked or bool(OF_EXAMPLE.match(command))
                self.compare(number + line, expected, printed)


def check_examples(path, blocks, programs, report):
    """Runs the examples of a page; returns how many commands that were."""
    if not any(info == EXAMPLE for _, info, _ in blocks):
        return 0
    program = os.path.join(os.path.abspath(programs), os.path.basename(path)[:-len(".md")])
    if not os.path.exists(program):
        report(1, f"has examples and no program {program}; see tests/CMakeLists.txt")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        examples = Examples(program, folder, report)
        for number, info, code in blocks:
            examples.block(number, info, code)
        examples.finish_example()
        return examples.runs


def main():
    parser = argparse.ArgumentParser(description="Checks the Markdown of a repository.")
    parser.add_argument("repository", nargs="?", default=".")
    parser.add_argument("--programs", help="folder with the programs of the pages with examples")
    parser.add_argument("--source", metavar="PAGE", help="print the program of this page")
    arguments = parser.parse_args()
    root = os.path.abspath(arguments.repository)
    if arguments.source:
        with open(os.path.join(root, arguments.source), encoding="utf-8") as file:
            sys.stdout.write(page_source(arguments.source, file.read()))
        return
    failures = examples = runs = links = 0

    for path in markdown_files(root):
        def report(number, problem, path=path):
            nonlocal failures
            failures += 1
            print(f"{path}:{number}: {problem}")

        with open(os.path.join(root, path), encoding="utf-8") as file:
            prose, blocks = split(file.read())
        text = "\n".join(line for _, line in prose)  # A link may go over two lines.
        for match in LINK.finditer(text):
            links += 1
            problem = link_problem(root, path, match.group(1))
            if problem:
                report(prose[text.count("\n", 0, match.start())][0], problem)
        for number, info, code in blocks:
            if info == COMPILED:
                examples += 1
                problem = compile_problem(root, code)
                if problem:
                    report(number, problem)
        if arguments.programs:
            runs += check_examples(path, blocks, arguments.programs, report)
    print(f"{links} links, {examples} examples compiled, {runs} commands run, {failures} faults")
    if failures:
        sys.exit(1)


main()
