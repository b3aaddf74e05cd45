# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tiny classifiers as exporters of different years write them, made with the onnx package.

Each function that styles() lists returns an Example.  Weights are random, the same each time."""
import collections

import numpy
from onnx import TensorProto, helper, numpy_helper

# shape: of the frames, in the model's own order.  model: what we load.  same: the same network in words that
# onnxruntime knows, where it does not run the model itself.  bytes: the input is of whole numbers.
# off: how far outputs may be off, of the largest; None: quantised, where a sum on an edge may be a level off.
Example = collections.namedtuple('Example', 'model shape same bytes off', defaults=(None, False, 1e-4))


class Net:
    """A graph that grows node by node; each call returns the name of its first output."""

    def __init__(self, opset, shape, seed=1, given=None, element=TensorProto.FLOAT, batch='N', listed=False):
        self.rng = numpy.random.default_rng(seed)
        self.opset, self.nodes, self.weights, self.functions = opset, [], [], []
        self.shape, self.listed = shape, listed
        self.given = given or [batch, *shape[1:]]
        self.element = element
        self.domains = {}

    def const(self, array, name=None):
        name = name or f'w{len(self.weights)}'
        self.weights.append(numpy_helper.from_array(numpy.asarray(array), name))
        return name

    def ints(self, *values):
        return self.const(numpy.array(values, numpy.int64))

    def int(self, value):
        return self.const(numpy.int64(value))

    def floats(self, *values):
        return self.const(numpy.array(values, numpy.float32))

    def random(self, *dims, low=-0.5, high=0.5):
        return self.const(self.rng.uniform(low, high, dims).astype(numpy.float32))

    def op(self, kind, *inputs, outputs=1, name=None, domain='', **attributes):
        names = [f't{len(self.nodes)}' + (f'_{k}' if k else '') for k in range(outputs)]
        if domain:
            self.domains[domain] = 1
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name or f'{kind}_{len(self.nodes)}',
                                           domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def conv(self, x, ins, outs, size=3, bias=True, group=1, **attributes):
        attributes.setdefault('kernel_shape', [size, size])
        if 'auto_pad' not in attributes:
            attributes.setdefault('pads', [size // 2] * 4)
        limit = 1.5 / (ins // group * size * size) ** 0.5
        parts = [x, self.random(outs, ins // group, size, size, low=-limit, high=limit)]
        return self.op('Conv', *parts, *([self.random(outs)] if bias else []), group=group, **attributes)

    def done(self, y, functions=(), output=TensorProto.FLOAT):
        inputs = [helper.make_tensor_value_info('x', self.element, self.given)]
        if self.listed:  # as files before IR version 4 had to
            inputs += [helper.make_tensor_value_info(w.name, w.data_type, list(w.dims)) for w in self.weights]
        outputs = [helper.make_tensor_value_info(y, output, None)]
        graph = helper.make_graph(self.nodes, 'g', inputs, outputs, self.weights)
        opsets = [helper.make_opsetid('', self.opset)] + [helper.make_opsetid(d, v) for d, v in self.domains.items()]
        model = helper.make_model(graph, opset_imports=opsets, producer_name='x')
        model.ir_version = 3 if self.listed else 8
        model.functions.extend(functions)
        return model


IMAGE = (1, 3, 24, 32)


# Caffe and Caffe2, 2017 and 2018.

def _caffe2(opset, old):
    """The old words where old is true, else those of today."""
    n = Net(opset, IMAGE, listed=old)
    x = n.conv('x', 3, 8, 5, strides=[2, 2], pads=[2, 2, 2, 2])
    scale, bias, mean, var = (n.random(8, low=low, high=1.5) for low in (0.5, -1, -1, 0.5))
    if old:
        x = n.op('BatchNormalization', x, scale, bias, mean, var, is_test=1, spatial=1, consumed_inputs=[0, 0, 0, 1, 1],
                 epsilon=1e-5)
    else:
        x = n.op('BatchNormalization', x, scale, bias, mean, var, epsilon=1e-5)
    x = n.op('LRN', n.op('Relu', x), size=5, alpha=1e-4, beta=0.75, bias=1.0)
    x = n.op('MaxPool', x, kernel_shape=[3, 3], strides=[2, 2], pads=[0, 0, 2, 2])
    channel = numpy.arange(8, dtype=numpy.float32) / 8
    if old:
        x = n.op('Add', n.op('Mul', x, n.const(channel), broadcast=1, axis=1), n.const(channel), broadcast=1, axis=1)
    else:
        x = n.op('Add', n.op('Mul', x, n.const(channel.reshape(8, 1, 1))), n.const(channel.reshape(8, 1, 1)))
    a, b = n.conv(x, 8, 4, 1), n.conv(x, 8, 4, 3)
    x = n.op('Concat', a, b, axis=1)
    # squeeze-and-excitation with the old way to multiply an image by a number per channel
    pooled = n.op('AveragePool', x, kernel_shape=[6, 8])
    if old:
        flat = n.op('Reshape', pooled, shape=[0, 8]) if opset < 5 else n.op('Reshape', pooled, n.ints(0, 8))
        gate = n.op('Sigmoid', n.op('Gemm', flat, n.random(8, 8), n.random(8), broadcast=1, transB=1))
        x = n.op('Mul', x, gate, broadcast=1, axis=0)
    else:
        gate = n.op('Sigmoid', n.op('Gemm', n.op('Flatten', pooled), n.random(8, 8), n.random(8), transB=1))
        x = n.op('Mul', x, n.op('Unsqueeze', gate, n.ints(2, 3)))
    x = n.op('Sum', x, n.op('Relu', x))
    if old:
        x = n.op('Dropout', n.op('Pad', x, mode='constant', value=0.25, **{
            'paddings' if opset < 2 else 'pads': [0, 0, 1, 1, 0, 0, 1, 1]}), is_test=1, ratio=0.5, outputs=2)[0]
    else:
        x = n.op('Pad', x, n.ints(0, 0, 1, 1, 0, 0, 1, 1), n.const(numpy.float32(0.25)))
    x = n.op('AveragePool', x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    if old:
        x = n.op('Clip', x, min=-0.5, max=0.6)
        x = n.op('Reshape', x, shape=[-1, 8 * 4 * 5]) if opset < 5 else n.op('Reshape', x, n.ints(-1, 8 * 4 * 5))
        x = n.op('Gemm', x, n.random(7, 160), n.random(7), broadcast=1, transB=1, alpha=0.5)
    else:
        x = n.op('Clip', x, n.const(numpy.float32(-0.5)), n.const(numpy.float32(0.6)))
        x = n.op('Gemm', n.op('Flatten', x), n.random(7, 160), n.random(7), transB=1, alpha=0.5)
    return n.done(n.op('Softmax', x, axis=1))


def caffe2_opset(opset):
    return Example(_caffe2(opset, True), IMAGE, same=_caffe2(13, False))


def _upsample(opset, old):
    n = Net(opset, IMAGE)
    x = n.conv('x', 3, 6, strides=[2, 2])
    if not old:
        y = n.op('Resize', x, '', n.floats(1, 1, 2, 3), mode='nearest', coordinate_transformation_mode='asymmetric',
                 nearest_mode='floor')
    elif opset < 7:
        y = n.op('Upsample', x, height_scale=2.0, width_scale=3.0, mode='nearest')
    elif opset < 9:
        y = n.op('Upsample', x, scales=[1.0, 1.0, 2.0, 3.0], mode='nearest')
    elif opset < 10:
        y = n.op('Upsample', x, n.floats(1, 1, 2, 3), mode='nearest')
    else:
        y = n.op('Resize', x, n.floats(1, 1, 2, 3), mode='nearest')
    return n.done(n.op('GlobalAveragePool', n.op('Relu', n.conv(y, 6, 5))))


def upsample_opset(opset):
    return Example(_upsample(opset, True), IMAGE, same=_upsample(13, False))


def caffe_fixed_batch():
    def net(batch):
        n = Net(7, IMAGE, batch=batch)
        x = n.op('Relu', n.conv('x', 3, 6))
        x = n.op('Reshape', n.op('GlobalMaxPool', x), n.ints(batch, 6))
        return n.done(n.op('Softmax', n.op('Gemm', x, n.random(6, 5), n.random(5))))
    return Example(net(10), IMAGE, same=net(1))


def old_softmax_of_image():
    n = Net(9, IMAGE)
    x = n.op('GlobalAveragePool', n.conv('x', 3, 6))
    return Example(n.done(n.op('Softmax', x)), IMAGE)


def windows_ml():
    def net(old):
        n = Net(9 if old else 13, IMAGE)
        if old:
            x = n.op('ImageScaler', 'x', scale=0.5, bias=[0.25, -0.5, 1.0])
        else:
            x = n.op('Add', n.op('Mul', 'x', n.floats(0.5)),
                     n.const(numpy.array([0.25, -0.5, 1], numpy.float32).reshape(3, 1, 1)))
        return n.done(n.op('GlobalAveragePool', n.op('LeakyRelu', n.conv(x, 3, 6), alpha=0.1)))
    return Example(net(True), IMAGE, same=net(False))


def half_precision():
    n = Net(11, IMAGE)
    x = n.op('Cast', 'x', to=TensorProto.FLOAT16)
    w = n.const(n.rng.uniform(-0.3, 0.3, (6, 3, 3, 3)).astype(numpy.float16))
    x = n.op('Relu', n.op('Conv', x, w, kernel_shape=[3, 3], pads=[1, 1, 1, 1]))
    x = n.op('GlobalAveragePool', x)
    return Example(n.done(n.op('Cast', x, to=TensorProto.FLOAT)), IMAGE, off=5e-3)


# Keras, TensorFlow and TensorFlow Lite.

KERAS = (1, 32, 40, 3)


def keras():
    n = Net(11, KERAS, given=['N', 32, 40, 3])
    x = n.op('Transpose', 'x', perm=[0, 3, 1, 2])
    x = n.conv(x, 3, 8, auto_pad='SAME_UPPER', strides=[2, 2])
    x = n.op('Clip', x, n.const(numpy.float32(0)), n.const(numpy.float32(6)))
    x = n.op('Transpose', x, perm=[0, 2, 3, 1])
    x = n.op('Pad', x, n.ints(0, 0, 0, 0, 0, 1, 1, 0))
    x = n.op('Transpose', x, perm=[0, 3, 1, 2])
    x = n.op('Relu', n.conv(x, 8, 8, group=8, auto_pad='VALID', strides=[2, 2]))
    x = n.op('Transpose', x, perm=[0, 2, 3, 1])
    shape = n.op('Cast', n.op('Shape', x), to=TensorProto.INT32)
    first = n.op('Cast', n.op('Slice', shape, n.ints(0), n.ints(1), n.ints(0)), to=TensorProto.INT64)
    flat = n.op('Concat', first, n.ints(8 * 8 * 10), axis=0)
    x = n.op('Reshape', x, flat)
    x = n.op('Add', n.op('MatMul', x, n.random(640, 9)), n.random(9))
    return Example(n.done(n.op('Softmax', x, axis=1)), KERAS)


def keras_strided_slice():
    n = Net(13, KERAS, given=['N', 32, 40, 3])
    x = n.op('Sub', n.op('Mul', 'x', n.const(numpy.float32(2 / 255))), n.const(numpy.float32(1)))
    x = n.conv(n.op('Transpose', x, perm=[0, 3, 1, 2]), 3, 6, auto_pad='SAME_LOWER', strides=[2, 2])
    x = n.op('ReduceMean', n.op('Transpose', x, perm=[0, 2, 3, 1]), axes=[1, 2], keepdims=0)
    shape = n.op('Shape', x)
    batch = n.op('Squeeze', n.op('Slice', shape, n.ints(0), n.ints(1), n.ints(0)), n.ints(0))
    rest = n.op('ReduceProd', n.op('Slice', shape, n.ints(1), n.ints(2), n.ints(0)), axes=[0], keepdims=0)
    dims = n.op('Concat', n.op('Unsqueeze', batch, n.ints(0)), n.op('Unsqueeze', rest, n.ints(0)), axis=0)
    x = n.op('Reshape', x, dims)
    return Example(n.done(n.op('Sigmoid', n.op('Add', n.op('MatMul', x, n.random(6, 4)), n.random(4)))), KERAS)


def tflite():
    n = Net(13, KERAS, batch=1)
    x = n.op('Transpose', 'x', perm=[0, 3, 1, 2])
    x = n.op('Relu', n.conv(x, 3, 6, strides=[2, 2], auto_pad='SAME_UPPER'))
    x = n.op('AveragePool', x, kernel_shape=[16, 20])
    x = n.op('Reshape', n.op('Transpose', n.conv(x, 6, 5, 1, pads=[0] * 4), perm=[0, 2, 3, 1]), n.ints(1, 5))
    return Example(n.done(n.op('Softmax', x)), KERAS)


# PyTorch.

def _flatten(n, x, width):
    """x.view(x.size(0), width), as TorchScript is exported."""
    zero = n.op('Constant', value=numpy_helper.from_array(numpy.array(0, numpy.int64)))
    batch = n.op('Gather', n.op('Shape', x), zero, axis=0)
    unsqueeze = dict(axes=[0]) if n.opset < 13 else {}
    axes = [] if n.opset < 13 else [n.ints(0)]
    parts = n.op('Unsqueeze', batch, *axes, **unsqueeze), n.ints(width)
    return n.op('Reshape', x, n.op('Concat', *parts, axis=0))


def _shuffle(n, x, channels):
    """channel_shuffle() of two groups with a dynamic batch."""
    shape = n.op('Shape', x)
    batch, h, w = (n.op('Gather', shape, n.const(numpy.array(k, numpy.int64)), axis=0) for k in (0, 2, 3))
    axes = [] if n.opset < 13 else [n.ints(0)]
    one = lambda v: n.op('Unsqueeze', v, *axes, **(dict(axes=[0]) if n.opset < 13 else {}))
    x = n.op('Reshape', x, n.op('Concat', one(batch), n.ints(2), n.ints(channels // 2), one(h), one(w), axis=0))
    x = n.op('Transpose', x, perm=[0, 2, 1, 3, 4])
    return n.op('Reshape', x, n.op('Concat', one(batch), n.ints(-1), one(h), one(w), axis=0))


def torchscript(opset):
    n = Net(opset, IMAGE)
    x = n.conv('x', 3, 8, strides=[2, 2])
    six = n.op('Constant', value=numpy_helper.from_array(numpy.array(6, numpy.float32)))
    three = n.op('Constant', value=numpy_helper.from_array(numpy.array(3, numpy.float32)))
    y = n.op('Add', x, three)
    y = n.op('Clip', y, min=0.0, max=6.0) if opset < 11 else n.op('Clip', y, n.const(numpy.float32(0)), six)
    x = _shuffle(n, n.op('Div', n.op('Mul', x, y), six), 8)  # Hardswish in pieces
    y = n.op('Erf', n.op('Div', x, n.const(numpy.float32(2 ** 0.5))))
    x = n.op('Mul', n.op('Mul', x, n.op('Add', y, n.const(numpy.float32(1)))), n.const(numpy.float32(0.5)))  # Gelu
    x = n.op('AveragePool', x, kernel_shape=[2, 2], strides=[2, 2])  # adaptive pooling to a divisor
    x = _flatten(n, x, 8 * 6 * 8)
    return Example(n.done(n.op('Gemm', x, n.random(5, 384), n.random(5), transB=1)), IMAGE)


def torch_expand():
    """x * y.expand(-1, -1, h, w): the shape of expand() is chosen by Where and Equal."""
    n = Net(11, IMAGE)
    x = n.conv('x', 3, 6)
    y = n.op('GlobalAveragePool', x)
    wanted = n.ints(-1, -1, 24, 32)
    ones = n.op('ConstantOfShape', n.op('Shape', wanted),
                value=numpy_helper.from_array(numpy.array([1], numpy.int64)))
    minus = n.op('Mul', ones, n.const(numpy.array(-1, numpy.int64)))
    chosen = n.op('Where', n.op('Equal', wanted, minus), ones, wanted)
    x = n.op('Mul', x, n.op('Expand', y, chosen))
    return Example(n.done(n.op('ReduceMean', n.op('Relu', x), axes=[2, 3], keepdims=0)), IMAGE)


def _group_norm(n, x, channels, groups):
    """torch.nn.GroupNorm, as TorchScript is exported."""
    y = n.op('Reshape', x, n.ints(0, groups, -1))
    y = n.op('InstanceNormalization', y, n.floats(*[1] * groups), n.floats(*[0] * groups), epsilon=1e-5)
    y = n.op('Reshape', y, n.op('Shape', x))
    axes = [n.ints(1, 2)]
    y = n.op('Mul', y, n.op('Unsqueeze', n.random(channels, low=0.5, high=1.5), *axes))
    return n.op('Add', y, n.op('Unsqueeze', n.random(channels), *axes))


def torch_group_norm():
    n = Net(13, IMAGE)
    x = n.conv('x', 3, 8, strides=[2, 2], bias=False)
    x = n.op('Relu', _group_norm(n, x, 8, 4))
    x = n.op('Add', x, n.op('Relu', _group_norm(n, n.conv(x, 8, 8, bias=False), 8, 2)))
    return Example(n.done(n.op('Flatten', n.op('GlobalAveragePool', x))), IMAGE)


def group_norm_18():
    """GroupNormalization of opset 18 has a scale per group, that of 21 one per channel; onnxruntime runs the latter."""
    def net(opset):
        n = Net(opset, IMAGE)
        x = n.conv('x', 3, 8, strides=[2, 2])
        scale, bias = [1.5, 0.5, -1, 2], [0.1, 0.2, -0.3, 0.4]
        if opset >= 21:
            scale, bias = numpy.repeat(scale, 2), numpy.repeat(bias, 2)
        x = n.op('GroupNormalization', x, n.floats(*scale), n.floats(*bias), num_groups=4)
        return n.done(n.op('Flatten', n.op('GlobalMaxPool', x)))
    return Example(net(18), IMAGE, same=net(21))


def group_norm_21():
    return Example(group_norm_18().same, IMAGE)


def instance_norm():
    n = Net(9, IMAGE)
    x = n.conv('x', 3, 8, strides=[2, 2])
    x = n.op('InstanceNormalization', x, n.random(8, low=0.5, high=2), n.random(8), epsilon=1e-3)
    x = n.op('MeanVarianceNormalization', n.conv(n.op('Relu', x), 8, 6))
    return Example(n.done(n.op('Flatten', n.op('GlobalMaxPool', x))), IMAGE)


def transposed_conv():
    n = Net(11, IMAGE)
    x = n.op('Relu', n.conv('x', 3, 8, strides=[4, 4]))
    x = n.op('ConvTranspose', x, n.random(8, 3, 4, 3), n.random(6), strides=[2, 2], pads=[1, 0, 1, 1],
             output_padding=[1, 0], group=2)
    x = n.op('ConvTranspose', n.op('Relu', x), n.random(6, 5, 3, 3), strides=[3, 2], auto_pad='SAME_UPPER')
    return Example(n.done(n.op('Flatten', n.op('GlobalMaxPool', x))), IMAGE)


def focus():
    """SpaceToDepth, which newer exports have where YOLOv5's Focus sliced."""
    n = Net(13, IMAGE)
    x = n.op('Relu', n.conv(n.op('SpaceToDepth', 'x', blocksize=4), 48, 6))
    return Example(n.done(n.op('Flatten', n.op('GlobalAveragePool', x))), IMAGE)


def reductions():
    n = Net(13, IMAGE)
    x = n.conv('x', 3, 6)
    parts = [n.op(kind, x, axes=[2, 3], keepdims=0) for kind in
             ('ReduceMin', 'ReduceL1', 'ReduceL2', 'ReduceSumSquare')]
    return Example(n.done(n.op('Gemm', n.op('Concat', *parts, axis=1), n.random(24, 4))), IMAGE)


def dynamo():
    """Opset 18: operators of the exporter's own as functions of the model, calls within calls, attributes handed on."""
    n = Net(18, IMAGE)
    n.domains = {'pkg.onnxscript.torch_lib': 1, 'pkg.onnxscript.torch_lib.common': 1}
    opsets = [helper.make_opsetid('', 18), *(helper.make_opsetid(d, 1) for d in n.domains)]
    lib, common = n.domains

    def referring(kind, inputs, outputs, attribute, name, type_):
        node = helper.make_node(kind, inputs, outputs)
        a = node.attribute.add()
        a.name, a.ref_attr_name, a.type = attribute, name, type_
        return node
    rank = helper.make_function(common, 'Rank', ['input'], ['result'], [
        helper.make_node('Shape', ['input'], ['s']), helper.make_node('Size', ['s'], ['result'])], opsets)
    leaky = helper.make_function(lib, 'aten_leaky_relu', ['self'], ['out'], [
        referring('LeakyRelu', ['self'], ['out'], 'alpha', 'negative_slope', 1)], opsets, ['negative_slope'])
    mean = helper.make_function(lib, '_aten_mean_dim', ['self', 'dim'], ['result'], [
        helper.make_node('Rank', ['self'], ['rank'], domain=common),
        helper.make_node('Constant', [], ['zero'], value_int=0),
        helper.make_node('Equal', ['rank', 'zero'], ['none']),
        helper.make_node('Cast', ['dim'], ['axes'], to=TensorProto.INT64),
        referring('ReduceMean', ['self', 'axes'], ['result'], 'keepdims', 'keepdim', 2)], opsets, ['keepdim'])
    add = helper.make_function(lib, 'aten_add', ['self', 'other'], ['sum'], [
        referring('Constant', [], ['a'], 'value_float', 'alpha', 1),
        helper.make_node('CastLike', ['a', 'other'], ['alpha']),
        helper.make_node('Mul', ['other', 'alpha'], ['scaled']),
        helper.make_node('Add', ['self', 'scaled'], ['sum'])], opsets, ['alpha'])
    x = n.op('aten_leaky_relu', n.conv('x', 3, 8, strides=[2, 2]), domain=lib, negative_slope=0.2)
    y = n.op('aten_leaky_relu', n.conv(x, 8, 8), domain=lib, negative_slope=0.02)
    x = n.op('aten_add', x, y, domain=lib, alpha=0.5)
    x = n.op('_aten_mean_dim', x, n.const(numpy.array([-1, -2], numpy.int32)), domain=lib, keepdim=0)
    n.domains = {lib: 1, common: 1}
    return Example(n.done(n.op('Gemm', x, n.random(8, 5), n.random(5)), [rank, leaky, mean, add]), IMAGE)


def modules_as_functions():
    """export_modules_as_functions: every module a function, weights as inputs of calls, hundreds of them, or attributes."""
    n = Net(15, IMAGE)
    n.domains = {'torch.nn.modules.conv': 1, 'net': 1}
    opsets = [helper.make_opsetid('', 15), *(helper.make_opsetid(d, 1) for d in n.domains)]
    conv, net = n.domains
    layers = 160
    conv2d = helper.make_function(conv, 'Conv2d', ['x', 'w', 'b'], ['y'], [
        helper.make_node('Conv', ['x', 'w', 'b'], ['y'], kernel_shape=[1, 1])], opsets)
    weights = [f'{k}{i}' for i in range(layers) for k in 'wb']
    body, x = [], 'x'
    for i in range(layers):
        body.append(helper.make_node('Conv2d', [x, f'w{i}', f'b{i}'], [f'c{i}'], domain=conv,
                                     weight=numpy_helper.from_array(numpy.ones((40, 40), numpy.float32))))
        body.append(helper.make_node('Relu', [f'c{i}'], [f'r{i}']))
        x = f'r{i}'
    whole = helper.make_function(net, 'Net', ['x', *weights], [x], body, opsets)
    x = n.conv('x', 3, 4, strides=[2, 2])
    x = n.op('Net', x, *(n.random(4, 4, 1, 1, low=-0.2) if k % 2 == 0 else n.random(4) for k in range(2 * layers)), domain=net)
    x = n.op('Flatten', n.op('GlobalAveragePool', x))
    return Example(n.done(n.op('Gemm', x, n.random(4, 5), n.random(5)), [conv2d, whole]), IMAGE)


def scripted_list():
    """A scripted DenseNet appends to a list and joins it."""
    n = Net(13, IMAGE)
    x = n.conv('x', 3, 4, strides=[2, 2])
    features = n.op('SequenceConstruct', x)
    for width in (4, 6, 8):
        y = n.conv(n.op('ConcatFromSequence', features, axis=1, new_axis=0), width, 2)
        features = n.op('SequenceInsert', features, y)
    x = n.op('ConcatFromSequence', features, axis=1)
    rows = n.op('SequenceInsert', n.op('SequenceInsert', n.op('SequenceEmpty', dtype=1), x), n.op('Neg', x))
    x = n.op('GlobalAveragePool', n.op('Relu', n.op('ConcatFromSequence', rows, axis=-3)))
    return Example(n.done(n.op('Gemm', n.op('Flatten', x), n.random(20, 5), n.random(5))), IMAGE)


def scripted_parts():
    """What chunk, unbind and stack become in scripted modules: lists from a split, of which parts are taken and joined anew."""
    n = Net(13, IMAGE)
    x = n.conv('x', 3, 8, strides=[2, 2])
    halves = n.op('SplitToSequence', x, n.int(5), axis=1)  # 5 and 3 channels
    a, b = (n.op('SequenceAt', halves, n.int(at)) for at in (0, -1))
    x = n.op('Concat', n.conv(b, 3, 4), n.op('Relu', a), axis=1)
    sizes = n.op('SplitToSequence', x, n.ints(2, 3, 4), axis=-3)
    sizes = n.op('SequenceInsert', sizes, n.op('Neg', n.op('SequenceAt', sizes, n.int(2))), n.int(1))
    sizes = n.op('SequenceErase', sizes, n.int(0))
    x = n.op('ConcatFromSequence', sizes, axis=1)
    rows = n.op('SplitToSequence', x, axis=2, keepdims=0)
    x = n.op('ConcatFromSequence', n.op('SequenceErase', rows), axis=-1, new_axis=1)
    x = n.op('GlobalAveragePool', n.op('Relu', x))
    return Example(n.done(n.op('Gemm', n.op('Flatten', x), n.random(11, 5), n.random(5))), IMAGE)


def attention_free_vit():
    """LayerNormalization and Einsum-free mixing of tokens, as MLP-Mixer's kind is exported."""
    n = Net(17, IMAGE)
    x = n.conv('x', 3, 8, 8, strides=[8, 8], pads=[0] * 4)
    x = n.op('Transpose', n.op('Reshape', x, n.ints(0, 8, -1)), perm=[0, 2, 1])
    x = n.op('LayerNormalization', x, n.random(8, low=0.5), n.random(8), axis=-1)
    y = n.op('Transpose', n.op('MatMul', n.op('Transpose', x, perm=[0, 2, 1]), n.random(12, 12)), perm=[0, 2, 1])
    x = n.op('Add', x, y)
    return Example(n.done(n.op('MatMul', n.op('ReduceMean', x, axes=[1], keepdims=0), n.random(8, 5))), IMAGE)


# Paddle, MXNet.

def paddle():
    n = Net(11, IMAGE)
    x = n.conv('x', 3, 8, strides=[2, 2], bias=False)
    x = n.op('BatchNormalization', x, *(n.random(8, low=l, high=1) for l in (0.2, -1, -1, 0.2)), epsilon=1e-5, momentum=0.9)
    x = n.op('HardSigmoid', x, alpha=0.1666667, beta=0.5)
    x = n.op('Mul', x, n.op('GlobalAveragePool', x))
    x = n.op('MaxPool', x, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = n.op('Squeeze', n.op('GlobalAveragePool', x), axes=[2, 3])
    x = n.op('Add', n.op('MatMul', x, n.random(8, 5)), n.random(5))
    return Example(n.done(n.op('Softmax', x, axis=-1)), IMAGE)


def mxnet():
    n = Net(8, IMAGE, listed=True)
    x = n.op('Mul', n.op('Sub', 'x', n.const(numpy.array([127.5], numpy.float32), '_minusscalar0'), name='_minusscalar0'),
             n.const(numpy.array([0.0078125], numpy.float32), '_mulscalar0'), name='_mulscalar0')
    x = n.conv(x, 3, 8, bias=False, strides=[2, 2])
    x = n.op('BatchNormalization', x, *(n.random(8, low=l, high=1) for l in (0.2, -1, -1, 0.2)), epsilon=2e-5, spatial=1)
    x = n.op('PRelu', x, n.const(numpy.linspace(0, 0.5, 8, dtype=numpy.float32).reshape(8, 1, 1)))
    x = n.op('Dropout', n.op('Flatten', x), ratio=0.4)
    return Example(n.done(n.op('Gemm', x, n.random(5, 8 * 12 * 16), n.random(5), transB=1)), IMAGE)


def batch_norm_per_value():
    """spatial=0: a scale and the rest for every value, which CNTK wrote."""
    def net(old):
        n = Net(8 if old else 13, IMAGE)
        x = n.conv('x', 3, 4, strides=[4, 4])
        scale, bias, mean, var = (n.rng.uniform(low, 1.5, (4, 6, 8)).astype(numpy.float32) for low in (0.5, -1, -1, 0.5))
        if old:
            x = n.op('BatchNormalization', x, *(n.const(v) for v in (scale, bias, mean, var)), spatial=0, epsilon=1e-5)
        else:
            x = n.op('Mul', n.op('Sub', x, n.const(mean)), n.const(scale / numpy.sqrt(var + 1e-5)))
            x = n.op('Add', x, n.const(bias))
        return n.done(n.op('GlobalMaxPool', x))
    return Example(net(True), IMAGE, same=net(False))


# The picture made ready in the graph.

def bytes_in():
    shape = (1, 40, 48, 3)
    n = Net(13, shape, element=TensorProto.UINT8, given=[1, 40, 48, 3])
    x = n.op('Transpose', n.op('Cast', 'x', to=TensorProto.FLOAT), perm=[0, 3, 1, 2])
    x = n.op('Div', x, n.const(numpy.float32(255)))
    mean = n.const(numpy.array([0.485, 0.456, 0.406], numpy.float32).reshape(1, 3, 1, 1))
    std = n.const(numpy.array([0.229, 0.224, 0.225], numpy.float32).reshape(1, 3, 1, 1))
    x = n.op('Div', n.op('Sub', x, mean), std)
    x = n.op('Resize', x, '', '', n.ints(1, 3, 24, 30), mode='linear', coordinate_transformation_mode='half_pixel')
    x = n.op('Relu', n.conv(x, 3, 6, strides=[2, 2]))
    return Example(n.done(n.op('Flatten', n.op('GlobalAveragePool', x))), shape, bytes=True)


def resize(mode, coordinates, nearest, sizes):
    n = Net(13, IMAGE)
    x = n.conv('x', 3, 5, strides=[2, 2])
    x = n.op('Resize', x, '', '', n.ints(1, 5, *sizes), mode=mode, coordinate_transformation_mode=coordinates,
             nearest_mode=nearest)
    return Example(n.done(n.op('GlobalMaxPool', n.conv(x, 5, 6))), IMAGE)


def resize_down_antialiased():
    def net(antialias):
        n = Net(18, IMAGE)
        x = n.conv('x', 3, 5)
        x = n.op('Resize', x, '', n.floats(0.5, 0.5), axes=[2, 3], mode='linear', **antialias)
        return n.done(n.op('GlobalMaxPool', n.conv(x, 5, 6)))
    return Example(net({}), IMAGE)


def resize_keeping_aspect(policy):
    n = Net(18, IMAGE)
    x = n.conv('x', 3, 5, strides=[2, 2])
    x = n.op('Resize', x, '', '', n.ints(17, 11), axes=[2, 3], mode='linear', keep_aspect_ratio_policy=policy)
    return Example(n.done(n.op('GlobalMaxPool', n.conv(x, 5, 6))), IMAGE)


def scales_before_groups():
    """A BatchNormalization that can only join what follows it."""
    n = Net(13, IMAGE)
    x = n.op('Relu', n.conv('x', 3, 8, strides=[2, 2]))
    x = n.op('BatchNormalization', x, *(n.random(8, low=low, high=1.5) for low in (0.5, -1, -1, 0.5)))
    x = n.conv(x, 8, 12, group=4, pads=[0] * 4)
    return Example(n.done(n.op('Flatten', n.op('GlobalMaxPool', x))), IMAGE)


def scales_before_padding():
    """The same where windows reach over the right border alone, or over the lower one: what is added is not added there."""
    n = Net(13, IMAGE)
    x = n.op('Relu', n.conv('x', 3, 8, strides=[2, 2]))
    for pads in ([0, 0, 0, 2], [0, 0, 2, 0]):
        x = n.op('BatchNormalization', n.op('Relu', x), *(n.random(8, low=low, high=2) for low in (0.5, 1, -1, 0.5)))
        x = n.conv(x, 8, 8, pads=pads)
    return Example(n.done(n.op('Flatten', n.op('GlobalAveragePool', x))), IMAGE)


def nearly_hard_swish():
    """x * clip(x + 3, 0, 6) / 6 with other numbers in one place each."""
    n = Net(13, IMAGE)
    x = n.conv('x', 3, 4)
    parts = []
    for shift, most, share in ((2, 6, 6), (3, 5, 6), (3, 6, 5), (3, 6, 6)):
        gate = n.op('Clip', n.op('Add', x, n.floats(shift)), n.const(numpy.float32(0)), n.const(numpy.float32(most)))
        parts.append(n.op('Mul', x, n.op('Div', gate, n.floats(share))))
    return Example(n.done(n.op('Flatten', n.op('GlobalMaxPool', n.op('Concat', *parts, axis=1)))), IMAGE)


def joined_in_rank_5():
    n = Net(13, IMAGE)
    x = n.op('Reshape', n.conv('x', 3, 8, strides=[2, 2]), n.ints(1, 4, 2, 12, 16))
    x = n.op('Reshape', n.op('Concat', x, n.op('Relu', x), axis=3), n.ints(1, 8, 24, 16))
    return Example(n.done(n.op('Flatten', n.op('GlobalMaxPool', n.conv(x, 8, 6)))), IMAGE)


def normalising(*steps):
    n = Net(11, IMAGE)
    x = 'x'
    for kind, numbers in steps:
        x = n.op(kind, x, n.const(numpy.array(numbers, numpy.float32).reshape(-1, 1, 1)))
    return Example(n.done(n.op('GlobalAveragePool', n.op('Relu', n.conv(x, 3, 6)))), IMAGE)


MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
# Name of a style -> the largest number of the pictures that its first nodes normalise (0: they say nothing), and whether
# blue is their first channel.
RANGES = {
    'pytorch means': (1, False), 'pytorch means of bytes': (255, False), 'caffe means': (255, True),
    'caffe means and scale': (255, True), 'times 2 minus 1': (1, False), 'divided by 255': (255, False),
    'mxnet': (255, False), 'keras strided slice': (255, False), 'bytes in': (255, False), 'torchscript, opset 13': (0, False),
}


# Quantised: computed in whole numbers.

def _levels(n, array, scale, kind=numpy.int8):
    lo, hi = numpy.iinfo(kind).min, numpy.iinfo(kind).max
    return n.const(numpy.clip(numpy.round(array / scale), lo, hi).astype(kind))


def qoperator(kind):
    """onnxruntime's quantize_static() with QuantFormat.QOperator."""
    n = Net(13, IMAGE)
    n.domains['com.microsoft'] = 1
    u8 = kind == numpy.uint8
    zero = lambda v: n.const(kind(v if u8 else v - 128))
    scale = lambda v: n.const(numpy.float32(v))

    def conv(x, sx, zx, ins, outs, sy, zy, group=1, **attributes):
        w = n.rng.uniform(-0.4, 0.4, (outs, ins // group, 3, 3))
        sw = numpy.abs(w).max(axis=(1, 2, 3)).astype(numpy.float32) / 127
        bias = n.const(numpy.round(n.rng.uniform(-0.5, 0.5, outs) / (sw * sx)).astype(numpy.int32))
        return n.op('QLinearConv', x, scale(sx), zero(zx), _levels(n, w, sw.reshape(-1, 1, 1, 1)), n.const(sw),
                    n.const(numpy.zeros(outs, numpy.int8)), scale(sy), zero(zy), bias, kernel_shape=[3, 3],
                    pads=[1, 1, 1, 1], group=group, **attributes)
    x = n.op('QuantizeLinear', 'x', scale(2 / 255), zero(128))
    x = conv(x, 2 / 255, 128, 3, 8, 0.02, 0)
    x = n.op('MaxPool', x, kernel_shape=[2, 2], strides=[2, 2])
    y = conv(x, 0.02, 0, 8, 8, 0.03, 120, group=8)
    x = n.op('QLinearAdd', x, scale(0.02), zero(0), y, scale(0.03), zero(120), scale(0.04), zero(110),
             domain='com.microsoft')
    x = n.op('QLinearLeakyRelu', x, scale(0.04), zero(110), scale(0.04), zero(100), alpha=0.1, domain='com.microsoft')
    x = n.op('QLinearGlobalAveragePool', x, scale(0.04), zero(100), scale(0.01), zero(100), domain='com.microsoft')
    x = n.op('Reshape', x, n.ints(0, -1))
    w = n.rng.uniform(-0.4, 0.4, (8, 6))
    x = n.op('QLinearMatMul', x, scale(0.01), zero(100), _levels(n, w, 0.4 / 127), scale(0.4 / 127),
             n.const(numpy.int8(0)), scale(0.015), zero(128))
    x = n.op('QGemm', x, scale(0.015), zero(128), _levels(n, n.rng.uniform(-1, 1, (5, 6)), 1 / 127), scale(1 / 127),
             n.const(numpy.int8(0)), n.const(numpy.arange(5, dtype=numpy.int32) * 100), scale(0.01), zero(128),
             transB=1, domain='com.microsoft')
    return Example(n.done(n.op('DequantizeLinear', x, scale(0.01), zero(128))), IMAGE, off=None)


# What cannot be run: a pattern for the whole message.

def refuse_dynamic_quantization():
    n = Net(11, IMAGE)
    q, s, z = n.op('DynamicQuantizeLinear', n.op('GlobalAveragePool', 'x'), outputs=3)
    w = n.const(numpy.ones((4, 3, 1, 1), numpy.uint8))
    y = n.op('Cast', n.op('ConvInteger', q, w, z), to=TensorProto.FLOAT)
    return n.done(n.op('Mul', y, s)), r'operator DynamicQuantizeLinear \(node "DynamicQuantizeLinear_1"\): .*(QDQ|static)'


def refuse_unknown():
    n = Net(17, IMAGE)
    return n.done(n.op('NonMaxSuppression', 'x', 'x')), r'operator NonMaxSuppression \(node "NonMaxSuppression_0"\): .*not supported'


def refuse_branch():
    n = Net(13, IMAGE)
    shape = n.op('Size', 'x')
    there = helper.make_graph([helper.make_node('Identity', ['x'], ['b'])], 'b', [],
                              [helper.make_tensor_value_info('b', TensorProto.FLOAT, None)])
    return n.done(n.op('If', n.op('Equal', shape, n.const(numpy.array(3, numpy.int64))), then_branch=there,
                       else_branch=there)), r'operator If \(node "If_2"\): .*(simplif|onnxsim)'


def refuse_recurrent():
    n = Net(13, IMAGE)
    x = n.op('Reshape', 'x', n.ints(24, 1, -1))
    return n.done(n.op('GRU', x, n.random(1, 12, 96), n.random(1, 12, 4), hidden_size=4)), r'operator GRU .*not supported'


def refuse_future():
    n = Net(99, IMAGE)
    return n.done(n.op('Relu', 'x')), r'operator set 99 is newer than \d+; export the model for that'


def refusals():
    return {name[7:]: f() for name, f in globals().items() if name.startswith('refuse_')}


def styles():
    """Name -> Example."""
    made = {f'caffe2, opset {k}': caffe2_opset(k) for k in (1, 3, 4, 5, 6)}
    made.update({f'upsample, opset {k}': upsample_opset(k) for k in (1, 7, 9, 10)})
    made.update({f'torchscript, opset {k}': torchscript(k) for k in (9, 11, 13, 17)})
    for mode, coordinates, nearest, sizes in (
            ('nearest', 'half_pixel', 'round_prefer_floor', (17, 9)), ('nearest', 'asymmetric', 'floor', (24, 32)),
            ('nearest', 'align_corners', 'round_prefer_ceil', (7, 31)), ('nearest', 'half_pixel', 'ceil', (30, 20)),
            ('linear', 'half_pixel', 'floor', (24, 32)), ('linear', 'align_corners', 'floor', (25, 9)),
            ('linear', 'asymmetric', 'floor', (20, 24)), ('linear', 'pytorch_half_pixel', 'floor', (1, 20)),
            ('cubic', 'half_pixel', 'floor', (24, 20))):
        made[f'resize, {mode}, {coordinates}, {nearest}, {sizes[0]}x{sizes[1]}'] = resize(mode, coordinates, nearest, sizes)
    for f in (caffe_fixed_batch, old_softmax_of_image, windows_ml, half_precision, keras, keras_strided_slice, tflite,
              torch_expand, torch_group_norm, group_norm_18, group_norm_21, instance_norm, transposed_conv, focus,
              reductions, dynamo, modules_as_functions, scripted_list, scripted_parts, attention_free_vit, paddle, mxnet, batch_norm_per_value,
              bytes_in, resize_down_antialiased, scales_before_groups, scales_before_padding, nearly_hard_swish, joined_in_rank_5):
        made[f.__name__.replace('_', ' ')] = f()
    for policy in ('not_larger', 'not_smaller'):
        made[f'resize, {policy}'] = resize_keeping_aspect(policy)
    made['pytorch means'] = normalising(('Sub', MEAN), ('Div', STD))
    made['pytorch means of bytes'] = normalising(('Div', [255]), ('Sub', MEAN), ('Div', STD))
    made['caffe means'] = normalising(('Add', [-104, -117, -123]))
    made['caffe means and scale'] = normalising(('Sub', [103.94, 116.78, 123.68]), ('Mul', [0.017] * 3))
    made['times 2 minus 1'] = normalising(('Mul', [2]), ('Sub', [1]))
    made['divided by 255'] = normalising(('Div', [255]))
    made['qoperator, uint8'] = qoperator(numpy.uint8)
    made['qoperator, int8'] = qoperator(numpy.int8)
    return made
