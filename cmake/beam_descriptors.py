#!/usr/bin/env python3
# Copyright The Joist Authors. SPDX-License-Identifier: Apache-2.0
#
# beam_descriptors.py OUT FILE_pb2.py …: the descriptors of the .proto files that Python modules were
# generated from, as one serialized FileDescriptorSet (google/protobuf/descriptor.proto). Nothing of
# the modules is executed.
#
# The option `ctype`, with which Debian's protoc silently makes fields private, is left out.

import ast
import sys

FILES = 1  # FileDescriptorSet.file
MESSAGES, NESTED, FIELDS, OPTIONS, CTYPE = 4, 3, 2, 8, 1
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


def take_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def put_varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def fields_of(data):
    """(number, wire type, the field's bytes, its content) of a serialized message."""
    at = 0
    while at < len(data):
        begin = at
        tag, at = take_varint(data, at)
        number, kind = tag >> 3, tag & 7
        content = b""
        if kind == VARINT:
            _, at = take_varint(data, at)
        elif kind == LENGTH:
            length, at = take_varint(data, at)
            content = data[at:at + length]
            at += length
        elif kind in (FIXED32, FIXED64):
            at += 4 if kind == FIXED32 else 8
        else:
            sys.exit("beam_descriptors.py: a descriptor is malformed")
        yield number, kind, data[begin:at], content


def put_message(number, content):
    return put_varint(number << 3 | LENGTH) + put_varint(len(content)) + content


def without_ctype(data, path):
    """`data` is a message: at the end of `path`, field options, without what makes fields private.
    What is nested in a message has its fields as well."""
    out = bytearray()
    for number, kind, whole, content in fields_of(data):
        if not path and number == CTYPE and kind == VARINT:
            continue
        if path and number == path[0]:
            out += put_message(number, without_ctype(content, path[1:]))
        elif path == [FIELDS, OPTIONS] and number == NESTED:
            out += put_message(number, without_ctype(content, path))
        else:
            out += whole
    return bytes(out)


def descriptor_of(path):
    with open(path, encoding="utf-8") as source:
        tree = ast.parse(source.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "AddSerializedFile":
            return ast.literal_eval(node.args[0])
    return sys.exit(f"{path} has no descriptor")


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: beam_descriptors.py OUT FILE_pb2.py …")
    files = [without_ctype(descriptor_of(path), [MESSAGES, FIELDS, OPTIONS]) for path in sys.argv[2:]]
    with open(sys.argv[1], "wb") as out:
        out.write(b"".join(put_message(FILES, one) for one in files))


main()
