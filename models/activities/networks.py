# SPDX-License-Identifier: LGPL-2.1-or-later
"""The networks that train.py trains, and how each is written as ONNX with batch norm folded.

A network is a list of layers in forward order, which both the torch module and the ONNX graph are made from.
"""
import numpy as np
import torch
import torch.nn as nn

import onnx_writer as ox


class ConvBn(nn.Module):
    """Convolution, batch norm, ReLU."""

    def __init__(self, c_in, c_out, kernel, stride=1, pad=0):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, kernel, stride, pad, bias=False)
        self.bn = nn.BatchNorm2d(c_out)

    def forward(self, x):
        return torch.relu(self.bn(self.conv(x)))

    def folded(self):
        """Weight and bias of the convolution that does what convolution and batch norm do."""
        s = (self.bn.weight / torch.sqrt(self.bn.running_var + self.bn.eps)).detach()
        return self.conv.weight.detach() * s[:, None, None, None], (self.bn.bias - self.bn.running_mean * s).detach()


class LinearBn(nn.Module):
    """Fully connected layer, batch norm, ReLU."""

    def __init__(self, n_in, n_out):
        super().__init__()
        self.fc = nn.Linear(n_in, n_out, bias=False)
        self.bn = nn.BatchNorm1d(n_out)

    def forward(self, x):
        return torch.relu(self.bn(self.fc(x)))

    def folded(self):
        s = (self.bn.weight / torch.sqrt(self.bn.running_var + self.bn.eps)).detach()
        return self.fc.weight.detach() * s[:, None], (self.bn.bias - self.bn.running_mean * s).detach()


class Fire(nn.Module):
    """SqueezeNet's module: 1x1 down, then 1x1 and 3x3 up beside each other."""

    def __init__(self, c_in, squeeze, expand):
        super().__init__()
        self.squeeze, self.one, self.three = ConvBn(c_in, squeeze, 1), ConvBn(squeeze, expand, 1), ConvBn(squeeze, expand, 3, 1, 1)

    def forward(self, x):
        x = self.squeeze(x)
        return torch.cat((self.one(x), self.three(x)), 1)


class Pool(nn.MaxPool2d):
    pass


class Network(nn.Module):
    """features, then for 'dense' heads flatten and fully connected layers, for 'mean' heads the mean over the picture."""
    NAME, SIZE = '', (224, 224)

    def forward(self, x):
        return self.head(self.features(x))


class AlexNet(Network):
    """Krizhevsky's one-tower AlexNet ("One weird trick", 2014), as torchvision has it, with batch norm and with 256
    instead of 4096 units in each of the two hidden fully connected layers."""
    NAME, WIDE = 'alexnet', 256

    def __init__(self, classes, size=224):
        super().__init__()
        self.features = nn.Sequential(
            ConvBn(3, 64, 11, 4, 2), Pool(3, 2), ConvBn(64, 192, 5, 1, 2), Pool(3, 2), ConvBn(192, 384, 3, 1, 1),
            ConvBn(384, 256, 3, 1, 1), ConvBn(256, 256, 3, 1, 1), Pool(3, 2))
        n = {224: 6, 128: 3}[size]
        self.head = nn.Sequential(nn.Flatten(), nn.Dropout(0.4), LinearBn(256 * n * n, self.WIDE), nn.Dropout(0.3),
                                  LinearBn(self.WIDE, self.WIDE), nn.Linear(self.WIDE, classes))

    def grow(self, state):
        """Takes the weights trained on 128x128: each place of the 3x3 before the first fully connected layer becomes 2x2."""
        w = state['head.2.fc.weight']
        if w.shape[1] != 256 * 36:
            w = w.reshape(-1, 256, 3, 3).repeat_interleave(2, 2).repeat_interleave(2, 3) / 4
            state = dict(state, **{'head.2.fc.weight': w.reshape(w.shape[0], -1)})
        self.load_state_dict(state)


class SqueezeNet(Network):
    """SqueezeNet 1.1 (Iandola et al., 2016, and its authors' later version), with batch norm."""
    NAME = 'squeezenet1.1'

    def __init__(self, classes, size=224):
        super().__init__()
        self.features = nn.Sequential(
            ConvBn(3, 64, 3, 2), Pool(3, 2, ceil_mode=True), Fire(64, 16, 64), Fire(128, 16, 64), Pool(3, 2, ceil_mode=True),
            Fire(128, 32, 128), Fire(256, 32, 128), Pool(3, 2, ceil_mode=True), Fire(256, 48, 192), Fire(384, 48, 192),
            Fire(384, 64, 256), Fire(512, 64, 256))
        # SqueezeNet's classifier is a 1x1 convolution and the mean over the picture
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Conv2d(512, classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def grow(self, state):
        self.load_state_dict(state)


class Small(Network):
    """A plain CNN of 60 million multiplies and 283 thousand weights, for quick tests."""
    NAME, SIZE = 'activities', (96, 128)

    def __init__(self, classes, size=None):
        super().__init__()
        self.features = nn.Sequential(
            ConvBn(3, 24, 5, 2, 2), Pool(3, 2, 1), ConvBn(24, 48, 3, 1, 1), ConvBn(48, 48, 3, 1, 1), Pool(3, 2, 1), ConvBn(48, 96, 3, 1, 1),
            ConvBn(96, 96, 3, 1, 1), Pool(3, 2, 1), ConvBn(96, 128, 3, 1, 1), ConvBn(128, 128, 1))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(128, classes))

    def grow(self, state):
        self.load_state_dict(state)


NETWORKS = {'alexnet': AlexNet, 'squeezenet': SqueezeNet, 'small': Small}


class Graph:
    """ONNX nodes and initialisers, added layer by layer; half: weights are kept as float16 and cast when loaded."""

    def __init__(self, half):
        self.half, self.nodes, self.init, self.k = half, [], {}, 0

    def weight(self, name, array):
        a = np.ascontiguousarray(array.numpy() if torch.is_tensor(array) else array, np.float32)
        if not self.half or a.ndim < 2:
            self.init[name] = a
            return name
        self.init[name + '.half'] = a.astype(np.float16)
        self.nodes.insert(0, ox.node('Cast', [name + '.half'], name, to=1))
        return name

    def add(self, op, inputs, name, **attributes):
        self.nodes.append(ox.node(op, inputs, name, **attributes))
        return name

    def conv(self, x, conv, w, b, relu=True):
        self.k += 1
        n, p = f'conv{self.k}', conv.padding[0]
        y = self.add('Conv', [x, self.weight(n + '.weight', w), self.weight(n + '.bias', b)], n, kernel_shape=conv.kernel_size,
                     strides=conv.stride, pads=(p, p, p, p), dilations=(1, 1), group=1)
        return self.add('Relu', [y], f'relu{self.k}') if relu else y

    def gemm(self, x, w, b, relu, name=None):
        self.k += 1
        n = f'fc{self.k}'
        y = self.add('Gemm', [x, self.weight(n + '.weight', w), self.weight(n + '.bias', b)], name or n, alpha=1.0, beta=1.0, transB=1)
        return self.add('Relu', [y], f'relu{self.k}') if relu else y

    def layer(self, m, x):
        if isinstance(m, nn.Sequential):
            for c in m:
                x = self.layer(c, x)
            return x
        if isinstance(m, ConvBn):
            return self.conv(x, m.conv, *m.folded())
        if isinstance(m, LinearBn):
            return self.gemm(x, *m.folded(), True)
        if isinstance(m, Fire):
            s = self.layer(m.squeeze, x)
            a, b = self.layer(m.one, s), self.layer(m.three, s)
            return self.add('Concat', [a, b], f'fire{self.k}', axis=1)
        if isinstance(m, Pool):
            self.k += 1
            p = m.padding
            extra = {'ceil_mode': 1} if m.ceil_mode else {}
            return self.add('MaxPool', [x], f'pool{self.k}', kernel_shape=(m.kernel_size,) * 2, strides=(m.stride,) * 2, pads=(p, p, p, p), **extra)
        if isinstance(m, nn.AdaptiveAvgPool2d):
            return self.add('GlobalAveragePool', [x], 'mean')
        if isinstance(m, nn.Flatten):
            return self.add('Flatten', [x], 'flat', axis=1)
        if isinstance(m, nn.Conv2d):
            return self.conv(x, m, m.weight.detach(), m.bias.detach(), False)
        if isinstance(m, nn.Linear):
            return self.gemm(x, m.weight.detach(), m.bias.detach(), False)
        if isinstance(m, nn.Dropout):
            return x
        raise TypeError(type(m))


def export(net, classes, half):
    """ONNX bytes: input [1, 3, H, W], logits [1, classes]."""
    g = Graph(half)
    last = g.layer(nn.Sequential(net.features, net.head), 'input')
    g.add('Identity', [last], 'logits')
    return ox.model(net.NAME, g.nodes, g.init, [('input', (1, 3) + tuple(net.SIZE))], [('logits', (1, classes))])
