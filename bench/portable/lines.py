# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
"""The end of the pipelines with small results: each element is a line, appended to a file. With it a
result that comes twice is seen, in streams as well."""

import os

import apache_beam as beam


class AppendLine(beam.DoFn):
    def __init__(self, path):
        self._path = path

    def process(self, element):
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(file, f"{element}\n".encode())
        finally:
            os.close(file)
