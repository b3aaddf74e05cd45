#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trains a classifier of activities on rendered clips and writes the model files.

    train.py TREE TESTTREE --net alexnet|squeezenet|small [--out ../NAME] [--stages 128:8,224:3] [--per-epoch 12000] [--every 1]
        TREE: clips to train on, TESTTREE: a tree whose testlist01.txt is tested on; both as render.py wrote them.
        Clips of TREE whose group is in the test list are left out.  --stages: side of the picture and epochs; the last
        side has to be the network's own.  Writes OUT.onnx, OUT.labels.txt, OUT.modelinfo, and figures beside TREE:
        NAME.json, NAME.pt, NAME.check.npz (inputs and outputs of the trained network, to compare other engines with).

Frames go through the codec and are prepared as the deltacnn element does it: decoded to YUV 4:2:0, BT.601 limited
range to RGB, the whole frame scaled to the network's input by area coverage, 0..255 mapped to -1..1.
Needs python3-torch and python3-numpy from Debian, and ffmpeg.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import tempfile
import time

os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')  # before numpy
import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

from networks import NETWORKS, export  # noqa: E402


def area_matrix(n_in, n_out):
    """[n_out, n_in]: each output sample is the mean over its share of the input."""
    m = np.zeros((n_out, n_in), np.float32)
    r = n_in / n_out
    for o in range(n_out):
        lo, hi = o * r, (o + 1) * r
        for i in range(int(lo), min(n_in, int(np.ceil(hi)))):
            m[o, i] = (min(hi, i + 1) - max(lo, i)) / r
    return m


MATRICES = {}


def scale(p, h, w):
    for n_in, n_out in ((p.shape[1], h), (p.shape[2], w)):
        if (n_in, n_out) not in MATRICES:
            MATRICES[n_in, n_out] = area_matrix(n_in, n_out)
    return MATRICES[p.shape[1], h] @ p @ MATRICES[p.shape[2], w].T


def decode(paths, w=320, h=240):
    """uint8 [clips][n, 3/2 w h]: the frames of each clip as YUV 4:2:0.  Clips of one length are decoded in one go."""
    with tempfile.NamedTemporaryFile('w', suffix='.txt') as f:
        f.writelines(f"file '{os.path.abspath(p)}'\n" for p in paths)
        f.flush()
        raw = subprocess.run(['ffmpeg', '-nostdin', '-v', 'error', '-threads', '1', '-f', 'concat', '-safe', '0', '-i', f.name,
                              '-fps_mode', 'passthrough', '-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-'], stdout=subprocess.PIPE, check=True).stdout
    a = np.frombuffer(raw, np.uint8).reshape(-1, w * h * 3 // 2)
    if len(a) % len(paths):
        raise SystemExit(f'clips of one length are expected: {paths[0]} to {paths[-1]} have {len(a)} frames')
    return a.reshape(len(paths), len(a) // len(paths), -1)


def prepare(a, size, w=320, h=240):
    """uint8 [n, 3, *size]: rounded RGB of YUV frames, scaled by area coverage."""
    a, n = a.astype(np.float32), len(a)
    y = a[:, :w * h].reshape(n, h, w)
    u = a[:, w * h:w * h * 5 // 4].reshape(n, h // 2, w // 2)
    v = a[:, w * h * 5 // 4:].reshape(n, h // 2, w // 2)
    y, u, v = (scale(y, *size) - 16) * (255 / 219), (scale(u, *size) - 128) * (255 / 224), (scale(v, *size) - 128) * (255 / 224)
    rgb = np.stack((y + 1.402 * v, y - 0.344136 * u - 0.714136 * v, y + 1.772 * u), 1)
    return np.clip(rgb + 0.5, 0, 255).astype(np.uint8)


def group_of(path):
    return int(re.search(r'_g(\d+)_c\d+\.avi$', path)[1])


def load(tree, paths, size, step, labels):
    """Frames, labels and clip numbers.  What was decoded is kept in the tree for the next training."""
    cache = os.path.join(tree, f'frames-{len(paths)}-{size[1]}x{size[0]}-{step}.npz')
    if os.path.exists(cache):
        c = np.load(cache)
        return tuple(torch.from_numpy(c[k]) for k in 'xyn')
    xs = []
    for i in range(0, len(paths), 40):
        xs += [prepare(c[::step], size) for c in decode(paths[i:i + 40])]
    ys = sum(([labels.index(os.path.basename(os.path.dirname(p)))] * len(x) for p, x in zip(paths, xs)), [])
    clips = sum(([k] * len(x) for k, x in enumerate(xs)), [])
    x = np.concatenate(xs)
    np.savez(cache, x=x, y=np.array(ys), n=np.array(clips))
    return torch.from_numpy(x), torch.tensor(ys), torch.tensor(clips)


def augment(x, size, g):
    """Flip, shift, scale, turn, light, grey and noise, and the change of size.  x: float [-1, 1]."""
    n = len(x)
    th = torch.zeros(n, 2, 3)
    flip = torch.where(torch.rand(n, generator=g) < 0.5, -1.0, 1.0)
    s = 1 + (torch.rand(n, generator=g) - 0.5) * 0.4
    rot = (torch.rand(n, generator=g) - 0.5) * 0.16
    th[:, 0, 0], th[:, 0, 1], th[:, 1, 0], th[:, 1, 1] = s * flip * rot.cos(), -s * rot.sin(), s * flip * rot.sin(), s * rot.cos()
    th[:, :, 2] = (torch.rand(n, 2, generator=g) - 0.5) * torch.tensor((0.5, 0.25))
    grid = F.affine_grid(th, [n, 3, *size], align_corners=False)
    x = F.grid_sample(x, grid, padding_mode='reflection', align_corners=False)
    gain = 1 + (torch.rand(n, 1, 1, 1, generator=g) - 0.5) * 0.7 + (torch.rand(n, 3, 1, 1, generator=g) - 0.5) * 0.25
    x = (x + 1) * gain - 1 + (torch.rand(n, 1, 1, 1, generator=g) - 0.5) * 0.25
    gray = torch.rand(n, 1, 1, 1, generator=g) < 0.15
    x = torch.where(gray, x.mean(1, keepdim=True).expand_as(x), x)
    return (x + torch.randn(x.shape, generator=g) * 0.02).clamp(-1, 1)


def logits_of(net, x, size, batch=128, half=False):
    """half: in bfloat16, for a look in between."""
    net.eval()
    out = []
    with torch.no_grad(), torch.autocast('cpu', torch.bfloat16, enabled=half):
        for i in range(0, len(x), batch):
            f = x[i:i + batch].float() / 127.5 - 1
            if tuple(f.shape[2:]) != tuple(size):
                f = F.interpolate(f, size, mode='bilinear', align_corners=False, antialias=True)
            out.append(net(f.contiguous(memory_format=torch.channels_last)).float())
    return torch.cat(out)


def modelinfo(net, classes, labels_file):
    h, w = net.SIZE
    return ('[modelinfo]\nversion=1.0\n\n'
            f'[input]\ndir=input\ntype=float32\ndims=1,3,{h},{w}\nranges=-1.0,1.0;-1.0,1.0;-1.0,1.0\n\n'
            f'[logits]\ndir=output\ntype=float32\ndims=1,{classes}\n\n'
            f'[deltacnn]\ncolor=rgb\nresize=stretch\nlabels={labels_file}\nactivation=softmax\n')


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('tree')
    ap.add_argument('testtree')
    ap.add_argument('--net', choices=NETWORKS, required=True)
    ap.add_argument('--out')
    ap.add_argument('--stages')
    ap.add_argument('--per-epoch', type=int, default=12000, help='frames drawn anew for each epoch')
    ap.add_argument('--every', type=int, default=1, help='of the frames of each training clip')
    ap.add_argument('--test-every', type=int, default=5, help='of the frames of each test clip')
    ap.add_argument('--rate', type=float, default=2e-3)
    ap.add_argument('--init', help='NAME.pt of an earlier training to go on from')
    ap.add_argument('--stop', type=int, help='end after this epoch of the first stage, leaving NAME.pt')
    ap.add_argument('--threads', type=int, default=1)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    kind = NETWORKS[a.net]
    stages = [tuple(map(int, s.split(':'))) for s in (a.stages or '128:8,224:3').split(',')] if kind.SIZE[0] == kind.SIZE[1] else [(0, int(a.stages or 16))]
    with open(os.path.join(a.testtree, 'classInd.txt')) as f:
        labels = [line.split()[1] for line in f]
    with open(os.path.join(a.testtree, 'testlist01.txt')) as f:
        test = [os.path.join(a.testtree, line.strip()) for line in f]
    tested = {group_of(p) for p in test}
    train = sorted((p for p in glob.glob(os.path.join(a.tree, '*', 'v_*_c??.avi')) if group_of(p) not in tested), key=lambda p: (group_of(p), p))
    t0 = time.time()
    side = max(s for s, _ in stages) or kind.SIZE
    full = kind.SIZE if stages[0][0] == 0 else (side, side)
    x, y, _ = load(a.tree, train, full, a.every, labels)
    tx, ty, tc = load(a.tree, test, kind.SIZE, a.test_every, labels)
    print(f'{len(x)} training frames of {len({group_of(p) for p in train})} people, {len(tx)} test frames of {len(tested)}, loaded in {time.time() - t0:.0f} s', flush=True)
    batch, g, state = 64, torch.Generator().manual_seed(2), torch.load(a.init) if a.init else None
    rounds = min(a.per_epoch, len(x)) // batch
    for n, (side, epochs) in enumerate(stages):
        size = (side, side) if side else kind.SIZE
        net = kind(len(labels), side) if side else kind(len(labels))
        if state and side == kind.SIZE[0]:
            net.grow(state)
        elif state:
            net.load_state_dict(state)
        net = net.to(memory_format=torch.channels_last)
        opt = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.03)
        peak = a.rate if n == 0 and not a.init else a.rate / 3
        sched = torch.optim.lr_scheduler.OneCycleLR(opt, peak, total_steps=epochs * rounds, pct_start=0.2 if n == 0 else 0.1)
        for e in range(epochs):
            net.train()
            order, total, right = torch.randperm(len(x), generator=g), 0.0, 0
            for i in range(rounds):
                k = order[i * batch:(i + 1) * batch]
                with torch.autocast('cpu', torch.bfloat16):
                    out = net(augment(x[k].float() / 127.5 - 1, size, g).contiguous(memory_format=torch.channels_last))
                loss = F.cross_entropy(out.float(), y[k], label_smoothing=0.05)
                opt.zero_grad(set_to_none=True)
                loss.backward()
                opt.step()
                sched.step()
                total += float(loss)
                right += int((out.argmax(1) == y[k]).sum())
            some = logits_of(net, tx[::3], size, half=True)
            print(f'{size[1]}x{size[0]} epoch {e + 1}: loss {total / rounds:.3f} train {right / (rounds * batch):.3f} '
                  f'test {(some.argmax(1) == ty[::3]).float().mean():.4f} ({time.time() - t0:.0f} s)', flush=True)
            state = net.state_dict()
            torch.save(state, os.path.join(a.tree, kind.NAME + '.pt'))
            if e + 1 == a.stop:
                return
    lt = logits_of(net, tx, size)
    clips = int(tc.max()) + 1
    mean = torch.zeros(clips, len(labels)).index_add_(0, tc, lt.softmax(1))
    truth = torch.zeros(clips, dtype=torch.long).index_copy_(0, tc, ty)
    confusion = torch.zeros(len(labels), len(labels), dtype=torch.long)
    confusion.index_put_((ty, lt.argmax(1)), torch.ones(len(ty), dtype=torch.long), accumulate=True)
    out = a.out or os.path.join('..', kind.NAME)
    name = os.path.basename(out)
    with open(out + '.onnx', 'wb') as f:
        f.write(export(net, len(labels), half=a.net != 'small'))
    with open(out + '.labels.txt', 'w') as f:
        f.write('\n'.join(labels) + '\n')
    with open(out + '.modelinfo', 'w') as f:
        f.write(modelinfo(net, len(labels), name + '.labels.txt'))
    np.savez_compressed(os.path.join(a.tree, kind.NAME + '.check.npz'), inputs=tx[::41].numpy(), logits=lt[::41].numpy())
    figures = {'frame_accuracy': float((lt.argmax(1) == ty).float().mean()), 'clip_accuracy': float((mean.argmax(1) == truth).float().mean()),
               'test_frames': len(ty), 'test_clips': clips, 'train_frames': len(x), 'people': len({group_of(p) for p in train}), 'seconds': time.time() - t0,
               'per_class': {c: float(confusion[k, k]) / max(1, int(confusion[k].sum())) for k, c in enumerate(labels)}, 'labels': labels,
               'confusion': confusion.tolist()}
    json.dump(figures, open(os.path.join(a.tree, kind.NAME + '.json'), 'w'), indent=1)
    print(f"frames {figures['frame_accuracy']:.4f} clips {figures['clip_accuracy']:.4f}")


if __name__ == '__main__':
    main()
