#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes well-known classifiers with seeded random weights, to measure with: time does not depend on what a network
has learned, as long as its values are of a sane size and about as many of them are zero.

    models.py DIR [NAME...]      alexnet, squeezenet1.1, resnet18, mobilenetv2, vgg11, googlenet, resnet50, densenet121,
                                 shufflenetv2, mobilenetv3small, efficientnetb0, resnext50, mnasnet, convnextatto,
                                 darknet53, vittiny, mobilevitxxs, swinnano; default: all

Shapes are torchvision's, 1x3x224x224 -> 1x1000 (mobilevitxxs: 256x256).  Prints the multiplies of each.
"""
import os
import sys

import numpy as np

from netbuilder import CLASSES, Net


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


def googlenet(net):
    """Without the two classifiers that only training needs."""
    def conv(x, out, kernel, stride=1, pad=0):
        return net.relu(net.conv(x, out, kernel, stride, pad, norm='folded'))

    x = net.max_pool(conv(net.input(), 64, 7, 2, 3), 3, 2, ceil=1)
    x = net.max_pool(conv(conv(x, 64, 1), 192, 3, 1, 1), 3, 2, ceil=1)
    for row in ((64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), None,
                (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64),
                (112, 144, 288, 32, 64, 64), (256, 160, 320, 32, 128, 128), None,
                (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)):
        if not row:
            x = net.max_pool(x, 3, 2, ceil=1)
            continue
        a, b_in, b, c_in, c, d = row
        x = net.concat(conv(x, a, 1), conv(conv(x, b_in, 1), b, 3, 1, 1), conv(conv(x, c_in, 1), c, 3, 1, 1),
                       conv(net.max_pool(x, 3, 1, 1), d, 1))
    return net.linear(net.flatten(net.mean(x)), CLASSES)


def resnet50(net):
    x = net.max_pool(net.relu(net.conv(net.input(), 64, 7, 2, 3, norm='folded')), 3, 2, 1)
    for inner, count, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(count):
            stride = first if i == 0 else 1
            y = net.relu(net.conv(net.relu(net.conv(x, inner, 1, norm='folded')), inner, 3, stride, 1, norm='folded'))
            y = net.conv(y, inner * 4, 1, norm='folded')
            x = net.relu(net.add(y, x if i else net.conv(x, inner * 4, 1, stride, norm='folded')))
    return net.linear(net.flatten(net.mean(x)), CLASSES)


def densenet121(net):
    x = net.max_pool(net.relu(net.conv(net.input(), 64, 7, 2, 3, norm='folded')), 3, 2, 1)
    for block, count in enumerate((6, 12, 24, 16)):
        for _ in range(count):
            y = net.relu(net.conv(net.relu(net.batch_norm(x)), 128, 1, norm='folded'))
            x = net.concat(x, net.conv(y, 32, 3, 1, 1, norm='folded'))
        if block < 3:
            x = net.average_pool(net.conv(net.relu(net.batch_norm(x)), x[1] // 2, 1, norm='folded'), 2, 2)
    return net.linear(net.flatten(net.mean(net.relu(net.batch_norm(x)))), CLASSES)


def shufflenetv2(net):
    """Of width 1.0."""
    def branch(x, out, stride):
        y = net.relu(net.conv(x, out, 1, norm='folded'))
        return net.relu(net.conv(net.conv(y, out, 3, stride, 1, groups=out, norm='folded'), out, 1, norm='folded'))

    x = net.max_pool(net.relu(net.conv(net.input(), 24, 3, 2, 1, norm='folded')), 3, 2, 1)
    for out, count in ((116, 4), (232, 8), (464, 4)):
        for i in range(count):
            if i == 0:
                left = net.conv(x, x[1], 3, 2, 1, groups=x[1], norm='folded')
                left, right = net.relu(net.conv(left, out // 2, 1, norm='folded')), branch(x, out // 2, 2)
            else:
                left, right = net.halves(x)
                right = branch(right, out // 2, 1)
            x = net.shuffle(net.concat(left, right), 2)
    return net.linear(net.flatten(net.mean(net.relu(net.conv(x, 1024, 1, norm='folded')))), CLASSES)


def mobilenetv3small(net):
    def block(x, kernel, hidden, out, gated, act, stride):
        y = x if hidden == x[1] else act(net.conv(x, hidden, 1, norm='folded'))
        y = act(net.conv(y, hidden, kernel, stride, kernel // 2, groups=hidden, norm='folded'))
        if gated:
            y = net.gate(y, max(8, hidden // 4 // 8 * 8), net.relu, 'HardSigmoid')
        y = net.conv(y, out, 1, norm='folded')
        return net.add(x, y) if stride == 1 and x[1] == out else y

    relu, swish = net.relu, net.hard_swish
    x = swish(net.conv(net.input(), 16, 3, 2, 1, norm='folded'))
    for row in ((3, 16, 16, True, relu, 2), (3, 72, 24, False, relu, 2), (3, 88, 24, False, relu, 1), (5, 96, 40, True, swish, 2),
                (5, 240, 40, True, swish, 1), (5, 240, 40, True, swish, 1), (5, 120, 48, True, swish, 1),
                (5, 144, 48, True, swish, 1),
                (5, 288, 96, True, swish, 2), (5, 576, 96, True, swish, 1), (5, 576, 96, True, swish, 1)):
        x = block(x, *row)
    x = swish(net.conv(x, 576, 1, norm='folded'))
    return net.linear(swish(net.linear(net.flatten(net.mean(x)), 1024)), CLASSES)


def efficientnetb0(net):
    def block(x, kernel, expand, out, stride):
        hidden = x[1] * expand
        y = x if expand == 1 else net.silu(net.conv(x, hidden, 1, norm='folded'))
        y = net.silu(net.conv(y, hidden, kernel, stride, kernel // 2, groups=hidden, norm='folded'))
        y = net.conv(net.gate(y, x[1] // 4, net.silu, 'Sigmoid'), out, 1, norm='folded')
        return net.add(x, y) if stride == 1 and x[1] == out else y

    x = net.silu(net.conv(net.input(), 32, 3, 2, 1, norm='folded'))
    for kernel, expand, out, count, first in ((3, 1, 16, 1, 1), (3, 6, 24, 2, 2), (5, 6, 40, 2, 2), (3, 6, 80, 3, 2),
                                              (5, 6, 112, 3, 1), (5, 6, 192, 4, 2), (3, 6, 320, 1, 1)):
        for i in range(count):
            x = block(x, kernel, expand, out, first if i == 0 else 1)
    x = net.silu(net.conv(x, 1280, 1, norm='folded'))
    return net.linear(net.flatten(net.mean(x)), CLASSES)


def resnext50(net):
    """32 groups of 4 channels and more."""
    x = net.max_pool(net.relu(net.conv(net.input(), 64, 7, 2, 3, norm='folded')), 3, 2, 1)
    for inner, count, first in ((128, 3, 1), (256, 4, 2), (512, 6, 2), (1024, 3, 2)):
        for i in range(count):
            stride = first if i == 0 else 1
            y = net.relu(net.conv(x, inner, 1, norm='folded'))
            y = net.relu(net.conv(y, inner, 3, stride, 1, groups=32, norm='folded'))
            y = net.conv(y, inner * 2, 1, norm='folded')
            x = net.relu(net.add(y, x if i else net.conv(x, inner * 2, 1, stride, norm='folded')))
    return net.linear(net.flatten(net.mean(x)), CLASSES)


def mnasnet(net):
    """Of depth 1.0."""
    def separable(x, kernel, hidden, out, stride):
        y = net.relu(net.conv(x, hidden, kernel, stride, kernel // 2, groups=hidden, norm='folded'))
        return net.conv(y, out, 1, norm='folded')

    x = separable(net.relu(net.conv(net.input(), 32, 3, 2, 1, norm='folded')), 3, 32, 16, 1)
    for kernel, expand, out, count, first in ((3, 3, 24, 3, 2), (5, 3, 40, 3, 2), (5, 6, 80, 3, 2), (3, 6, 96, 2, 1),
                                              (5, 6, 192, 4, 2), (3, 6, 320, 1, 1)):
        for i in range(count):
            hidden, stride = x[1] * expand, first if i == 0 else 1
            y = separable(net.relu(net.conv(x, hidden, 1, norm='folded')), kernel, hidden, out, stride)
            x = net.add(x, y) if stride == 1 and x[1] == out else y
    return net.linear(net.flatten(net.mean(net.relu(net.conv(x, 1280, 1, norm='folded')))), CLASSES)


def convnextatto(net):
    """Normalised over channels, which are last there, and Gelu spelled out, as exporters write it."""
    def norm(x):
        return net.permute(net.layer_norm(net.permute(x, 0, 2, 3, 1)), 0, 3, 1, 2)

    x = norm(net.conv(net.input(), 40, 4, 4))
    for width, count in ((40, 2), (80, 2), (160, 6), (320, 2)):
        if width > x[1]:
            x = net.conv(norm(x), width, 2, 2)
        for _ in range(count):
            y = net.layer_norm(net.permute(net.conv(x, width, 7, 1, 3, groups=width), 0, 2, 3, 1))
            y = net.matmul(net.gelu(net.matmul(y, 4 * width)), width)
            x = net.add(x, net.permute(y, 0, 3, 1, 2))
    return net.linear(net.flatten(net.mean(x)), CLASSES)


def vittiny(net):
    """DeiT-tiny: 196 patches of 16x16 and a token of their class."""
    width, heads = 192, 3
    x = net.permute(net.reshape(net.conv(net.input(), width, 16, 16), 1, width, 196), 0, 2, 1)
    token = net._weight('token', net.rand.normal(0, 0.5, (1, 1, width)))
    x = (net._add('Concat', [token, x[0]], axis=1),) + x[1:]
    x = net.constant(x, 'Add', net.rand.normal(0, 0.5, (1, 197, width)))
    for _ in range(12):
        x = net.add(x, net.attention(net.layer_norm(x), 1, 197, heads))
        x = net.add(x, net.matmul(net.gelu(net.matmul(net.layer_norm(x), 4 * width, 197)), width, 197))
    x = net.layer_norm(x)
    first = net._weight('first', np.array(0, np.int64))
    return net.linear((net._add('Gather', [x[0], first], axis=1), width, 1, 1.0), CLASSES)


def mobilevitxxs(net):
    """Of 256x256; tokens are every fourth pixel, so that four images of tokens look at themselves."""
    def block(x, out, stride):
        hidden = 2 * x[1]
        y = net.silu(net.conv(x, hidden, 1, norm='folded'))
        y = net.silu(net.conv(y, hidden, 3, stride, 1, groups=hidden, norm='folded'))
        y = net.conv(y, out, 1, norm='folded')
        return net.add(x, y) if stride == 1 and x[1] == out else y

    def attend(x, width, depth):
        shortcut, channels, half = x, x[1], x[2] // 2
        y = net.conv(net.silu(net.conv(x, channels, 3, 1, 1, norm='folded')), width, 1)
        n = half * half
        y = net.permute(net.reshape(y, width * half, 2, half, 2), 0, 2, 1, 3)
        y = net.permute(net.reshape(y, 1, width, n, 4), 0, 3, 2, 1)
        y = net.reshape(y, 4, n, width)
        for _ in range(depth):
            y = net.add(y, net.attention(net.layer_norm(y), 4, n, 4))
            y = net.add(y, net.matmul(net.silu(net.matmul(net.layer_norm(y), 2 * width, 4 * n)), width, 4 * n))
        y = net.permute(net.reshape(net.layer_norm(y), 1, 4, n, width), 0, 3, 2, 1)
        y = net.permute(net.reshape(y, width * half, half, 2, 2), 0, 2, 1, 3)
        y = (net.reshape(y, 1, width, 2 * half, 2 * half)[0], width, 2 * half, 1.0)
        y = net.silu(net.conv(y, channels, 1, norm='folded'))
        return net.silu(net.conv(net.concat(shortcut, y)[:1] + (2 * channels, 2 * half, 1.0), channels, 3, 1, 1, norm='folded'))

    x = net.silu(net.conv(net.input(SIDES['mobilevitxxs']), 16, 3, 2, 1, norm='folded'))
    x = block(x, 16, 1)
    for stride in (2, 1, 1):
        x = block(x, 24, stride)
    for out, width, depth in ((48, 64, 2), (64, 80, 4), (80, 96, 3)):
        x = attend(block(x, out, 2), width, depth)
    return net.linear(net.flatten(net.mean(net.silu(net.conv(x, 320, 1, norm='folded')))), CLASSES)


def swinnano(net):
    """Swin, two thirds as wide as the tiny one: attention within windows of 7x7, which every other time lie half a window
    further, and a bias for each pair of places."""
    def rolled(x, size, by):
        for axis in (1, 2):
            ends = [net._add('Slice', [x[0], net.ints(a), net.ints(b), net.ints(axis)])
                    for a, b in ((by % size, size), (0, by % size))]
            x = (net._add('Concat', ends, axis=axis),) + x[1:]
        return x

    def mask(size):
        place = np.zeros((size, size))
        for k, rows in enumerate((slice(0, -7), slice(-7, -3), slice(-3, None))):
            for l, columns in enumerate((slice(0, -7), slice(-7, -3), slice(-3, None))):
                place[rows, columns] = 3 * k + l
        place = place.reshape(size // 7, 7, size // 7, 7).transpose(0, 2, 1, 3).reshape(-1, 49)
        return np.where(place[:, None, :] == place[:, :, None], 0, -100)

    def windows(x, size, heads, shift):
        n, width = (size // 7) ** 2, x[1]
        y = net.layer_norm(x)
        y = rolled(y, size, 3) if shift else y
        y = net.permute(net.reshape(y, 1, size // 7, 7, size // 7, 7, width), 0, 1, 3, 2, 4, 5)
        bias = [lambda a: net.constant(a, 'Add', net.rand.normal(0, 0.5, (1, heads, 49, 49)))]
        if shift:
            bias.append(lambda a: net.reshape(net.constant(net.reshape(a, 1, n, heads, 49, 49), 'Add', mask(size)[None, :, None]),
                                              n, heads, 49, 49))
        y = net.attention(net.reshape(y, n, 49, width), n, 49, heads, bias)
        y = net.permute(net.reshape(y, 1, size // 7, size // 7, 7, 7, width), 0, 1, 3, 2, 4, 5)
        y = net.reshape(y, 1, size, size, width)
        x = net.add(x, rolled(y, size, -3) if shift else y)
        return net.add(x, net.matmul(net.gelu(net.matmul(net.layer_norm(x), 4 * width)), width))

    def merged(x, size):
        corners = []
        for column, row in ((0, 0), (0, 1), (1, 0), (1, 1)):
            parts = [net.ints(row, column), net.ints(size, size), net.ints(1, 2), net.ints(2, 2)]
            corners.append(net._add('Slice', [x[0], *parts]))
        x = (net._add('Concat', corners, axis=3), 4 * x[1], size // 2, x[3])
        return net.matmul(net.layer_norm(x), x[1] // 2)

    x = net.layer_norm(net.permute(net.conv(net.input(), 64, 4, 4), 0, 2, 3, 1))
    for k, depth in enumerate((2, 2, 6, 2)):
        if k:
            x = merged(x, x[2])
        for i in range(depth):
            x = windows(x, x[2], 2 << k, i % 2 == 1 and x[2] > 7)
    x = net.layer_norm(x)
    x = (net._add('ReduceMean', [x[0]], axes=[1, 2], keepdims=0), x[1], 1, 1.0)
    return net.linear(x, CLASSES)


def darknet53(net):
    def conv(x, out, kernel, stride=1):
        return net.leaky_relu(net.conv(x, out, kernel, stride, kernel // 2, norm='folded'))

    x = conv(net.input(), 32, 3)
    for out, count in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        x = conv(x, out, 3, 2)
        for _ in range(count):
            x = net.add(x, conv(conv(x, out // 2, 1), out, 3))
    return net.linear(net.flatten(net.mean(x)), CLASSES)


def mobilenetv1(net):
    x = net.relu(net.conv(net.input(), 32, 3, 2, 1, norm='folded'))
    for out, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1),
                        (1024, 2), (1024, 1)):
        x = net.relu(net.conv(x, x[1], 3, stride, 1, groups=x[1], norm='folded'))
        x = net.relu(net.conv(x, out, 1, norm='folded'))
    return net.linear(net.flatten(net.mean(x)), CLASSES)


def mobilenetv3large(net):
    def block(x, kernel, hidden, out, gated, act, stride):
        y = x if hidden == x[1] else act(net.conv(x, hidden, 1, norm='folded'))
        y = act(net.conv(y, hidden, kernel, stride, kernel // 2, groups=hidden, norm='folded'))
        if gated:
            y = net.gate(y, (hidden // 4 + 4) // 8 * 8, net.relu, 'HardSigmoid')
        y = net.conv(y, out, 1, norm='folded')
        return net.add(x, y) if stride == 1 and x[1] == out else y

    relu, swish = net.relu, net.hard_swish
    x = swish(net.conv(net.input(), 16, 3, 2, 1, norm='folded'))
    for row in ((3, 16, 16, False, relu, 1), (3, 64, 24, False, relu, 2), (3, 72, 24, False, relu, 1), (5, 72, 40, True, relu, 2),
                (5, 120, 40, True, relu, 1), (5, 120, 40, True, relu, 1), (3, 240, 80, False, swish, 2),
                (3, 200, 80, False, swish, 1), (3, 184, 80, False, swish, 1), (3, 184, 80, False, swish, 1),
                (3, 480, 112, True, swish, 1), (3, 672, 112, True, swish, 1), (5, 672, 160, True, swish, 2),
                (5, 960, 160, True, swish, 1), (5, 960, 160, True, swish, 1)):
        x = block(x, *row)
    x = swish(net.conv(x, 960, 1, norm='folded'))
    return net.linear(swish(net.linear(net.flatten(net.mean(x)), 1280)), CLASSES)


def regnetx800(net):
    """Groups of 16 channels."""
    x = net.relu(net.conv(net.input(), 32, 3, 2, 1, norm='folded'))
    for width, count in ((64, 1), (128, 3), (288, 7), (672, 5)):
        for i in range(count):
            stride = 1 if i else 2
            y = net.relu(net.conv(x, width, 1, norm='folded'))
            y = net.relu(net.conv(y, width, 3, stride, 1, groups=width // 16, norm='folded'))
            y = net.conv(y, width, 1, norm='folded')
            x = net.relu(net.add(y, x if i else net.conv(x, width, 1, stride, norm='folded')))
    return net.linear(net.flatten(net.mean(x)), CLASSES)


MODELS = {'alexnet': alexnet, 'squeezenet1.1': squeezenet, 'resnet18': resnet18, 'mobilenetv2': mobilenetv2, 'vgg11': vgg11,
          'googlenet': googlenet, 'resnet50': resnet50, 'densenet121': densenet121, 'shufflenetv2': shufflenetv2,
          'mobilenetv3small': mobilenetv3small, 'efficientnetb0': efficientnetb0,
          'resnext50': resnext50, 'mnasnet': mnasnet, 'convnextatto': convnextatto, 'darknet53': darknet53,
          'mobilenetv1': mobilenetv1, 'mobilenetv3large': mobilenetv3large, 'regnetx800': regnetx800,
          'vittiny': vittiny, 'mobilevitxxs': mobilevitxxs, 'swinnano': swinnano}


# Of the picture, where it is not 224.
SIDES = {'mobilevitxxs': 256}


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
