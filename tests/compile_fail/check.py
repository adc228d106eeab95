#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# check.py SNIPPET COMPILER [flag …]: compiles SNIPPET (syntax and templates only) and checks that
# it fails as its comments say, or that it compiles:
#
#   // expect: REGEX    the first error must match it; a second such line, the second error, …
#   // errors: N        errors there may be in all (default: as many as `expect` lines)
#   // lines: N         lines of output there may be in all (default 20)
#   // compiles         instead of all the above

import re
import subprocess
import sys


def main():
    snippet, compiler, *flags = sys.argv[1:]
    with open(snippet, encoding="utf-8") as file:
        text = file.read()

    def comments(name):
        return re.findall(rf"^// {name}: (.+)$", text, re.MULTILINE)

    expected = comments("expect")
    must_compile = re.search(r"^// compiles$", text, re.MULTILINE) is not None
    if must_compile == bool(expected):
        sys.exit(f"{snippet}: needs either `// expect: REGEX` lines or `// compiles`")
    most_errors = int((comments("errors") or [len(expected)])[0])
    most_lines = int((comments("lines") or [20])[0])

    result = subprocess.run([compiler, *flags, "-fsyntax-only", "-fdiagnostics-color=never", snippet],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            check=False)
    errors = re.findall(r"^.*?(?:fatal )?error: (.*)$", result.stdout, re.MULTILINE)
    problem = None
    if must_compile:
        if result.returncode != 0:
            problem = "it must compile and doesn't"
    elif result.returncode == 0:
        problem = "it must not compile and does"
    else:
        for number, pattern in enumerate(expected):
            if number >= len(errors) or not re.search(pattern, errors[number]):
                problem = f"error {number + 1} doesn't match: {pattern}"
                break
        lines = result.stdout.count("\n")
        if problem is None and len(errors) > most_errors:
            problem = f"{len(errors)} errors, expected at most {most_errors}"
        if problem is None and lines > most_lines:
            problem = f"{lines} lines of output, expected at most {most_lines}"
    if problem:
        sys.stdout.write(result.stdout[:20000])
        sys.exit(f"{snippet}: {problem}")


main()
