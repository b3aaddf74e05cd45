#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""deltacnn-transfer as a user runs it: what it learns, what it writes, what it says to bad input.

test-transfer.py SOURCE-ROOT BUILD DELTACNN-TRANSFER DELTACNN-RUN; prints TAP.  Oracles: the definition of the loss in double
(numpy), onnxruntime where there is one, the element in a pipeline of its own (deltacnn-run), and the bytes of the base.
Clips are made here, of test pictures with noise.
"""
import csv
import importlib.util
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

import numpy

from tool import call, interrupt, plain_user, tap, tmp

ROOT, BUILD, TRANSFER, RUN = map(os.path.abspath, sys.argv[1:5])
spec = importlib.util.spec_from_file_location('make_models', os.path.join(ROOT, 'tests', 'gst', 'make-models.py'))
onnx = importlib.util.module_from_spec(spec)
spec.loader.exec_module(onnx)
INFO = ('[modelinfo]\nversion=1.0\n\n[image]\ndir=input\nranges=-1,1\n\n[scores]\ndir=output\n# how many\ndims=1,6\n\n[deltacnn]\n'
        'color=bgr\n# mine\nlabels=six.txt\n# deltacnn-calibrate: agreement 1\ntolerance=image,0.01;r1,0.02;f3,0.03;scores,7\n')


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data.encode() if isinstance(data, str) else data)
    return path


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def clip(path, picture, seed, frames=20, codec=('-c:v', 'mpeg2video', '-b:v', '800k')):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(['ffmpeg', '-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i', f'{picture}=size=96x80:rate=25', '-vf',
                    f'noise=all_seed={seed}:alls=60:allf=t,hue=h={seed * 7}', '-frames:v', str(frames), *codec, path],
                   check=True, stdin=subprocess.DEVNULL)


def make_clips():
    """gate open and gate shut: seven and five clips, of many kinds, the second of groups g01 to g03 named as UCF101's."""
    folder = os.path.join(tmp, 'clips')
    h264 = ('-c:v', 'libx264', '-preset', 'veryfast', '-pix_fmt', 'yuv420p')
    for i in range(7):
        end, codec = [('.mpg', ('-c:v', 'mpeg2video', '-b:v', '800k')), ('.mp4', h264), ('.avi', ('-c:v', 'mjpeg'))][i % 3]
        clip(os.path.join(folder, 'gate open', f'monday {i}{end}'), 'testsrc2', i, 20 if i else 90, codec)
    for i, group in enumerate((1, 1, 2, 3, 3)):
        clip(os.path.join(folder, 'gate shut', f'v_shut_g{group:02d}_c{i:02d}.avi'), 'smptebars', 10 + i)
    return folder


def base(data, info=INFO):
    folder = tempfile.mkdtemp(dir=tmp)
    os.chmod(folder, 0o755)
    model = write(os.path.join(folder, 'base.onnx'), data)
    if info:
        write(os.path.join(folder, 'base.modelinfo'), info)
        write(os.path.join(folder, 'six.txt'), '1\n2\n3\n4\n5\n6\n')
    return model, os.path.join(folder, 'new.onnx')


# --- ONNX, read by hand ---

def fields(data):
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        start, key = at, varint()
        if key & 7 == 2:
            size = varint()
            value = data[at:at + size]
            at += size
        elif key & 7 == 0:
            value = varint()
        else:
            size = 4 if key & 7 == 5 else 8
            value = data[at:at + size]
            at += size
        yield key >> 3, value, data[start:at]


def graph(data):
    return next(v for f, v, _ in fields(data) if f == 7)


def text(message, field):
    return next((v.decode() for f, v, _ in fields(message) if f == field), '')


def tensors(data):
    """{name: array} of the float constants with raw data."""
    found = {}
    for f, t, _ in fields(graph(data)):
        if f == 5:
            dims = []
            for g, v, _ in fields(t):
                if g == 1:  # one by one, or packed
                    dims += [v] if isinstance(v, int) else list(v) if max(v) < 128 else [struct.unpack('<H', v)[0]]
            values = next((v for g, v, _ in fields(t) if g == 9), b'')
            if next(v for g, v, _ in fields(t) if g == 2) == 1:
                found[text(t, 8)] = numpy.frombuffer(values, '<f4').reshape(dims)
    return found


def with_output(data, name):
    """The same model with another output."""
    inner = b''.join(raw for f, _, raw in fields(graph(data)) if f != 12) + onnx.blob(12, onnx.blob(1, name))
    return b''.join(raw for f, _, raw in fields(data) if f != 7) + onnx.blob(7, inner)


def onnxruntime(data, frames):
    """Outputs [frames][..]; None where there is no onnxruntime."""
    modules = next((f for f in (os.environ.get('ORT_DIR'), BUILD)
                    if f and os.path.isdir(os.path.join(f, 'node_modules', 'onnxruntime-node'))), None)
    if not modules or not shutil.which('node'):
        return None
    model, given, wanted = (os.path.join(tmp, n) for n in ('ort.onnx', 'ort.in', 'ort.out'))
    write(model, data)
    frames.astype('<f4').tofile(given)
    subprocess.run(['node', os.path.join(ROOT, 'tests', 'net', 'onnxruntime.cjs'), os.path.abspath(modules), model, given, wanted],
                   check=True)
    return numpy.fromfile(wanted, '<f4').reshape(len(frames), -1).astype(float)


def softmax(scores):
    e = numpy.exp(scores - scores.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


class Features:
    def __init__(self, name, labels):
        self.x = numpy.load(name + '.npy').astype(float)
        with open(name + '.csv', newline='') as f:
            self.rows = list(csv.DictReader(f))
        assert len(self.rows) == len(self.x)
        self.y = numpy.array([labels.index(r['label']) for r in self.rows])
        self.validation = numpy.array([r['validation'] == '1' for r in self.rows])


def loss_and_gradient(x, y, classes, weights, bias, l2):
    """By definition: mean of the classes' mean losses, and the penalty."""
    p = softmax(x @ weights.T + bias)
    r = numpy.array([1 / classes / (y == c).sum() for c in y])
    loss = -(r * numpy.log(p[numpy.arange(len(y)), y])).sum() + l2 / 2 * (weights ** 2).sum()
    slope = r[:, None] * (p - numpy.eye(classes)[y])
    return loss, numpy.concatenate([(slope.T @ x + l2 * weights).ravel(), slope.sum(0)])


def test_a_gate():
    """The shipped model, two folders of clips."""
    out = os.path.join(tmp, 'gate.onnx')
    printed, _ = call(TRANSFER, '--model', os.path.join(ROOT, 'models', 'activities.onnx'), '--clips', CLIPS, '--out', out)
    assert read(os.path.join(tmp, 'gate.labels.txt')) == b'gate open\ngate shut\n'
    assert sorted(f for f in os.listdir(tmp) if 'gate' in f or f.startswith('.')) == ['gate.labels.txt', 'gate.modelinfo', 'gate.onnx']
    frames, clips = map(float, re.search(r'^validation: ([0-9.]+) % of the frames right, ([0-9.]+) % of the clips', printed, re.M).groups())
    assert frames >= 95 and clips == 100, printed
    # every frame of a clip that it has seen and of one made now, in a pipeline
    clip(os.path.join(tmp, 'new.avi'), 'smptebars', 99)
    for path, label in ((os.path.join(CLIPS, 'gate open', 'monday 1.mp4'), 'gate open'), (os.path.join(tmp, 'new.avi'), 'gate shut')):
        lines, _ = call(RUN, '--model', out, '--clip', path, '--no-video', '--compare', '0')
        found = re.findall(r'% +(gate open|gate shut) ([0-9.]+)$', lines, re.M)
        assert len(found) == 20 and sum(f[0] == label for f in found) >= 19, lines


def test_minimum_and_bytes():
    """The weights are what they claim to be; all else is the base's, to the byte."""
    data = onnx.classifier(3, 32, 32, 6)
    model, new = base(data)
    name = os.path.join(tmp, 'features')
    printed, _ = call(TRANSFER, '--model', model, '--clips', CLIPS, '--out', new, '--features', name, '--layers', 1, '--no-refit')
    after = read(new)
    f = Features(name, ['gate open', 'gate shut'])
    weights, bias = (tensors(after)[n].astype(float) for n in ('w4', 'b4'))
    assert weights.shape == (2, 768) and bias.shape == (2,)

    x, y = f.x[~f.validation], f.y[~f.validation]
    mean, deviation = x.mean(0), x.std(0)
    use = deviation > 0
    x = (x - mean)[:, use] / deviation[use]
    w, b = (weights * deviation)[:, use], bias + weights @ mean
    l2 = float(re.search(r'penalty ([0-9.e-]+)', printed)[1])
    loss, gradient = loss_and_gradient(x, y, 2, w, b, l2)
    _, at_zero = loss_and_gradient(x, y, 2, 0 * w, 0 * b, l2)
    print(f'# gradient {abs(gradient).max():.1e}, at zero {abs(at_zero).max():.1e}, l2 {l2}')
    # the penalty is printed with three digits: its own part of the gradient is off by as much
    assert abs(gradient).max() < 2e-5 + 2e-3 * l2 * abs(w).max(), abs(gradient).max()
    assert abs(gradient).max() < 1e-2 * abs(at_zero).max()
    plain = loss - l2 / 2 * (w ** 2).sum()
    assert abs(plain - float(re.search(r'loss ([0-9.]+),', printed)[1])) < 1e-4, (plain, printed)
    v = f.validation
    right = (softmax(f.x[v] @ weights.T + bias).argmax(1) == f.y[v]).mean()
    assert abs(100 * right - float(re.search(r'validation: ([0-9.]+) %', printed)[1])) < 0.06, printed

    # Nodes, other constants, input: as they were.
    parts, changed = ([(n, raw) for n, _, raw in fields(graph(d))] for d in (data, after))
    assert len(parts) == len(changed)
    different = [(n, text(next(fields(a))[1], 8 if n == 5 else 1)) for (n, a), (_, b) in zip(parts, changed) if a != b]
    assert different == [(5, 'w4'), (5, 'b4'), (12, 'scores')], different
    assert [r for n, _, r in fields(data) if n != 7] == [r for n, _, r in fields(after) if n != 7]
    assert changed[-1][1] == onnx.blob(12, onnx.value('scores', [1, 2]))

    frames = numpy.random.default_rng(3).uniform(-1, 1, (3, 3, 32, 32))
    scores = onnxruntime(after, frames)
    if scores is None:
        print('# no onnxruntime')
    else:
        features = [onnxruntime(with_output(d, 'f3'), frames) for d in (data, after)]
        assert (features[0] == features[1]).all()
        assert abs(scores - (features[1] @ weights.T + bias)).max() < 1e-4 * abs(scores).max()

    # what stands beside it
    info = read(os.path.join(os.path.dirname(new), 'new.modelinfo')).decode()
    assert info == INFO.replace('six.txt', 'new.labels.txt').replace('1,6', '1,2').replace(
        '# deltacnn-calibrate: agreement 1\ntolerance=image,0.01;r1,0.02;f3,0.03;scores,7\n',
        '# deltacnn-calibrate: as found for base.onnx, whose last layer was replaced\ntolerance=image,0.01;r1,0.02;f3,0.03;\n'), info

    # the element says the same of the frames as numpy of their features
    path = os.path.join(CLIPS, 'gate shut', 'v_shut_g01_c00.avi')
    lines, _ = call(RUN, '--model', new, '--clip', path, '--no-video', '--tolerance', '0', '--compare', '0')
    said = re.findall(r'% +(gate open|gate shut) ([0-9.]+)$', lines, re.M)
    wanted = softmax(f.x @ weights.T + bias)
    mine = [(int(r['frame']), wanted[i]) for i, r in enumerate(f.rows) if r['clip'] == 'gate shut/v_shut_g01_c00.avi']
    assert len(mine) == 20
    for frame, p in mine:
        label, confidence = said[frame]
        assert abs(p[['gate open', 'gate shut'].index(label)] - float(confidence)) < 2e-3, (frame, p, said[frame])


def test_split():
    model, new = base(onnx.classifier(3, 32, 32, 6))
    name, results = os.path.join(tmp, 'split'), {}
    for seed, more in ((1, ()), (1, ('--threads', 1)), (2, ()), (3, ()), (4, ())):
        call(TRANSFER, '--model', model, '--clips', CLIPS, '--out', new, '--features', name, '--seed', seed, '--quiet', *more)
        f = Features(name, ['gate open', 'gate shut'])
        sides = {}
        for r in f.rows:
            sides.setdefault(r['group'], set()).add(r['validation'])
        assert all(len(s) == 1 for s in sides.values()), sides
        assert set(sides) == {'g01', 'g02', 'g03'} | {f'gate open/monday {i}.{"mpg mp4 avi".split()[i % 3]}' for i in range(7)}, sides
        for label in 'gate open', 'gate shut':
            assert {r['validation'] for r in f.rows if r['label'] == label} == {'0', '1'}
        one = (tuple(sorted(g for g in sides if sides[g] == {'1'})), read(new))
        assert results.setdefault(seed, one) == one, 'the same seed, but not the same'
    assert len({r[0] for r in results.values()}) > 1, 'other seeds, but the same'
    # the long clip: every so many-th frame; the others whole
    counts = {}
    for r in f.rows:
        counts.setdefault(r['clip'], []).append(int(r['frame']))
    long = counts.pop('gate open/monday 0.mpg')
    assert 16 <= len(long) <= 32 and len({b - a for a, b in zip(long, long[1:])}) == 1 and long[-1] > 80, long
    assert all(c == list(range(20)) for c in counts.values()), counts
    call(TRANSFER, '--model', model, '--clips', CLIPS, '--out', new, '--features', name, '--step', 7, '--quiet')
    assert {r['frame'] for r in Features(name, ['gate open', 'gate shut']).rows if '0.mpg' in r['clip']} == set(map(str, range(0, 90, 7)))


def test_list():
    model, new = base(onnx.classifier(3, 32, 32, 6))
    lines = [f'gate open/monday {i}.{"mpg mp4 avi".split()[i % 3]} 1' for i in (1, 2, 4)] + \
            [f'gate shut/v_shut_g{g:02d}_c{i:02d}.avi' for i, g in ((0, 1), (3, 3))]
    file = write(os.path.join(tmp, 'list.txt'), '\r\n'.join(lines) + '\n')
    name = os.path.join(tmp, 'listed')
    call(TRANSFER, '--model', model, '--clips', CLIPS, '--list', file, '--out', new, '--features', name, '--quiet')
    assert {r['clip'] for r in Features(name, ['gate open', 'gate shut']).rows} == {line.removesuffix(' 1') for line in lines}
    write(file, lines[0] + '\ngate open/none.mpg\n')
    _, err = call(TRANSFER, '--model', model, '--clips', CLIPS, '--list', file, '--out', new, status=1)
    assert 'gate open/none.mpg' in err, err


def small(end, outputs, classes=5, more=()):
    """Conv 3x3 / 4 on 16x16, then what is given: nodes from "r" [1,8,4,4] on."""
    rng = numpy.random.default_rng(2)
    conv = onnx.node('Conv', ['image', 'w', 'b'], ['c'], onnx.attr_ints('kernel_shape', [3, 3]), onnx.attr_ints('strides', [4, 4]),
                     onnx.attr_ints('pads', [1, 1, 1, 1]))
    constants = [onnx.tensor('w', [8, 3, 3, 3], rng.normal(0, .3, 216)), onnx.tensor('b', [8], rng.normal(0, .3, 8)), *more]
    return onnx.model([conv, onnx.node('Relu', ['c'], ['r']), *end], constants, [onnx.value('image', [1, 3, 16, 16])],
                      [onnx.value(outputs, [1, classes])])


def ints(name, values):
    return onnx.num(1, len(values)) + onnx.num(2, 7) + onnx.blob(8, name) + onnx.blob(9, struct.pack('<%dq' % len(values), *values))


def test_ends():
    """Networks that end in other ways; the new scores against the features by numpy, through onnxruntime."""
    rng = numpy.random.default_rng(5)
    one = onnx.attr_ints('kernel_shape', [1, 1])
    weights = onnx.tensor('v', [5, 8, 1, 1], rng.normal(0, 1, 40))
    pooled = [onnx.node('GlobalAveragePool', ['r'], ['p']), onnx.node('Flatten', ['p'], ['f'])]
    turned = onnx.tensor('v', [8, 5], rng.normal(0, 1, 40))
    bias = onnx.tensor('a', [1, 5], rng.normal(0, 1, 5))
    cases = {
        # nodes, constants, name of the new weights and bias, a Softmax at the end, what is taken out
        'SqueezeNet': ([onnx.node('Conv', ['r', 'v', 'a'], ['z'], one), onnx.node('Relu', ['z'], ['zr']),
                        onnx.node('GlobalAveragePool', ['zr'], ['g']), onnx.node('Reshape', ['g', 's'], ['y'])],
                       [weights, onnx.tensor('a', [5], [0] * 5), ints('s', [1, 5])], 'v', 'a', False, 'Relu'),
        'padded': ([onnx.node('Conv', ['r', 'v'], ['z'], one, onnx.attr_ints('pads', [1, 1, 1, 1])),
                    onnx.node('GlobalAveragePool', ['z'], ['g']), onnx.node('Flatten', ['g'], ['q']),
                    onnx.node('Softmax', ['q'], ['y'])], [weights], 'v', 'z_bias', True, None),
        'MatMul': (pooled + [onnx.node('MatMul', ['f', 'v'], ['y'])], [turned], 'v', 'y_bias', False, None),
        'MatMul, Add': (pooled + [onnx.node('MatMul', ['f', 'v'], ['q']), onnx.node('Add', ['a', 'q'], ['t']),
                                  onnx.node('Softmax', ['t'], ['y'])], [turned, bias], 'v', 'a', True, None),
        # the class instead of the scores
        'ArgMax': (pooled + [onnx.node('Gemm', ['f', 'v', 'a'], ['q']), onnx.node('Softmax', ['q'], ['t']),
                             onnx.node('ArgMax', ['t'], ['y'], onnx.attr_int('axis', 1))], [turned, bias], 'v', 'a', True, None),
        # kept in half precision, and cast
        'Cast': (pooled + [onnx.node('Cast', ['h'], ['v'], onnx.attr_int('to', 1)), onnx.node('Gemm', ['f', 'v', 'a'], ['y'])],
                 [onnx.num(1, 8) + onnx.num(1, 5) + onnx.num(2, 10) + onnx.blob(8, 'h') +
                  onnx.blob(9, rng.normal(0, 1, 40).astype('<f2').tobytes()), bias], 'v', 'a', False, None),
        # weights that another layer has as well
        'Gemm': (pooled + [onnx.node('Gemm', ['f', 'v'], ['h']), onnx.node('Gemm', ['h', 'v'], ['q']), onnx.node('Sigmoid', ['q'], ['y'])],
                 [onnx.tensor('v', [8, 8], rng.normal(0, 1, 64))], 'v_weight', 'y_bias', False, 'Sigmoid'),
    }
    for case, (end, constants, w, b, sure, dropped) in cases.items():
        data = small(end, 'y', 8 if case == 'Gemm' else 5, constants)
        model, new = base(data, INFO.replace('dims=1,6', 'dims=1,5').replace('six.txt\n', 'six.txt\nactivation=sigmoid\n')
                          if dropped == 'Sigmoid' else None)
        if dropped == 'Sigmoid':
            write(os.path.join(os.path.dirname(model), 'six.txt'), 'x\n' * 8)
        printed, err = call(TRANSFER, '--model', model, '--clips', CLIPS, '--out', new, '--layers', 1)
        assert (f'the {dropped} behind it is taken out' in printed) == bool(dropped), printed
        assert ('has no .modelinfo' in err) == (dropped != 'Sigmoid'), err
        after = read(new)
        found = tensors(after)
        assert (dropped is None) or dropped.encode() not in b''.join(r for f, _, r in fields(graph(after)) if f == 1).replace(
            b'Relu', b'', 1), case
        assert case != 'Cast' or (b'Cast' not in after and b'h' not in [n.encode() for n in (text(t, 8) for f, t, _ in fields(
            graph(after)) if f == 5)]), 'leftovers'
        frames = rng.uniform(0, 1, (2, 3, 16, 16))
        maps = onnxruntime(with_output(data, 'r'), frames)
        if maps is None:
            raise tap.Skip('no onnxruntime')
        f = maps.reshape(2, 8, 16).mean(2) * (16 / 36 if case == 'padded' else 1)
        f = f @ found['v'] if case == 'Gemm' else f
        v = found[w].astype(float).reshape(found[w].shape[:2])
        scores = f @ (v.T if v.shape == (2, 8) else v) + found[b].ravel()
        wanted = softmax(scores) if sure else scores
        got = onnxruntime(after, frames)
        assert got.shape == (2, 2) and abs(got - wanted).max() < 1e-4 * max(1, abs(wanted).max()), (case, got, wanted)
        if dropped == 'Sigmoid':
            info = read(os.path.join(os.path.dirname(new), 'new.modelinfo'))
            assert b'activation=softmax\n' in info and b'sigmoid' not in info, info


def test_free_size():
    """A base whose .modelinfo says the size that its file leaves open."""
    rng = numpy.random.default_rng(8)
    end = [onnx.node('GlobalAveragePool', ['r'], ['p']), onnx.node('Flatten', ['p'], ['f']), onnx.node('Gemm', ['f', 'v'], ['y'])]
    conv = onnx.node('Conv', ['image', 'w'], ['c'])
    data = onnx.model([conv, onnx.node('Relu', ['c'], ['r']), *end],
                      [onnx.tensor('w', [8, 3, 3, 3], rng.normal(0, .3, 216)), onnx.tensor('v', [8, 6], rng.normal(0, 1, 48))],
                      [onnx.value('image', [1, 3, 0, 0])], [onnx.value('y', [1, 6])])
    model, new = base(data, INFO.replace('ranges=-1,1\n', 'ranges=-1,1\ndims=-1,3,20,24\n', 1))
    call(TRANSFER, '--model', model, '--clips', CLIPS, '--out', new)
    assert b'dims=-1,3,20,24' in read(os.path.join(os.path.dirname(new), 'new.modelinfo'))


def test_layers():
    """One new layer in the place of three, of all kinds; what only they read is gone."""
    rng = numpy.random.default_rng(6)
    half = onnx.num(1, 8) + onnx.num(1, 8) + onnx.num(2, 10) + onnx.blob(8, 'h') + onnx.blob(9, rng.normal(0, 1, 64).astype('<f2').tobytes())
    nodes = [onnx.node('GlobalAveragePool', ['r'], ['p']), onnx.node('Flatten', ['p'], ['f']),
             onnx.node('Cast', ['h'], ['v1'], onnx.attr_int('to', 1)), onnx.node('Gemm', ['f', 'v1', 'a1'], ['g1']),
             onnx.node('Relu', ['g1'], ['r1']), onnx.node('Dropout', ['r1'], ['d1']),
             onnx.node('MatMul', ['d1', 'v2'], ['g2']), onnx.node('Add', ['a2', 'g2'], ['t2']), onnx.node('Relu', ['t2'], ['r2']),
             onnx.node('Gemm', ['r2', 'v3', 'a3'], ['g3']), onnx.node('Softmax', ['g3'], ['y'])]
    constants = [half] + [onnx.tensor(n, d, rng.normal(0, 1, int(numpy.prod(d)))) for n, d in (
        ('a1', [8]), ('v2', [8, 7]), ('a2', [7]), ('v3', [7, 5]), ('a3', [5]))]
    data = small(nodes, 'y', 5, constants)
    model, new = base(data, None)
    printed, _ = call(TRANSFER, '--model', model, '--clips', CLIPS, '--out', new, '--layers', 3)
    assert 'Gemm "gemm_g1" and all behind it are replaced, 5 outputs of 8 features' in printed, printed
    after = read(new)
    found = tensors(after)
    assert sorted(found) == ['a1', 'b', 'v1', 'w'], sorted(found)
    assert [text(n, 4) for f, n, _ in fields(graph(after)) if f == 1] == [
        'Conv', 'Relu', 'GlobalAveragePool', 'Flatten', 'Gemm', 'Dropout', 'Softmax']
    _, err = call(TRANSFER, '--model', model, '--clips', CLIPS, '--out', new, '--layers', 4, status=1)
    assert 'Conv "conv_c" comes before so many' in err and read(new) == after, err
    frames = rng.uniform(0, 1, (2, 3, 16, 16))
    maps = onnxruntime(with_output(data, 'r'), frames)
    if maps is None:
        raise tap.Skip('no onnxruntime')
    wanted = softmax(maps.reshape(2, 8, 16).mean(2) @ found['v1'] + found['a1'])
    assert abs(onnxruntime(after, frames) - wanted).max() < 1e-4


def test_chosen_layers():
    """--layers 0: those with which validation goes best, in the mean of four choices of the clips for it; without: all."""
    rng = numpy.random.default_rng(7)
    nodes = [onnx.node('GlobalAveragePool', ['r'], ['p']), onnx.node('Flatten', ['p'], ['f']), onnx.node('Gemm', ['f', 'v1', 'a1'], ['g1']),
             onnx.node('Relu', ['g1'], ['r1']), onnx.node('Gemm', ['r1', 'v2', 'a2'], ['g2'])]
    for blind in False, True:
        # a hidden layer that lets nothing through, and one of chance
        v1 = rng.normal(0, 0 if blind else 1, (8, 8))
        data = small(nodes, 'g2', 5, [onnx.tensor('v1', [8, 8], v1.ravel()), onnx.tensor('a1', [8], [0.1] * 8),
                                      onnx.tensor('v2', [8, 5], rng.normal(0, 1, 40)), onnx.tensor('a2', [5], [0] * 5)])
        model, new = base(data, None)
        usual = ('--model', model, '--clips', CLIPS, '--out', new)
        means = []
        for layers in 1, 2:
            runs = [call(TRANSFER, *usual, '--layers', layers, '--no-refit', '--seed', seed)[0] for seed in (1, 2, 3, 4)]
            means.append(numpy.mean([float(re.search(r'of validation ([0-9.]+)$', out, re.M)[1]) for out in runs]))
        printed, _ = call(TRANSFER, *usual)
        assert 'Gemm "gemm_g1" and all behind it are replaced' in printed and sorted(tensors(read(new))) == ['a1', 'b', 'v1', 'w'], printed
        printed, _ = call(TRANSFER, *usual, '--layers', 0)
        found = [float(m) for m in re.findall(r'; ([0-9.]+) in the mean of 4 choices', printed)]
        assert len(found) == 2 and numpy.allclose(found, means, atol=2e-4), (found, means)
        taken = ('taken: Gemm "gemm_g2"\n', 'taken: Gemm "gemm_g1" and all behind it\n')[numpy.argmin(means)]
        print(f'# {means}: {taken.strip()}')
        assert taken in printed and sorted(tensors(read(new))) == sorted(['a1', 'v1', 'b', 'w'] + ['a2', 'v2'] * int(means[0] <= means[1])), printed
        if blind:
            assert means[1] < means[0], means


def test_refit():
    """The report is of a layer that did not see the validation clips, the file of one that saw all."""
    model, new = base(onnx.classifier(3, 32, 32, 6))
    name = os.path.join(tmp, 'refit')
    usual = ('--model', model, '--clips', CLIPS, '--out', new, '--l2', 0.1, '--features', name)
    first, _ = call(TRANSFER, *usual, '--no-refit')
    second, _ = call(TRANSFER, *usual)
    table = lambda out: re.search(r'\nframes\n(.*?)\n\n', out, re.S)[1]
    assert table(first) == table(second), (first, second)
    f, found = Features(name, ['gate open', 'gate shut']), tensors(read(new))
    deviation, mean = f.x.std(0), f.x.mean(0)
    use, w = deviation > 0, found['w4'].astype(float)
    _, gradient = loss_and_gradient((f.x - mean)[:, use] / deviation[use], f.y, 2, (w * deviation)[:, use], found['b4'] + w @ mean, 0.1)
    assert abs(gradient).max() < 2e-5, abs(gradient).max()


def test_skip_unreadable():
    model, new = base(onnx.classifier(3, 32, 32, 6))
    folder = os.path.join(tmp, 'some')
    shutil.copytree(CLIPS, folder)
    write(os.path.join(folder, 'gate open', 'notes.txt'), 'not a clip\n')
    before = sorted(os.listdir(os.path.dirname(new)))
    _, err = call(TRANSFER, '--model', model, '--clips', folder, '--out', new, status=1)
    assert 'notes.txt' in err and len(err.splitlines()) == 1, err
    assert sorted(os.listdir(os.path.dirname(new))) == before
    out, err = call(TRANSFER, '--model', model, '--clips', folder, '--out', new, '--skip-unreadable')
    assert 'notes.txt' in err and '12 clips of 2 classes' in out and '1 clips were skipped' in out, (out, err)


def test_interrupted():
    folder = os.path.join(tmp, 'long')
    for label in 'ab':
        os.makedirs(os.path.join(folder, label))
        for i in range(30):
            os.symlink(os.path.join(ROOT, 'models', 'clips', 'demo.ts'), os.path.join(folder, label, f'{i}.ts'))
    model, new = base(read(os.path.join(ROOT, 'models', 'activities.onnx')), None)
    for number in (signal.SIGINT, signal.SIGTERM):
        interrupt(TRANSFER, '--model', model, '--clips', folder, '--out', new, '--step', '1', '--quiet', number=number)
        assert os.listdir(os.path.dirname(model)) == ['base.onnx']


def test_bad_use():
    model, new = base(onnx.classifier(3, 32, 32, 6))
    folder = os.path.dirname(model)
    other = base(onnx.classifier(3, 32, 32, 6))[0]
    write(os.path.join(os.path.dirname(other), 'base.modelinfo'), INFO.replace('six.txt', 'mine.labels.txt'))
    write(os.path.join(os.path.dirname(other), 'mine.labels.txt'), '1\n2\n3\n4\n5\n6\n')
    os.makedirs(os.path.join(tmp, 'none'))
    one = os.path.join(tmp, 'one class')
    shutil.copytree(os.path.join(CLIPS, 'gate open'), os.path.join(one, 'gate open'))
    empty = os.path.join(tmp, 'empty')
    shutil.copytree(CLIPS, empty)
    os.makedirs(os.path.join(empty, 'gate ajar'))
    group = os.path.join(tmp, 'group')
    shutil.copytree(CLIPS, group)
    for i in (2, 3, 4):
        os.remove(os.path.join(group, 'gate shut', f'v_shut_g{(1, 1, 2, 3, 3)[i]:02d}_c{i:02d}.avi'))
    os.symlink(model, os.path.join(folder, 'link.onnx'))
    os.makedirs(os.path.join(folder, 'taken.onnx'))
    middle = [onnx.node('GlobalAveragePool', ['r'], ['g']), onnx.node('Flatten', ['g'], ['y'])]
    wide = onnx.tensor('v', [5, 8, 4, 4], [0.1] * 640)
    maps = onnx.tensor('v', [5, 8, 1, 1], [0.1] * 40)
    cases = [
        ((), '--model, --clips and --out'),
        (('--model', model, '--clips', CLIPS), '--model, --clips and --out'),
        (('--what',), 'what'),
        ((model, CLIPS, new, 'more'), 'Only options'),
    ]
    usual = {'--model': model, '--clips': CLIPS, '--out': new}
    for words, change in (
            ('/none.onnx', {'--model': '/none.onnx'}),
            ('not an ONNX model', {'--model': os.path.join(CLIPS, 'gate open', 'monday 0.mpg')}),
            ('/none', {'--clips': '/none'}),
            ('has no class folders', {'--clips': os.path.join(tmp, 'none')}),
            ('one class only (gate open)', {'--clips': one}),
            ('gate ajar is empty', {'--clips': empty}),
            ('gate shut has clips of one group only', {'--clips': group}),
            ('/none.txt', {'--list': '/none.txt'}),
            ('/none does not exist', {'--out': '/none/new.onnx'}),
            ('belongs to the base model', {'--out': model}),
            ('belongs to the base model', {'--out': os.path.join(folder, '..', os.path.basename(folder), 'base.onnx')}),
            ('belongs to the base model', {'--out': os.path.join(folder, 'link.onnx')}),
            ('belongs to the base model', {'--model': other, '--out': os.path.join(os.path.dirname(other), 'mine.onnx')}),
            ('it is a folder', {'--out': os.path.join(folder, 'taken.onnx')}),
            ('/none/x', {'--features': '/none/x'}),
            ('--step', {'--step': '-1'}), ('--layers', {'--layers': '-2'}), ('--validation', {'--validation': '1'}), ('--validation', {'--validation': 'nan'}),
            ('--l2', {'--l2': '0'}),
            ('Conv "conv_c" is its last layer, of 3x3 pixels', {'--model': base(small(middle, 'y', 8))[0]}),
            ('no layer with weights', {'--model': base(onnx.model(middle, [], [onnx.value('r', [1, 3, 8, 8])], [onnx.value('y', [1, 3])]))[0]}),
            ('Conv "conv_q" is its last layer, of 4x4 pixels',
             {'--model': base(small([onnx.node('Conv', ['r', 'v'], ['q']), onnx.node('Flatten', ['q'], ['y'])], 'y', 5, [wide]))[0]}),
            ('MaxPool', {'--model': base(small([onnx.node('Conv', ['r', 'v'], ['q']), onnx.node(
                'MaxPool', ['q'], ['y'], onnx.attr_ints('kernel_shape', [4, 4]))], 'y', 5, [maps]))[0]}),
            ('no average follows', {'--model': base(small([onnx.node('Conv', ['r', 'v'], ['y'])], 'y', 5, [maps]))[0]})):
        cases.append(([x for pair in {**usual, **change}.items() for x in pair], words))
    listing = lambda: sorted((d, tuple(sorted(f))) for d, _, f in os.walk(tmp))
    before, bytes_before = listing(), read(model)
    for args, words in cases:
        out, err = call(TRANSFER, *args, status=1)
        assert words in err and err.startswith('deltacnn-transfer: '), f'{args}: {err}'
        assert len(err.splitlines()) == 1, f'{args}: {err}'
        assert listing() == before and read(model) == bytes_before, args


def test_read_only_folder():
    model, new = base(onnx.classifier(3, 32, 32, 6))
    user = plain_user(TRANSFER)
    os.chmod(os.path.dirname(model), 0o555)
    _, err = call(TRANSFER, '--model', model, '--clips', CLIPS, '--out', new, status=1, user=user)
    os.chmod(os.path.dirname(model), 0o755)
    assert 'is read-only' in err and os.path.dirname(model) in err, err


if __name__ == '__main__':
    if not shutil.which('ffmpeg'):
        tap.skip_all('no ffmpeg to make clips with')
    CLIPS = make_clips()
    sys.exit(tap.run(globals()))
