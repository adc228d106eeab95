#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# source_checks_test.py: the checks of this folder find what they are for, in trees made for it.

import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
LICENCE = "// Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0\n"


def output_of(check, files):
    """The exit code and output of a check on a tree of these files, a dict of path to text."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        result = subprocess.run([sys.executable, os.path.join(HERE, check), root],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                check=False)
        return result.returncode, result.stdout


class Checks(unittest.TestCase):
    def check(self, check, files, expected):
        code, output = output_of(check, files)
        self.assertEqual(code, 1 if expected else 0, output)
        for text in expected:
            self.assertIn(text, output)

    def test_layers(self):
        ok = {"joist/model/x.h": '#include "joist/base/status.h"\n'}
        self.check("layers.py", ok, [])
        for path, line in {
                "joist/base/y.h": '#include "joist/model/x.h"',
                "joist/model/y.cc": '#include "joist/sdk/pipeline.h"',
                "joist/model/z.cc": "#include <thread>",
                "joist/sdk/y.h": "#include <iostream>",
                "joist/io/text/y.cc": '#include "joist/engine/run.h"',
                "joist/io/csv/y.cc": '#include "joist/io/text/read.h"',
                "joist/engine/y.cc": "#include <google/protobuf/message.h>",
                "apps/a/main.cc": "#include <joist/engine/run.h>",
                "joist/unheard/y.cc": "#include <string>"}.items():
            self.check("layers.py", {**ok, path: line + "\n"}, [f"{path}:1: "])
        self.check("layers.py", {**ok, "joist/sdk/y_test.cc": '#include "joist/engine/run.h"\n'}, [])

    def test_conventions(self):
        header = (LICENCE + "\n#ifndef JOIST_BASE_X_H_\n#define JOIST_BASE_X_H_\n"
                  "#endif  // JOIST_BASE_X_H_\n")
        self.check("conventions.py", {"joist/base/x.h": header}, [])
        self.check("conventions.py", {"joist/base/y.h": header}, ["no include guard"])
        for text, problem in {
                "int x;\n": "doesn't begin with", LICENCE + "\tint x;\n": "a tab",
                LICENCE + "int x; \n": "blanks at the end", LICENCE + "int x;": "no newline",
                LICENCE + "\n\n": "blank line at the end"}.items():
            self.check("conventions.py", {"joist/base/x.cc": text}, [problem])
        self.check("conventions.py", {"joist/base/util.cc": LICENCE}, ["names no concept"])

    def test_docs(self):
        page = {"docs/b.md": "# A heading, `with` code\n"}
        self.check("docs.py", {**page, "a.md": "[b](docs/b.md#a-heading-with-code)\n"}, [])
        self.check("docs.py", {**page, "a.md": "[b](docs/c.md)\n"}, ["a.md:1: docs/c.md leads"])
        self.check("docs.py", {**page, "a.md": "[b](docs/b.md#x)\n"}, ["no such heading"])
        self.check("docs.py", {**page, "a.md": "x\n\n[b\nc](docs/c.md)\n"}, ["a.md:3: docs/c.md"])
        self.check("docs.py", {"a.md": "```cpp compile\nint main() {}\n```\n"}, [])
        self.check("docs.py", {"a.md": "x\n```cpp compile\nint main() { y; }\n```\n"},
                   ["a.md:2: ", "doesn't compile"])

    def check_page(self, text, expected, built=True):
        """Builds the program of a page against a header of two lines, and checks the page."""
        header = ("struct Pipeline {\n  Pipeline(int, char**) {}\n  Pipeline& Run() { return *this; }\n"
                  "  Pipeline& WaitUntilFinish() { return *this; }\n"
                  "  int exit_code() { return 0; }\n};\n")
        with tempfile.TemporaryDirectory() as root:
            for path, content in {"g/page.md": text, "include/joist/joist.h":
                                  "#include <cstdio>\nnamespace joist {\n" + header + "}\n"}.items():
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write(content)
            docs = [sys.executable, os.path.join(HERE, "docs.py"), root]
            source = subprocess.run(docs + ["--source=g/page.md"], stdout=subprocess.PIPE, text=True,
                                    check=True).stdout
            compiled = built and subprocess.run(
                [os.environ.get("CXX", "g++"), "-std=c++20", "-Wall", "-Wextra", "-Werror", "-xc++",
                 "-", f"-I{root}/include", "-o", f"{root}/page"], input=source, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            if built and compiled.returncode != 0:
                output = compiled.stdout
            else:
                result = subprocess.run(docs + [f"--programs={root}"], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, check=False)
                output = result.stdout
                self.assertEqual(result.returncode, 1 if expected else 0, output)
            for line in expected:
                self.assertIn(line, output)

    def test_examples(self):
        declare = "```cpp declare\nint two = 2;\n```\n"  # Lines 1 to 3.
        example = '```cpp example\nputs("a");\nprintf("%d\\n", two);\n```\n'  # 4 to 7.
        page = declare + example
        self.check_page(page + "```output\n2\na\n```\n", [])
        self.check_page(page + "```output\n…\na\n```\n", [])
        self.check_page(page + "```output\n2\n```\n", ["g/page.md:8: it prints", "  + a"])
        self.check_page(page + "```output\n2\na\na\n```\n", ["g/page.md:8: it prints", "  - a"])
        self.check_page(page, ["g/page.md:4: it prints something else", "  + a"])
        self.check_page(page, ["g/page.md:1: has examples and no program"], built=False)
        self.check_page("x\n```cpp example\n\nwrong;\n```\n", ["g/page.md:4:1: error"])
        program = ("```cpp example\nint main(int argc, char** argv) {\n"
                   "  puts(argv[argc - 1]);\n  return argc;\n}\n```\n")  # 1 to 6.
        self.check_page(program + "```console\n$ ./it --x\n--x\n$ echo $?\n2\n$ echo b >f\n"
                        "$ cat f\nb\n```\n", [])
        self.check_page(program + "```console\n$ ./it\n./it\n```\n", ["g/page.md:8: exits with 1"])
        self.check_page(program + "```console\n$ ./it\n./it\n$ echo $?\n2\n```\n",
                        ["g/page.md:10: it prints", "  + 1"])

    def compile(self, text):
        with tempfile.TemporaryDirectory() as folder:
            snippet = os.path.join(folder, "x.cc")
            with open(snippet, "w", encoding="utf-8") as file:
                file.write(text)
            return subprocess.run(
                [sys.executable, os.path.join(HERE, "compile_fail/check.py"), snippet,
                 os.environ.get("CXX", "g++"), "-std=c++20"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode

    def test_compile_fail(self):
        wrong = 'static_assert(false, "say so");\n'
        self.assertEqual(self.compile("// expect: say so\n" + wrong), 0)
        self.assertEqual(self.compile("// expect: other words\n" + wrong), 1)
        self.assertEqual(self.compile("// expect: say so\n" + wrong + wrong), 1)
        self.assertEqual(self.compile("// expect: say so\n// errors: 2\n" + wrong + wrong), 0)
        self.assertEqual(self.compile("// expect: say so\n// lines: 1\n" + wrong), 1)
        self.assertEqual(self.compile("// expect: say so\n"), 1)
        self.assertEqual(self.compile("// compiles\nint x;\n"), 0)
        self.assertEqual(self.compile("// compiles\n" + wrong), 1)
        self.assertEqual(self.compile("int x;\n"), 1)


unittest.main()
