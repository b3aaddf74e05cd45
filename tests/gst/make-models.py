#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the models of the element tests: make-models.py FOLDER

Small, the same on every run, and made to be sensitive: every output depends on every pixel, so that one stale
block shows.  ONNX is written by hand (protobuf wire format, field numbers of onnx.proto), so that the tests need
no onnx package.
"""
import os
import random
import struct
import sys


def varint(n):
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def num(field, value):
    return varint(field << 3) + varint(value)


def blob(field, data):
    if isinstance(data, str):
        data = data.encode()
    return varint(field << 3 | 2) + varint(len(data)) + data


# AttributeProto: name 1, f 2, i 3, ints 8, type 20 (1 float, 2 int, 7 ints)
def attr_int(name, value):
    return blob(1, name) + num(3, value) + num(20, 2)


def attr_ints(name, values):
    return blob(1, name) + b''.join(num(8, v) for v in values) + num(20, 7)


# NodeProto: input 1, output 2, name 3, op_type 4, attribute 5
def node(op, inputs, outputs, *attributes, name=None):
    return (b''.join(blob(1, i) for i in inputs) + b''.join(blob(2, o) for o in outputs) +
            blob(3, name or op.lower() + '_' + outputs[0]) + blob(4, op) + b''.join(blob(5, a) for a in attributes))


# TensorProto: dims 1, data_type 2 (1 float, 7 int64), name 8, raw_data 9
def tensor(name, dims, values):
    return (b''.join(num(1, d) for d in dims) + num(2, 1) + blob(8, name) +
            blob(9, struct.pack('<%df' % len(values), *values)))


def integers(name, values):
    return num(1, len(values)) + num(2, 7) + blob(8, name) + blob(9, struct.pack('<%dq' % len(values), *values))


# ValueInfoProto: name 1, type 2; TypeProto: tensor_type 1; Tensor: elem_type 1, shape 2; Shape: dim 1;
# Dimension: dim_value 1
# elem_type: 1 float, 2 uint8, 7 int64; a dimension that is no number is free (dim_param 2)
def value(name, dims, elem_type=1):
    shape = b''.join(blob(1, num(1, d) if isinstance(d, int) else blob(2, d)) for d in dims)
    return blob(1, name) + blob(2, blob(1, num(1, elem_type) + blob(2, shape)))


# GraphProto: node 1, name 2, initializer 5, input 11, output 12
# ModelProto: ir_version 1, graph 7, opset_import 8 (OperatorSetIdProto: domain 1, version 2)
def model(nodes, initializers, inputs, outputs):
    graph = (b''.join(blob(1, n) for n in nodes) + blob(2, 'test') + b''.join(blob(5, t) for t in initializers) +
             b''.join(blob(11, i) for i in inputs) + b''.join(blob(12, o) for o in outputs))
    return num(1, 7) + blob(7, graph) + blob(8, blob(1, '') + num(2, 13))


def weights(rng, count, scale):
    return [rng.uniform(-scale, scale) for _ in range(count)]


def classifier(channels, height, width, classes, end=None, seed=1, more=(), constants=(), outputs=None, image=None):
    """more: nodes put behind, with constants of theirs, outputs in place of the scores; image: an input that these make
    the image of.

    Conv 3x3 / 2, depthwise 3x3, Conv 1x1, max pool, fully connected: each kind of layer that carries changes."""
    rng = random.Random(seed)
    h, w = (height + 1) // 2, (width + 1) // 2
    ph, pw = h // 2, w // 2
    features = 12 * ph * pw
    init = [
        tensor('w1', [8, channels, 3, 3], weights(rng, 8 * channels * 9, 0.6)),
        tensor('b1', [8], weights(rng, 8, 0.2)),
        tensor('w2', [8, 1, 3, 3], weights(rng, 8 * 9, 0.5)),
        tensor('w3', [12, 8, 1, 1], weights(rng, 12 * 8, 0.6)),
        tensor('b3', [12], weights(rng, 12, 0.2)),
        tensor('w4', [classes, features], weights(rng, classes * features, 3.0 / features ** 0.5)),
        tensor('b4', [classes], weights(rng, classes, 0.1)),
    ]
    nodes = [
        node('Conv', ['image', 'w1', 'b1'], ['c1'], attr_ints('kernel_shape', [3, 3]), attr_ints('strides', [2, 2]),
             attr_ints('pads', [1, 1, 1, 1])),
        node('Relu', ['c1'], ['r1']),
        node('Conv', ['r1', 'w2'], ['c2'], attr_ints('kernel_shape', [3, 3]), attr_ints('pads', [1, 1, 1, 1]),
             attr_int('group', 8)),
        node('Conv', ['c2', 'w3', 'b3'], ['c3'], attr_ints('kernel_shape', [1, 1])),
        node('Relu', ['c3'], ['r3']),
        node('MaxPool', ['r3'], ['p3'], attr_ints('kernel_shape', [2, 2]), attr_ints('strides', [2, 2])),
        node('Flatten', ['p3'], ['f3'], attr_int('axis', 1)),
        node('Gemm', ['f3', 'w4', 'b4'], ['scores'], attr_int('transB', 1)),
    ]
    out = 'scores'
    if end:
        nodes.append(node(end, ['scores'], ['end']))
        out = 'end'
    return model([*more, *nodes] if image else [*nodes, *more], [*init, *constants],
                 [image or value('image', [1, channels, height, width])], outputs or [value(out, [1, classes])])


def main(folder):
    os.makedirs(folder, exist_ok=True)

    def write(name, data):
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data.encode() if isinstance(data, str) else data)

    info = '[modelinfo]\nversion=1.0\n[image]\ndir=input\nranges=-1,1\n'
    tiny = classifier(3, 32, 32, 6)
    write('tiny.onnx', tiny)
    write('tiny.onnx.modelinfo', info)
    write('labels.txt', 'zero\none\ntwo\nthree\nfour\nfive\n')
    # The same network with its labels named by the .modelinfo, cropping instead of stretching.
    write('crop.onnx', tiny)
    write('crop.onnx.modelinfo', info + '[deltacnn]\nresize=crop\ncrop-fraction=0.9\nlabels=labels.txt\n')
    # And with other ranges: of each channel its own, and none, which is 0 to 1.
    write('ranges.onnx', tiny)
    write('ranges.onnx.modelinfo', info.replace('-1,1', '-1,1;0,1;0,0.5'))
    write('plain.onnx', tiny)
    write('plain.onnx.modelinfo', info.replace('ranges=-1,1\n', ''))
    write('bgr.onnx', tiny)
    write('bgr.onnx.modelinfo', info + '[deltacnn]\ncolor=bgr\n')
    # Calibrated to let nothing pass: at the input, and behind it.
    write('calibrated.onnx', tiny)
    write('calibrated.onnx.modelinfo', info + '[deltacnn]\ntolerance=image,1000\n')
    write('others.onnx', tiny)
    write('others.onnx.modelinfo', info + '[deltacnn]\ntolerance=image,0;*,1000;lost,1\n')
    # The same with a margin that nothing passes.
    write('guarded.onnx', tiny)
    write('guarded.onnx.modelinfo', info + '[deltacnn]\ntolerance=image,1000\nmargin=1\n')
    # Scores are the three numbers of its one pixel, by way of a value in between.
    same = [1.0, 0, 0, 0, 1, 0, 0, 0, 1]
    write('direct.onnx', model([node('Conv', ['image', 'w0'], ['between']), node('Conv', ['between', 'w1'], ['pixel']),
                                node('Flatten', ['pixel'], ['scores'])],
                               [tensor('w0', [3, 3, 1, 1], same), tensor('w1', [3, 3, 1, 1], same)],
                               [value('image', [1, 3, 1, 1])], [value('scores', [1, 3])]))
    write('gray.onnx', classifier(1, 24, 40, 5, seed=2))
    write('wide.onnx', classifier(3, 20, 64, 4, seed=3))
    for end in ('Softmax', 'LogSoftmax', 'Sigmoid'):
        write(end.lower() + '.onnx', classifier(3, 32, 32, 6, end))
        write(end.lower() + '.onnx.modelinfo', info)
    # Ends: the best class alone, the best ones, scores behind something else, and in other shapes.
    ends = {
        'argmax': ([node('ArgMax', ['scores'], ['best'], attr_int('axis', 1)), node('Squeeze', ['best', 'axes'], ['label'])],
                   [integers('axes', [1])], [value('label', [1], 7)]),
        'topk': ([node('TopK', ['scores', 'k'], ['values', 'indices'])], [integers('k', [3])],
                 [value('indices', [1, 3], 7), value('values', [1, 3])]),
        'several': ([node('ReduceMean', ['scores'], ['loss'], attr_int('keepdims', 0))], [],
                    [value('loss', []), value('r3', [1, 12, 16, 16]), value('scores', [1, 6])]),
        'last': ([node('Reshape', ['scores', 'shape'], ['out'])], [integers('shape', [1, 1, 6])], [value('out', [1, 1, 6])]),
        'first': ([node('Reshape', ['scores', 'shape'], ['out'])], [integers('shape', [6, 1, 1])], [value('out', [6, 1, 1])]),
    }
    for name, (more, constants, outputs) in ends.items():
        write(name + '.onnx', classifier(3, 32, 32, 6, more=more, constants=constants, outputs=outputs))
        write(name + '.onnx.modelinfo', info)
    # Bytes in, which the network makes 0 to 1 of itself.
    write('bytes.onnx', classifier(3, 32, 32, 6, image=value('bytes', [1, 3, 32, 32], 2), constants=[tensor('255', [1], [255.0])],
                                   more=[node('Cast', ['bytes'], ['numbers'], attr_int('to', 1)),
                                         node('Div', ['numbers', '255'], ['image'])]))
    write('batch.onnx', classifier(3, 32, 32, 6, image=value('image', [2, 3, 32, 32])))
    write('batch.onnx.modelinfo', info)
    write('one.onnx', classifier(3, 32, 32, 1, seed=4))

    # What must be refused with a sentence.
    write('truncated.onnx', tiny[:len(tiny) * 2 // 3])
    damaged = bytearray(tiny)
    rng = random.Random(5)
    for i in range(0, 400):
        damaged[rng.randrange(len(damaged) // 2)] = rng.randrange(256)
    write('corrupt.onnx', bytes(damaged))
    write('text.onnx', 'this is not a model\n' * 20)
    write('empty.onnx', b'')
    fc = [node('Gemm', ['image', 'w', 'b'], ['scores'])]
    write('rank2.onnx', model(fc, [tensor('w', [10, 4], [0.1] * 40), tensor('b', [4], [0.0] * 4)],
                              [value('image', [1, 10])], [value('scores', [1, 4])]))
    write('free.onnx', classifier(3, 32, 32, 6, image=value('image', [1, 3, 'height', 'width'])))
    write('sized.onnx', classifier(3, 32, 32, 6, image=value('image', [1, 3, 'height', 'width'])))
    write('sized.onnx.modelinfo', info.replace('dir=input\n', 'dir=input\ndims=1,3,32,32\n'))
    write('channels4.onnx', classifier(4, 32, 32, 6))
    conv = node('Conv', ['image', 'w'], ['map'], attr_ints('kernel_shape', [1, 1]))
    map_init = [tensor('w', [2, 3, 1, 1], [0.5] * 6)]
    write('map.onnx', model([conv], map_init, [value('image', [1, 3, 8, 8])], [value('map', [1, 2, 8, 8])]))
    write('unsupported.onnx', model([conv, node('GridSample', ['map', 'image'], ['out'], name='sampler')], map_init,
                                    [value('image', [1, 3, 8, 8])], [value('out', [1, 2, 8, 8])]))
    write('noinfo.onnx', tiny)
    write('noinfo.onnx.modelinfo', b'')
    write('badinfo.onnx', tiny)
    write('badinfo.onnx.modelinfo', '[image]\ndir=input\nranges=-1,banana\n')
    write('grayinfo.onnx', tiny)
    write('grayinfo.onnx.modelinfo', '[deltacnn]\ncolor=gray\n')
    write('lostlabels.onnx', tiny)
    write('lostlabels.onnx.modelinfo', '[deltacnn]\nlabels=nowhere.txt\n')
    write('short-labels.txt', 'zero\none\n')
    write('binary-labels.txt', bytes(range(128, 256)) * 4)


if __name__ == '__main__':
    main(sys.argv[1])
