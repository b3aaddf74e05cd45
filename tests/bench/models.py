#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes well-known classifiers with seeded random weights, to measure with: time does not depend on what a network
has learned, as long as its values are of a sane size and about as many of them are zero.

    models.py DIR [NAME...]      alexnet, squeezenet1.1, resnet18, mobilenetv2, vgg11; default: all

Shapes are torchvision's, 1x3x224x224 -> 1x1000.  Weights are drawn as He et al. do (variance 2 / inputs of a unit), so
that values keep their size from layer to layer.  Most filters of the first layer have no mean, as learned ones: else a
picture's brightness would decide alone which of them are on.  Prints the multiplies of each.
"""
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'models', 'activities'))
import onnx_writer as onnx  # noqa: E402

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
CLASSES = 1000


class Net:
    """A graph that grows at its end.  A place in it is (name, channels, size, mean of squares)."""

    def __init__(self, name):
        self.name, self.nodes, self.weights, self.macs = name, [], {}, 0
        self.rand = np.random.default_rng(sum(name.encode()))

    def _add(self, op, inputs, **attributes):
        name = f'{op.lower()}{len(self.nodes)}'
        self.nodes.append(onnx.node(op, inputs, name, **attributes))
        return name

    def _weight(self, name, array):
        self.weights[name] = np.asarray(array, dtype=np.float32 if np.asarray(array).dtype != np.int64 else np.int64)
        return name

    def input(self):
        return 'image', 3, 224, 1.0

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

    def max_pool(self, x, kernel, stride, pad=0, ceil=0):
        name, c, size, squares = x
        y = self._add('MaxPool', [name], kernel_shape=[kernel, kernel], strides=[stride, stride], pads=[pad] * 4, ceil_mode=ceil)
        return y, c, (size + 2 * pad - kernel + (stride - 1 if ceil else 0)) // stride + 1, squares * 2

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
            f.write(onnx.model(self.name, self.nodes, self.weights, [('image', (1, 3, 224, 224))],
                               [(end[0], (1, CLASSES))], producer='deltacnn tests/bench'))
        ranges = ';'.join(f'{-m / s:.6g},{(1 - m) / s:.6g}' for m, s in zip(MEAN, STD))
        with open(path + '.modelinfo', 'w') as f:
            f.write('[modelinfo]\nversion=1.0\n\n[image]\ndir=input\ntype=float32\ndims=1,3,224,224\n'
                    f'ranges={ranges}\n\n[deltacnn]\ncolor=rgb\nresize=crop\ncrop-fraction=0.875\n')
        return path


def alexnet(net):
    x = net.max_pool(net.relu(net.conv(net.input(), 64, 11, 4, 2)), 3, 2)
    x = net.max_pool(net.relu(net.conv(x, 192, 5, 1, 2)), 3, 2)
    for out in (384, 256, 256):
        x = net.relu(net.conv(x, out, 3, 1, 1))
    x = net.flatten(net.max_pool(x, 3, 2))
    x = net.relu(net.linear(net.relu(net.linear(x, 4096)), 4096))
    return net.linear(x, CLASSES)


def squeezenet(net):
    def fire(x, squeeze, expand):
        s = net.relu(net.conv(x, squeeze, 1))
        return net.concat(net.relu(net.conv(s, expand, 1)), net.relu(net.conv(s, expand, 3, 1, 1)))

    x = net.max_pool(net.relu(net.conv(net.input(), 64, 3, 2)), 3, 2, ceil=1)
    x = net.max_pool(fire(fire(x, 16, 64), 16, 64), 3, 2, ceil=1)
    x = net.max_pool(fire(fire(x, 32, 128), 32, 128), 3, 2, ceil=1)
    for squeeze, expand in ((48, 192), (48, 192), (64, 256), (64, 256)):
        x = fire(x, squeeze, expand)
    return net.flatten(net.mean(net.relu(net.conv(x, CLASSES, 1))))


def resnet18(net):
    """Batch norms folded, as exporters do it for a network that is not to be trained."""
    x = net.max_pool(net.relu(net.conv(net.input(), 64, 7, 2, 3, norm='folded')), 3, 2, 1)
    for out, first in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for stride in (first, 1):
            y = net.conv(net.relu(net.conv(x, out, 3, stride, 1, norm='folded')), out, 3, 1, 1, norm='folded')
            shortcut = x if x[1] == out and stride == 1 else net.conv(x, out, 1, stride, norm='folded')
            x = net.relu(net.add(y, shortcut))
    return net.linear(net.flatten(net.mean(x)), CLASSES)


def mobilenetv2(net):
    """With BatchNormalization nodes, and ReLU6 as Clip."""
    def block(x, expand, out, stride):
        y, hidden = x, x[1] * expand
        if expand > 1:
            y = net.relu6(net.conv(y, hidden, 1, norm='node'))
        y = net.relu6(net.conv(y, hidden, 3, stride, 1, groups=hidden, norm='node'))
        y = net.conv(y, out, 1, norm='node')
        return net.add(x, y) if stride == 1 and x[1] == out else y

    x = net.relu6(net.conv(net.input(), 32, 3, 2, 1, norm='node'))
    for expand, out, count, first in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                      (6, 160, 3, 2), (6, 320, 1, 1)):
        for i in range(count):
            x = block(x, expand, out, first if i == 0 else 1)
    x = net.relu6(net.conv(x, 1280, 1, norm='node'))
    return net.linear(net.flatten(net.mean(x)), CLASSES)


def vgg11(net):
    x = net.input()
    for out, pool in ((64, 1), (128, 1), (256, 0), (256, 1), (512, 0), (512, 1), (512, 0), (512, 1)):
        x = net.relu(net.conv(x, out, 3, 1, 1))
        if pool:
            x = net.max_pool(x, 2, 2)
    x = net.flatten(x)
    x = net.relu(net.linear(net.relu(net.linear(x, 4096)), 4096))
    return net.linear(x, CLASSES)


MODELS = {'alexnet': alexnet, 'squeezenet1.1': squeezenet, 'resnet18': resnet18, 'mobilenetv2': mobilenetv2, 'vgg11': vgg11}


def write(folder, name):
    """Returns (path, multiplies)."""
    net = Net(name)
    end = MODELS[name](net)
    return net.write(folder, end), net.macs


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith('-') or set(sys.argv[2:]) - set(MODELS):
        sys.exit(__doc__)
    os.makedirs(sys.argv[1], exist_ok=True)
    for name in sys.argv[2:] or MODELS:
        path, macs = write(sys.argv[1], name)
        print(f'{path}: {macs / 1e9:.3f} G multiplies, {os.path.getsize(path) / 1e6:.1f} MB')


if __name__ == '__main__':
    main()
