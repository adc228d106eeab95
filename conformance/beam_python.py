#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""Runs the scripts of conformance/*.yaml on a runner of Beam's Python SDK; see README.md there.

    python3 conformance/beam_python.py [--runner=BundleBasedDirectRunner] [file.yaml …]
    python3 conformance/beam_python.py --runner=PrismRunner --prism_location=/path/to/prism

Options that it does not know are the pipeline's.

Prints a line for each case. Exit code 1 if a case differs that does not say so under `differs`, or
one does not that does.
"""

import argparse
import json
import logging
import multiprocessing
import pathlib
import sys
import tempfile

import apache_beam as beam
import yaml
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms import trigger, window
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import PaneInfoTiming

SECONDS_FOR_A_CASE = 30


def window_fn_of(spec):
    if spec == "global":
        return window.GlobalWindows()
    kind, size = next(iter(spec.items()))
    if kind == "fixed":
        return window.FixedWindows(size)
    if kind == "sessions":
        return window.Sessions(size)
    return window.SlidingWindows(*size)


def trigger_of(spec):
    if spec == "default":
        return trigger.DefaultTrigger()
    if spec == "always":
        return trigger.Always()
    kind, of = next(iter(spec.items()))
    if kind == "after_count":
        return trigger.AfterCount(of)
    if kind == "after_processing_time":
        return trigger.AfterProcessingTime(of)
    if kind == "after_watermark":
        return trigger.AfterWatermark(**{when: trigger_of(what) for when, what in of.items()})
    if kind == "repeatedly":
        return trigger.Repeatedly(trigger_of(of))
    if kind == "or_finally":
        return trigger.OrFinally(*map(trigger_of, of))
    composite = {"after_each": trigger.AfterEach, "after_first": trigger.AfterAny,
                 "after_all": trigger.AfterAll}[kind]
    return composite(*map(trigger_of, of))


def windowing_of(case):
    combiners = {"end_of_window": window.TimestampCombiner.OUTPUT_AT_EOW,
                 "earliest": window.TimestampCombiner.OUTPUT_AT_EARLIEST,
                 "latest": window.TimestampCombiner.OUTPUT_AT_LATEST}
    accumulating = case.get("mode", "discarding") == "accumulating"
    return beam.WindowInto(
        window_fn_of(case["windows"]),
        trigger=trigger_of(case.get("trigger", "default")),
        accumulation_mode=(trigger.AccumulationMode.ACCUMULATING
                           if accumulating else trigger.AccumulationMode.DISCARDING),
        timestamp_combiner=combiners[case.get("timestamps", "end_of_window")],
        allowed_lateness=case.get("lateness", 0))


def stream_of(case):
    stream = TestStream()
    for step in case["script"]:
        if "add" in step:
            stream.add_elements([window.TimestampedValue((key, value), at)
                                 for key, value, at in step["add"]])
        elif "watermark" in step:
            stream.advance_watermark_to(step["watermark"])
        else:
            stream.advance_processing_time(step["processing_time"])
    return stream.advance_watermark_to_infinity()


def second_of(time):
    """Seconds, whole ones as an int; a window's last moment is in microseconds in Beam's Python and
    in milliseconds in the model."""
    if time >= window.GlobalWindow().max_timestamp():
        return "last"
    millis = Timestamp.of(time).micros // 1000
    return millis // 1000 if millis % 1000 == 0 else millis / 1000


class NotePane(beam.DoFn):
    """Appends each pane to a file, as JSON: a runner's workers may be other processes."""

    def __init__(self, path):
        self.path = path

    def process(self, element, time=beam.DoFn.TimestampParam, win=beam.DoFn.WindowParam,
                pane=beam.DoFn.PaneInfoParam):
        key, values = element
        is_global = isinstance(win, window.GlobalWindow)
        line = {
            "key": key,
            "window": ["start", "end"] if is_global else [second_of(win.start), second_of(win.end)],
            "values": sorted(values),
            "at": second_of(time),
            "timing": PaneInfoTiming.to_string(pane.timing),
            "index": pane.index,
            "on_time_index": pane.nonspeculative_index,
            "last": pane.is_last,
        }
        with open(self.path, "a") as out:
            out.write(json.dumps(line) + "\n")


def run(case, options, path):
    logging.disable(logging.CRITICAL)
    options = PipelineOptions(["--streaming", "--allow_unsafe_triggers", *options])
    with beam.Pipeline(options=options) as p:
        _ = (p | stream_of(case).with_output_types(tuple[str, int])
             | "Window" >> windowing_of(case) | beam.GroupByKey()
             | beam.ParDo(NotePane(path)))


def guarded(case, options, path):
    try:
        run(case, options, path)
    except Exception as error:  # The runner's refusal is a result, too.
        pathlib.Path(path + ".error").write_text(f"{type(error).__name__}: {error}")


def panes_of(case, options):
    """The panes that the runner gives, by key, or a text that says why there are none."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/panes"
        process = multiprocessing.Process(target=guarded, args=(case, options, path))
        process.start()
        process.join(SECONDS_FOR_A_CASE)
        if process.is_alive():
            process.kill()
            process.join()
            return f"no end after {SECONDS_FOR_A_CASE} s"
        error = pathlib.Path(path + ".error")
        if error.exists():
            return " ".join(error.read_text().split())[:400]
        if process.exitcode != 0:
            return f"the process ended with {process.exitcode}"
        lines = pathlib.Path(path)
        panes = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
        return panes


def in_order(panes):
    """By key, window and index: between bundles a runner keeps no order."""
    return sorted(panes, key=lambda pane: (pane["key"], str(pane["window"]), pane["index"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runner", default="BundleBasedDirectRunner")
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    args, options = parser.parse_known_args()
    options.append(f"--runner={args.runner}")
    files = args.files or sorted(pathlib.Path(__file__).parent.glob("*.yaml"))
    surprises = 0
    for file in files:
        for case in yaml.safe_load(file.read_text()):
            if "closing" in case or "on_time" in case:
                print(f"{file.stem:10} untold    {case['name']}: Python has no name for it")
                continue
            found = panes_of(case, options)
            same = isinstance(found, list) and in_order(found) == in_order(case["panes"])
            reason = case.get("differs", {}).get(args.runner)
            verdict = "same" if same else "differs" if reason else "SURPRISE"
            if same and reason:
                verdict = "SURPRISE"
            surprises += verdict == "SURPRISE"
            print(f"{file.stem:10} {verdict:9} {case['name']}" + (f": {reason}" if reason else ""))
            if verdict == "SURPRISE":
                for pane in found if isinstance(found, list) else [found]:
                    print("    found  ", pane)
                for pane in case["panes"]:
                    print("    expects", pane)
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
