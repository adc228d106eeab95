# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""The functions of leak_test.py. They are in a module of their own because what is in a program's main
module is copied for the worker, and with it what they gather here."""

import os

import apache_beam as beam
from apache_beam.coders import VarIntCoder
from apache_beam.transforms import userstate

seen = []


def keep(element):
    seen.append(element)


class Held:
    """What a process holds."""

    def __init__(self, pid):
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            fields = dict(line.split(":", 1) for line in file)
        self.memory = int(fields["RssAnon"].split()[0]) * 1024
        self.threads = int(fields["Threads"])
        self.files = len(os.listdir(f"/proc/{pid}/fd"))


class Touch(beam.DoFn):
    """Writes, reads and clears state, and sets a timer that does."""

    VALUES = userstate.BagStateSpec("values", VarIntCoder())
    END = userstate.TimerSpec("end", userstate.TimeDomain.WATERMARK)
    pid = 0
    held = None
    samples = []

    def start_bundle(self):
        if len(Touch.samples) % 100 == 0:
            Touch.held = Held(Touch.pid)
        Touch.samples.append(Touch.held)

    def process(self, element, values=beam.DoFn.StateParam(VALUES), end=beam.DoFn.TimerParam(END),
                time=beam.DoFn.TimestampParam):
        if len(list(values.read())) >= 5:
            values.clear()
        values.add(element[1])
        end.set(time + 5)
        yield element[1]

    @userstate.on_timer(END)
    def clear(self, values=beam.DoFn.StateParam(VALUES)):
        values.clear()
