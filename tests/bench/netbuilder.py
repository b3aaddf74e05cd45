# SPDX-License-Identifier: LGPL-2.1-or-later
"""Builds ONNX classifiers with seeded random weights.

Weights are drawn as He et al. do (variance 2 / inputs of a unit), so that values keep their size from layer to layer.
Most filters of the first layer have no mean, as learned ones: else a picture's brightness would decide alone which of
them are on.
"""
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'models', 'activities'))
import onnx_writer as onnx  # noqa: E402

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
CLASSES = 1000
OPSET = 17  # the first with LayerNormalization


class Net:
    """A graph that grows at its end.  A place in it is (name, channels, size, mean of squares)."""

    def __init__(self, name):
        self.name, self.nodes, self.weights, self.macs = name, [], {}, 0
        self.rand = np.random.default_rng(sum(name.encode()))
        self.side = 224

    def _add(self, op, inputs, **attributes):
        name = f'{op.lower()}{len(self.nodes)}'
        self.nodes.append(onnx.node(op, inputs, name, **attributes))
        return name

    def _weight(self, name, array):
        self.weights[name] = np.asarray(array, dtype=np.float32 if np.asarray(array).dtype != np.int64 else np.int64)
        return name

    def input(self, side=224):
        self.side = side
        return 'image', 3, side, 1.0

    def conv(self, x, out, kernel, stride=1, pad=0, groups=1, norm=None):
        """norm: None, 'folded' (the convolution's own scale) or 'node' (a BatchNormalization)."""
        name, c, size, squares = x
        fan_in = c // groups * kernel * kernel
        w = self.rand.standard_normal((out, c // groups, kernel, kernel), dtype=np.float32) * np.sqrt(2 / fan_in)
        if name == 'image':
            w[:out * 3 // 4] -= w[:out * 3 // 4].mean((1, 2, 3), keepdims=True)
        variance = 2 * squares
        if norm == 'folded':
            w, variance = w / np.sqrt(variance), 1.0
        b = self.rand.normal(0, 0.1 * np.sqrt(variance), out)
        n = len(self.nodes)
        inputs = [name, self._weight(f'w{n}', w)]
        if norm != 'node':
            inputs.append(self._weight(f'b{n}', b))
        y = self._add('Conv', inputs, kernel_shape=[kernel, kernel], strides=[stride, stride], pads=[pad] * 4, group=groups)
        if norm == 'node':
            gamma, shift = self.rand.normal(1, 0.1, out), self.rand.normal(0, 0.1, out)
            mean = self.rand.normal(0, 0.1 * np.sqrt(variance), out)
            parts = zip(('gamma', 'beta', 'mean', 'var'), (gamma, shift, mean, np.full(out, variance)))
            y = self._add('BatchNormalization', [y] + [self._weight(f'{k}{n}', v) for k, v in parts], epsilon=1e-5)
            variance = 1.0
        size = (size + 2 * pad - kernel) // stride + 1
        self.macs += out * size * size * fan_in
        return y, out, size, variance

    def relu(self, x):
        name, c, size, squares = x
        return self._add('Relu', [name]), c, size, squares / 2

    def relu6(self, x):
        name, c, size, squares = x
        for limit, value in (('low', 0.0), ('high', 6.0)):
            self._weight(limit, np.float32(value))
        return self._add('Clip', [name, 'low', 'high']), c, size, squares / 2

    def hard_swish(self, x):
        name, c, size, squares = x
        return self._add('HardSwish', [name]), c, size, squares / 2

    def leaky_relu(self, x):
        name, c, size, squares = x
        return self._add('LeakyRelu', [name], alpha=0.1), c, size, squares / 2

    def gelu(self, x):
        """Spelled out, as exporters write it."""
        name, c, size, squares = x
        for number, value in (('root', np.sqrt(2)), ('one', 1), ('half', 0.5)):
            self._weight(number, np.float32(value))
        gate = self._add('Add', [self._add('Erf', [self._add('Div', [name, 'root'])]), 'one'])
        return self._add('Mul', [self._add('Mul', [name, gate]), 'half']), c, size, squares / 2

    def permute(self, x, *order):
        return (self._add('Transpose', [x[0]], perm=list(order)),) + x[1:]

    def layer_norm(self, x):
        """Of an image whose channels are last."""
        name, c, size, _ = x
        n = len(self.nodes)
        inputs = [name, self._weight(f'gamma{n}', self.rand.normal(1, 0.1, c)), self._weight(f'beta{n}', self.rand.normal(0, 0.1, c))]
        return self._add('LayerNormalization', inputs, axis=-1, epsilon=1e-6), c, size, 1.0

    def matmul(self, x, out, pixels=None):
        """A fully connected layer of each pixel of an image, or each of so many tokens, whose channels are last."""
        name, c, size, squares = x
        n = len(self.nodes)
        w = self.rand.standard_normal((c, out), dtype=np.float32) * np.float32(np.sqrt(1 / c))
        y = self._add('MatMul', [name, self._weight(f'w{n}', w)])
        self.macs += c * out * (pixels or size * size)
        return self._add('Add', [y, self._weight(f'b{n}', self.rand.normal(0, 0.1, out))]), out, size, squares

    def ints(self, *numbers):
        return self._weight('ints' + '_'.join(map(str, numbers)), np.array(numbers, np.int64))

    def reshape(self, x, *dims):
        return (self._add('Reshape', [x[0], self.ints(*dims)]),) + x[1:]

    def constant(self, x, kind, array):
        """x + array, or another operator of two numbers."""
        return (self._add(kind, [x[0], self._weight(f'k{len(self.nodes)}', np.float32(array))]),) + x[1:]

    def attention(self, x, batch, tokens, heads, bias=None):
        """Of [batch, tokens, channels], as timm writes it: all heads' queries, keys and values of one product."""
        width = x[1]
        d = width // heads
        qkv = self.permute(self.reshape(self.matmul(x, 3 * width, tokens * batch), batch, tokens, 3, heads, d), 2, 0, 3, 1, 4)
        parts = []
        for k in range(3):
            number = self._weight(f'number{k}', np.array(k, np.int64))
            parts.append((self._add('Gather', [qkv[0], number], axis=0), d, x[2], x[3]))
        q, k, v = self.constant(parts[0], 'Mul', d ** -0.5), self.permute(parts[1], 0, 1, 3, 2), parts[2]
        a = (self._add('MatMul', [q[0], k[0]]), tokens, x[2], 1.0)
        for other in bias or ():
            a = other(a)
        a = (self._add('Softmax', [a[0]], axis=-1),) + a[1:]
        y = (self._add('MatMul', [a[0], v[0]]), width, x[2], x[3])
        self.macs += 2 * batch * tokens * tokens * width
        return self.matmul(self.reshape(self.permute(y, 0, 2, 1, 3), batch, tokens, width), width, tokens * batch)

    def silu(self, x):
        """x times its sigmoid, as exporters write it."""
        name, c, size, squares = x
        return self._add('Mul', [name, self._add('Sigmoid', [name])]), c, size, squares / 2

    def gate(self, x, inner, act, kind):
        """Squeeze and excitation: channels weighed by what two layers make of their means; kind: Sigmoid or HardSigmoid."""
        y = self.conv(act(self.conv(self.mean(x), inner, 1)), x[1], 1)
        gate = self._add(kind, [y[0]], **({'alpha': 1 / 6} if kind == 'HardSigmoid' else {}))
        return self._add('Mul', [x[0], gate]), x[1], x[2], x[3] / 3

    def batch_norm(self, x):
        name, c, size, squares = x
        n = len(self.nodes)
        parts = zip(('gamma', 'beta', 'mean', 'var'), (self.rand.normal(1, 0.1, c), self.rand.normal(0, 0.1, c),
                                                       self.rand.normal(0, 0.1, c), np.full(c, squares)))
        return self._add('BatchNormalization', [name] + [self._weight(f'{k}{n}', v) for k, v in parts], epsilon=1e-5), c, size, 1.0

    def max_pool(self, x, kernel, stride, pad=0, ceil=0):
        name, c, size, squares = x
        y = self._add('MaxPool', [name], kernel_shape=[kernel, kernel], strides=[stride, stride], pads=[pad] * 4, ceil_mode=ceil)
        return y, c, (size + 2 * pad - kernel + (stride - 1 if ceil else 0)) // stride + 1, squares * 2

    def average_pool(self, x, kernel, stride):
        name, c, size, squares = x
        y = self._add('AveragePool', [name], kernel_shape=[kernel, kernel], strides=[stride, stride])
        return y, c, (size - kernel) // stride + 1, squares / 2

    def halves(self, x):
        name, c, size, squares = x
        n = len(self.nodes)

        def part(begin, end):
            indices = [self._weight(f'{k}{n}_{begin}', np.array([v])) for k, v in (('from', begin), ('to', end), ('axis', 1))]
            return self._add('Slice', [name] + indices), end - begin, size, squares
        return part(0, c // 2), part(c // 2, c)

    def shuffle(self, x, groups):
        name, c, size, squares = x
        n = len(self.nodes)
        y = self._add('Reshape', [name, self._weight(f'split{n}', np.array([1, groups, c // groups, size, size]))])
        y = self._add('Transpose', [y], perm=[0, 2, 1, 3, 4])
        return self._add('Reshape', [y, self._weight(f'join{n}', np.array([1, c, size, size]))]), c, size, squares

    def add(self, a, b):
        return self._add('Add', [a[0], b[0]]), a[1], a[2], a[3] + b[3]

    def concat(self, *parts):
        return self._add('Concat', [p[0] for p in parts], axis=1), sum(p[1] for p in parts), parts[0][2], parts[0][3]

    def mean(self, x):
        name, c, _, squares = x
        return self._add('GlobalAveragePool', [name]), c, 1, squares / 2

    def flatten(self, x):
        name, c, size, squares = x
        return self._add('Flatten', [name]), c * size * size, 1, squares

    def linear(self, x, out):
        name, c, size, squares = x
        w = self.rand.standard_normal((out, c), dtype=np.float32)
        w *= np.float32(np.sqrt(2 / c))
        n = len(self.nodes)
        y = self._add('Gemm', [name, self._weight(f'w{n}', w), self._weight(f'b{n}', self.rand.normal(0, 0.1, out))], transB=1)
        self.macs += c * out
        return y, out, size, 2 * squares

    def write(self, folder, end):
        # the last node's output is the model's
        path = os.path.join(folder, self.name + '.onnx')
        with open(path, 'wb') as f:
            f.write(onnx.model(self.name, self.nodes, self.weights, [('image', (1, 3, self.side, self.side))],
                               [(end[0], (1, CLASSES))], producer='deltacnn tests/bench', opset=OPSET))
        ranges = ';'.join(f'{-m / s:.6g},{(1 - m) / s:.6g}' for m, s in zip(MEAN, STD))
        with open(path + '.modelinfo', 'w') as f:
            f.write(f'[modelinfo]\nversion=1.0\n\n[image]\ndir=input\ntype=float32\ndims=1,3,{self.side},{self.side}\n'
                    f'ranges={ranges}\n\n[deltacnn]\ncolor=rgb\nresize=crop\ncrop-fraction=0.875\n')
        return path
