# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""Beam's Python SDK beside Joist's translation of its protocols; beam_python_test.cc runs it.

  write FOLDER   pipelines of the SDK's as FOLDER/*.pb
  read FILE      understands a pipeline that Joist wrote, or fails
  merge FOLDER   a bundle of merge_windows: descriptor.pb and input.bin; writes output.bin
"""

import pathlib
import sys

import apache_beam as beam
from apache_beam import coders
from apache_beam.pipeline import Pipeline
from apache_beam.portability.api import beam_fn_api_pb2
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.runners import pipeline_context
from apache_beam.runners.portability.fn_api_runner import translations
from apache_beam.runners.worker import bundle_processor
from apache_beam.runners.worker import data_plane
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms import trigger
from apache_beam.transforms import window


class ColoredWindow(window.BoundedWindow):
    """No interval: it has an end and a color."""

    def __init__(self, end, color):
        super().__init__(end)
        self.color = color

    def __hash__(self):
        return hash((self.end, self.color))

    def __eq__(self, other):
        return type(self) == type(other) and (self.end, self.color) == (other.end, other.color)


class ColoredWindowCoder(coders.Coder):
    parts = coders.TupleCoder([coders.TimestampCoder(), coders.StrUtf8Coder()])

    def encode(self, value):
        return self.parts.encode((value.end, value.color))

    def decode(self, encoded):
        return ColoredWindow(*self.parts.decode(encoded))

    def is_deterministic(self):
        return True


class ColoredWindows(window.NonMergingWindowFn):
    def assign(self, context):
        seconds = context.timestamp.seconds()
        return [ColoredWindow(seconds - seconds % 10 + 10, "red" if seconds % 2 else "black")]

    def get_window_coder(self):
        return ColoredWindowCoder()


class MergingColors(ColoredWindows):
    """Windows of one color become one, which ends with the last of them."""

    def is_merging(self):
        return True

    def merge(self, context):
        for color in ("black", "red"):
            same = [w for w in context.windows if w.color == color]
            if len(same) > 1:
                context.merge(same, ColoredWindow(max(w.end for w in same), color))


def pipelines():
    p = Pipeline()
    words = p | beam.Create(["a", "b", "a"])
    total = words | "Total" >> beam.combiners.Count.Globally()
    (words
     | beam.Map(lambda w, n: (w, n), beam.pvalue.AsSingleton(total))
     | beam.GroupByKey()
     | beam.Reshuffle())
    (words, words) | beam.Flatten() | beam.combiners.Count.PerElement()
    yield "batch", p

    p = Pipeline()
    early = trigger.Repeatedly(trigger.AfterAny(trigger.AfterCount(3), trigger.AfterProcessingTime(5)))
    numbers = p | TestStream().add_elements([1, 2]).advance_watermark_to(
        10).advance_processing_time(3).advance_watermark_to_infinity()
    for name, fn in (("fixed", window.FixedWindows(10, 3)), ("sliding", window.SlidingWindows(10, 2.5)),
                     ("sessions", window.Sessions(1.5)), ("global", window.GlobalWindows()),
                     ("colored", ColoredWindows()), ("merging", MergingColors())):
        (numbers
         | f"{name}/into" >> beam.WindowInto(
             fn, trigger=trigger.AfterWatermark(early=early, late=trigger.AfterCount(1)),
             accumulation_mode=trigger.AccumulationMode.ACCUMULATING, allowed_lateness=60,
             timestamp_combiner=window.TimestampCombiner.OUTPUT_AT_LATEST)
         | f"{name}/key" >> beam.Map(lambda n: (n, n))
         | f"{name}/group" >> beam.GroupByKey())
    yield "stream", p


def write(folder):
    for name, p in pipelines():
        (folder / f"{name}.pb").write_bytes(p.to_runner_api().SerializeToString())


def read(path):
    proto = beam_runner_api_pb2.Pipeline.FromString(path.read_bytes())
    context = pipeline_context.PipelineContext(proto.components)

    def is_joists(coder_id):
        coder = proto.components.coders[coder_id]
        return coder.spec.urn.startswith("joist:") or any(map(is_joists, coder.component_coder_ids))

    for coder_id, coder in proto.components.coders.items():
        if not is_joists(coder_id):
            print("coder", coder.spec.urn, context.coders.get_by_id(coder_id))
    for windowing_id, windowing in proto.components.windowing_strategies.items():
        if windowing.window_fn.urn.startswith("beam:"):
            print("windowing", context.windowing_strategies.get_by_id(windowing_id))
    names = set()
    for transform in proto.components.transforms.values():
        assert transform.unique_name not in names, transform.unique_name
        names.add(transform.unique_name)
        for item in transform.display_data:
            labelled = beam_runner_api_pb2.LabelledPayload.FromString(item.payload)
            print("display", transform.unique_name, labelled.key, labelled.string_value)
    stages = list(
        translations.leaf_transform_stages(proto.root_transform_ids, proto.components))
    print("leaves", sorted(t.unique_name for s in stages for t in s.transforms))


def merge(folder):
    descriptor = beam_fn_api_pb2.ProcessBundleDescriptor.FromString(
        (folder / "descriptor.pb").read_bytes())
    channel = data_plane.InMemoryDataChannel()
    processor = bundle_processor.BundleProcessor(
        frozenset(), descriptor, None, data_plane.InMemoryDataChannelFactory(channel.inverse()))
    stream = channel.output_stream("1", "read")
    stream.write((folder / "input.bin").read_bytes())
    stream.close()
    processor.process_bundle("1")
    output = b"".join(
        data.data for data in channel.input_elements("1", ["write"]) if data.transform_id == "write")
    (folder / "output.bin").write_bytes(output)


if __name__ == "__main__":
    {"write": write, "read": read, "merge": merge}[sys.argv[1]](pathlib.Path(sys.argv[2]))
