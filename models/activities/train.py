#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trains the activity classifier on rendered clips and writes the model files.

    train.py DATA --out ../activities [--epochs 14] [--test-groups 201-230] [--step 3] [--per-epoch 9600] [--init NET.pt]
        DATA: what render.py wrote.  Writes OUT.onnx, OUT.labels.txt, OUT.modelinfo and OUT.json (figures).

Frames go through MPEG-2 and are prepared as the deltacnn element does it: decoded to YUV 4:2:0, BT.601 limited
range to RGB, the whole frame scaled to 128x96 by area coverage, 0..255 mapped to -1..1.
Needs python3-torch and python3-numpy from Debian, and ffmpeg.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

import onnx_writer as ox

W, H = 128, 96


def area_matrix(n_in, n_out):
    """[n_out, n_in]: each output sample is the mean over its share of the input."""
    m = np.zeros((n_out, n_in), np.float32)
    r = n_in / n_out
    for o in range(n_out):
        lo, hi = o * r, (o + 1) * r
        for i in range(int(lo), min(n_in, int(np.ceil(hi)))):
            m[o, i] = (min(hi, i + 1) - max(lo, i)) / r
    return m


def decode(path, w=320, h=240, step=1):
    """Tensors uint8 [n, 3, H, W] (rounded RGB) of every step-th frame."""
    raw = subprocess.run(['ffmpeg', '-v', 'error', '-threads', '1', '-i', path, '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-'],
                         stdout=subprocess.PIPE, check=True).stdout
    a = np.frombuffer(raw, np.uint8).reshape(-1, w * h * 3 // 2)[::step].astype(np.float32)
    n = len(a)
    y = a[:, :w * h].reshape(n, h, w)
    u = a[:, w * h:w * h * 5 // 4].reshape(n, h // 2, w // 2)
    v = a[:, w * h * 5 // 4:].reshape(n, h // 2, w // 2)

    def scale(p):
        return area_matrix(p.shape[1], H) @ p @ area_matrix(p.shape[2], W).T
    y, u, v = (scale(y) - 16) * (255 / 219), (scale(u) - 128) * (255 / 224), (scale(v) - 128) * (255 / 224)
    rgb = np.stack((y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u), 1)
    return np.clip(rgb + 0.5, 0, 255).astype(np.uint8)


class Net(nn.Module):
    """A plain CNN: 60 M multiplies a frame, 283 k weights."""
    # kind, then conv: out channels, kernel, stride
    SPEC = [('conv', 24, 5, 2), ('pool',), ('conv', 48, 3, 1), ('conv', 48, 3, 1), ('pool',), ('conv', 96, 3, 1),
            ('conv', 96, 3, 1), ('pool',), ('conv', 128, 3, 1), ('conv', 128, 1, 1)]

    def __init__(self, classes):
        super().__init__()
        layers, c = [], 3
        for s in self.SPEC:
            if s[0] == 'conv':
                layers += [nn.Conv2d(c, s[1], s[2], s[3], s[2] // 2, bias=False), nn.BatchNorm2d(s[1]), nn.ReLU(inplace=True)]
                c = s[1]
            else:
                layers.append(nn.MaxPool2d(3, 2, 1))
        self.features = nn.Sequential(*layers)
        self.drop = nn.Dropout(0.2)
        self.fc = nn.Linear(c, classes)

    def forward(self, x):
        return self.fc(self.drop(self.features(x).mean((2, 3))))


def export(net, classes):
    """ONNX bytes; batch norm folded into the convolutions."""
    nodes, init, value, k = [], {}, 'input', 0
    mods = list(net.features)
    i = 0
    while i < len(mods):
        m = mods[i]
        k += 1
        if isinstance(m, nn.Conv2d):
            bn = mods[i + 1]
            s = (bn.weight / torch.sqrt(bn.running_var + bn.eps)).detach()
            init[f'conv{k}.weight'] = (m.weight.detach() * s[:, None, None, None]).numpy()
            init[f'conv{k}.bias'] = (bn.bias - bn.running_mean * s).detach().numpy()
            p = m.padding[0]
            nodes.append(ox.node('Conv', [value, f'conv{k}.weight', f'conv{k}.bias'], f'conv{k}', kernel_shape=m.kernel_size,
                                 strides=m.stride, pads=(p, p, p, p), dilations=(1, 1), group=1))
            nodes.append(ox.node('Relu', [f'conv{k}'], f'relu{k}'))
            value = f'relu{k}'
            i += 3
        else:
            nodes.append(ox.node('MaxPool', [value], f'pool{k}', kernel_shape=(3, 3), strides=(2, 2), pads=(1, 1, 1, 1)))
            value = f'pool{k}'
            i += 1
    nodes.append(ox.node('GlobalAveragePool', [value], 'mean'))
    nodes.append(ox.node('Flatten', ['mean'], 'flat', axis=1))
    init['fc.weight'], init['fc.bias'] = net.fc.weight.detach().numpy(), net.fc.bias.detach().numpy()
    nodes.append(ox.node('Gemm', ['flat', 'fc.weight', 'fc.bias'], 'logits', alpha=1.0, beta=1.0, transB=1))
    return ox.model('activities', nodes, init, [('input', (1, 3, H, W))], [('logits', (1, classes))])


def augment(x, g):
    """Flip, shift, scale, light and noise.  x: float [-1, 1]."""
    n = len(x)
    th = torch.zeros(n, 2, 3)
    flip = torch.where(torch.rand(n, generator=g) < 0.5, -1.0, 1.0)
    s = 1 + (torch.rand(n, generator=g) - 0.5) * 0.4
    rot = (torch.rand(n, generator=g) - 0.5) * 0.16
    th[:, 0, 0], th[:, 0, 1], th[:, 1, 0], th[:, 1, 1] = s * flip * rot.cos(), -s * rot.sin(), s * flip * rot.sin(), s * rot.cos()
    th[:, :, 2] = (torch.rand(n, 2, generator=g) - 0.5) * torch.tensor((0.5, 0.25))
    x = F.grid_sample(x, F.affine_grid(th, x.shape, align_corners=False), padding_mode='reflection', align_corners=False)
    gain = 1 + (torch.rand(n, 1, 1, 1, generator=g) - 0.5) * 0.7 + (torch.rand(n, 3, 1, 1, generator=g) - 0.5) * 0.25
    x = (x + 1) * gain - 1 + (torch.rand(n, 1, 1, 1, generator=g) - 0.5) * 0.25
    gray = torch.rand(n, 1, 1, 1, generator=g) < 0.15
    x = torch.where(gray, x.mean(1, keepdim=True).expand_as(x), x)
    return (x + torch.randn(x.shape, generator=g) * 0.02).clamp(-1, 1)


def load(data, lo, hi, step, labels):
    xs, ys, clips = [], [], []
    for path in sorted(glob.glob(os.path.join(data, '*', 'v_*.avi'))):
        m = re.search(r'v_(\w+)_g(\d+)_c(\d+)\.avi$', path)
        if m and lo <= int(m[2]) <= hi:
            x = decode(path, step=step)
            xs.append(x)
            ys += [labels.index(m[1])] * len(x)
            clips += [len(xs) - 1] * len(x)
    return torch.from_numpy(np.concatenate(xs)), torch.tensor(ys), torch.tensor(clips)


def logits_of(net, x, batch=256):
    net.eval()
    with torch.no_grad():
        return torch.cat([net(x[i:i + batch].float() / 127.5 - 1) for i in range(0, len(x), batch)])


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('data')
    ap.add_argument('--out', default='../activities')
    ap.add_argument('--epochs', type=int, default=14)
    ap.add_argument('--test-groups', default='201-230')
    ap.add_argument('--step', type=int, default=3)
    ap.add_argument('--per-epoch', type=int, default=9600, help='frames drawn anew for each epoch')
    ap.add_argument('--init', help='net.pt of an earlier training to go on from')
    ap.add_argument('--threads', type=int, default=2)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    labels = sorted(os.path.basename(d) for d in glob.glob(os.path.join(a.data, '*')) if os.path.isdir(d))
    lo, hi = map(int, a.test_groups.split('-'))
    t0 = time.time()
    x, y, _ = load(a.data, 1, lo - 1, a.step, labels)
    tx, ty, tc = load(a.data, lo, hi, 2, labels)
    print(f'{len(x)} training, {len(tx)} test frames, loaded in {time.time() - t0:.0f} s', flush=True)
    net = Net(len(labels))
    if a.init:
        net.load_state_dict(torch.load(a.init))
    batch = 64
    rounds = min(a.per_epoch, len(x)) // batch
    steps = a.epochs * rounds
    opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.02)
    sched = torch.optim.lr_scheduler.OneCycleLR(opt, 4e-3, total_steps=steps, pct_start=0.2)
    g = torch.Generator().manual_seed(2)
    for e in range(a.epochs):
        net.train()
        order, total, right = torch.randperm(len(x), generator=g), 0.0, 0
        for i in range(rounds):
            k = order[i * batch:(i + 1) * batch]
            out = net(augment(x[k].float() / 127.5 - 1, g))
            loss = F.cross_entropy(out, y[k], label_smoothing=0.05)
            opt.zero_grad(set_to_none=True)
            loss.backward()
            opt.step()
            sched.step()
            total += float(loss)
            right += int((out.argmax(1) == y[k]).sum())
        lt = logits_of(net, tx)
        print(f'epoch {e + 1}: loss {total / rounds:.3f} train {right / (rounds * batch):.3f} '
              f'test {(lt.argmax(1) == ty).float().mean():.4f} ({time.time() - t0:.0f} s)', flush=True)
    p = lt.softmax(1)
    n = int(tc.max()) + 1
    mean = torch.zeros(n, len(labels)).index_add_(0, tc, p)
    truth = torch.zeros(n, dtype=torch.long).index_copy_(0, tc, ty)
    confusion = torch.zeros(len(labels), len(labels), dtype=torch.long)
    confusion.index_put_((ty, lt.argmax(1)), torch.ones(len(ty), dtype=torch.long), accumulate=True)
    with open(a.out + '.onnx', 'wb') as f:
        f.write(export(net, len(labels)))
    with open(a.out + '.labels.txt', 'w') as f:
        f.write('\n'.join(labels) + '\n')
    with open(a.out + '.modelinfo', 'w') as f:
        f.write('[modelinfo]\nversion=1.0\n\n'
                f'[input]\ndir=input\ntype=float32\ndims=1,3,{H},{W}\nranges=-1.0,1.0;-1.0,1.0;-1.0,1.0\n\n'
                f'[logits]\ndir=output\ntype=float32\ndims=1,{len(labels)}\n\n'
                f'[deltacnn]\ncolor=rgb\nresize=stretch\nlabels={os.path.basename(a.out)}.labels.txt\nactivation=softmax\n')
    torch.save(net.state_dict(), os.path.join(a.data, 'net.pt'))
    np.save(os.path.join(a.data, 'check-input.npy'), tx[::97].numpy())
    np.save(os.path.join(a.data, 'check-logits.npy'), lt[::97].numpy())
    json.dump({'frame_accuracy': float((lt.argmax(1) == ty).float().mean()), 'clip_accuracy': float((mean.argmax(1) == truth).float().mean()),
               'test_frames': len(ty), 'test_clips': n, 'train_frames': len(x), 'labels': labels, 'confusion': confusion.tolist()},
              open(os.path.join(a.data, 'figures.json'), 'w'), indent=1)


if __name__ == '__main__':
    main()
