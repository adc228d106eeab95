# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""The part of docs/internals/beam-suites.md that has the results of Beam's Python suites: from the
line "## Python" to the next heading of its kind. Results that are there and are not of the run at hand
stay, so the columns of several servers can be written on different days."""

import re

from beam_tests import RUNS

HEADING = "## Python"
OUTCOME = {"pass": "", "fail": "**fails**", "skip": "skipped"}


def split_row(line):
    return [cell.strip().replace("\\|", "|")
            for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def row(cells):
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |\n"


def parse(text):
    """({(run, server): {test: cell}}, {(run, test, server): why}) of the part of the page."""
    cells, whys = {}, {}
    suite = columns = None
    for line in text.splitlines():
        if line.startswith("### "):
            suite, columns = line[4:], None
        elif not line.startswith("|"):
            columns = None
        elif columns is None:
            columns = split_row(line)
        elif line.startswith("|---"):
            continue
        elif columns[0] == "test" and columns[1] == "runs":
            test, runs, server, why = split_row(line)
            whys.update({(run, test, server): why for run in runs.split(", ")})
        elif columns[0] == "test" and suite:
            test, *values = split_row(line)
            for column, value in zip(columns[1:], values):
                server, _, run = column.partition(": ")
                if value:
                    cells.setdefault((run, server), {})[test] = value
    return cells, whys


def outcome_of(cell):
    return {"**fails**": "fail", "skipped": "skip"}.get(cell, "pass")


def summary(cells, servers):
    yield row(["run", "SDK's code", "mode", *servers])
    yield "|---" * (3 + len(servers)) + "|\n"
    for run, (_, environment, mode) in RUNS.items():
        columns = []
        for server in servers:
            tests = cells.get((run, server), {})
            outcomes = [outcome_of(cell) for cell in tests.values()]
            seconds = sum(float(cell) for cell in tests.values() if outcome_of(cell) == "pass")
            columns.append(f"{outcomes.count('pass')} pass, {outcomes.count('fail')} fail, "
                           f"{outcomes.count('skip')} skipped; {seconds:.0f} s" if tests else "")
        yield row([run, environment, mode, *columns])


def written(cells, whys):
    """The part of the page."""
    servers = sorted({server for _, server in cells})
    yield f"{HEADING}\n\nSeconds of all tests of a run that pass, one after the other.\n\n"
    yield from summary(cells, servers)
    for suite in dict.fromkeys(suite for suite, _, _ in RUNS.values()):
        columns = [(run, server) for server in servers for run in RUNS
                   if RUNS[run][0] == suite and (run, server) in cells]
        tests = sorted({test for column in columns for test in cells[column]})
        if not tests:
            continue
        yield f"\n### {suite}\n\nSeconds of a test that passes.\n\n"
        yield row(["test", *(f"{server}: {run}" for run, server in columns)])
        yield "|---" * (1 + len(columns)) + "|\n"
        for test in tests:
            yield row([test, *(cells[column].get(test, "") for column in columns)])
    yield "\n### What is said of failures and of what is skipped\n\n"
    yield row(["test", "runs", "server", "words"])
    yield "|---|---|---|---|\n"
    grouped = {}
    for (run, test, server), why in whys.items():
        grouped.setdefault((test, server, why), []).append(run)
    for (test, server, why), runs in sorted(grouped.items()):
        yield row([test, ", ".join(sorted(runs, key=list(RUNS).index)), server, why])


def refresh(path, server, all_results):
    """Puts the results, {run: {test: (outcome, seconds, why)}}, into the page."""
    with open(path, encoding="utf-8") as file:
        before, heading, rest = file.read().partition(f"{HEADING}\n")
    ours, next_heading, after = rest.partition("\n## ")
    cells, whys = parse(ours) if heading else ({}, {})
    for run, results in all_results.items():
        for test, (outcome, seconds, why) in results.items():
            cells.setdefault((run, server), {})[test] = OUTCOME[outcome] or f"{seconds:.1f}"
            whys.pop((run, test, server), None)
            if outcome != "pass":
                whys[(run, test, server)] = why[:200]
    with open(path, "w", encoding="utf-8") as file:
        file.write(before if heading else before.rstrip("\n") + "\n\n")
        file.writelines(written(cells, whys))
        file.write(next_heading + after)
