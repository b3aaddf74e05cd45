# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes an ONNX model without any ONNX package: the few protobuf messages a plain CNN needs.

Field numbers are those of onnx.proto (IR version 7; opset 13 unless asked for another).
"""
import struct

import numpy as np


def _varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while True:
        out.append(n & 0x7f | (0x80 if n > 0x7f else 0))
        n >>= 7
        if not n:
            return bytes(out)


def field(number, value):
    """One field: int -> varint, float -> 32 bits, str or bytes -> length delimited."""
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack('<f', value)
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    if isinstance(value, str):
        value = value.encode()
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def tensor(name, array):
    a = np.asarray(array)
    kind = {'float32': 1, 'int64': 7, 'float16': 10}[str(a.dtype)]
    return b''.join(field(1, int(d)) for d in a.shape) + field(2, kind) + field(8, name) + field(9, a.tobytes())


def attribute(name, value):
    if isinstance(value, int):
        return field(1, name) + field(3, value) + field(20, 2)
    if isinstance(value, float):
        return field(1, name) + field(2, value) + field(20, 1)
    return field(1, name) + b''.join(field(8, int(v)) for v in value) + field(20, 7)


def node(op, inputs, output, **attributes):
    return (b''.join(field(1, i) for i in inputs) + field(2, output) + field(3, output) + field(4, op)
            + b''.join(field(5, attribute(k, v)) for k, v in attributes.items()))


def value_info(name, shape):
    dims = b''.join(field(1, field(1, int(d))) for d in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, dims)))


def model(graph_name, nodes, initialisers, inputs, outputs, producer='deltacnn models/activities',
          opset=13):
    """nodes: bytes of node(); initialisers: {name: array}; inputs, outputs: [(name, shape)]."""
    graph = (b''.join(field(1, n) for n in nodes) + field(2, graph_name)
             + b''.join(field(5, tensor(k, v)) for k, v in initialisers.items())
             + b''.join(field(11, value_info(*i)) for i in inputs) + b''.join(field(12, value_info(*o)) for o in outputs))
    return field(1, 7) + field(2, producer) + field(7, graph) + field(8, field(1, '') + field(2, opset))
