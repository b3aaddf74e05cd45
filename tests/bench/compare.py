#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures what the delta engine promises, as ratios in one run on one machine, and writes tables of it.

    compare.py BUILD [--ort DIR] [--shared DIR] [--work DIR] [--out FILE.md] [--pairs N] [--only PART,...] [--with CMD]

BUILD     build folder with deltacnn-bench and the tests
--ort     folder with node_modules/onnxruntime-node (default: $ORT_DIR, else BUILD); without it there is nothing to
          compare with, and the script says so and measures the rest; ../shared/tools/ort.cjs times it where it is there
--shared  folder with data/clips and data/models (default: ../shared beside the checkout); as above
--work    for models, encoded clips and raw figures, out of the tree (default: BUILD/compare)
--out     the tables (default: RESULTS.md beside this script)
--pairs   how often each pair is measured, ours and theirs in turn; medians count (default: 5)
--only    of the parts: dense, others, full, still, threads, clips, encoders, shipped, kernels, layer
--frames  of each clip at most (default: all); for a quick look
--calibrate  for each clip alone, as for a camera that stays where it is (clip, the default), or for all at once (all)
--calibration-seconds  how long a calibration may search (default: 60); 0: encoders takes only those kept from before
--models, --encoders  of the part encoders: only those whose names hold one of these (default: all)
--kinds   of it: exact, calibrated (default: both)
--isa     our kernels of this instruction set, as --isa avx2; with avx2 onnxruntime sees a CPU without AVX-512 as well
--with    put before every command that is measured, as in --with 'taskset -c 0,1'
"""
import argparse
import collections
import datetime
import glob
import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import models  # noqa: E402
import numpy as np  # noqa: E402

NETS = ('alexnet', 'squeezenet1.1', 'resnet18', 'mobilenetv2')
# Other shapes that users bring, for which there is no goal.
HALF_NETS = ('alexnet', 'vgg11')
OTHER_NETS = ('vgg11', 'googlenet', 'resnet50', 'densenet121', 'shufflenetv2', 'mobilenetv3small', 'efficientnetb0',
              'resnext50', 'mnasnet', 'convnextatto', 'darknet53', 'mobilenetv1', 'mobilenetv3large', 'regnetx800', 'vittiny',
              'mobilevitxxs', 'swinnano')
# Trained networks of the shared folder: label, agreement that calibration has to keep, .modelinfo.
TRAINED = {
    'squeezenet1.0-deepcompression.onnx': ('SqueezeNet 1.0', 0.97, '-104,151;-117,138;-123,132', 'bgr'),
    'mobilenet_v1_0.25_128-dequant.onnx': ('MobileNet v1 0.25 128', 0.97, '-1,0.9921875;-1,0.9921875;-1,0.9921875', 'rgb'),
    'mobilenetv1-0.25-vww96-mlctiny.onnx': ('MobileNet v1 0.25 96, person/no person', 0.99, '0,1;0,1;0,1', 'rgb'),
}
CLIPS = ('sample-videos__bottle-detection.mp4', 'sample-videos__car-detection.mp4', 'sample-videos__asl_gestures__book.mkv',
         'sample-videos__asl_gestures__yes.mkv', 'openmpf__video_01.mp4', 'openmpf-components__toronto-highway-shortened.mp4')
# Without deltacnn-calibrate: one tolerance for all layers, the largest of these that keeps the agreement.
TOLERANCES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)
CALIBRATION_FRAMES = 150  # of each clip, the first ones
PARTS = ('dense', 'others', 'full', 'still', 'threads', 'clips', 'encoders', 'shipped', 'kernels', 'layer')
# What cameras and recorders make of a static scene: name, filter, encoder's options, container.
MPEG2 = ('-c:v', 'mpeg2video', '-g', '15', '-bf', '0')
H264 = ('-c:v', 'libx264', '-g', '50', '-keyint_min', '50', '-sc_threshold', '0', '-bf', '0', '-threads', '1')
ENCODERS = (
    ('MPEG-2 -q:v 4', None, MPEG2 + ('-q:v', '4'), 'mpg'),
    ('MPEG-2 -q:v 8', None, MPEG2 + ('-q:v', '8'), 'mpg'),
    ('MPEG-2 -q:v 12', None, MPEG2 + ('-q:v', '12'), 'mpg'),
    ('MPEG-2 1 Mbit/s', None, MPEG2 + ('-b:v', '1M', '-maxrate', '2M', '-bufsize', '2M'), 'mpg'),
    ('MPEG-2 500 kbit/s', None, MPEG2 + ('-b:v', '500k', '-maxrate', '1000k', '-bufsize', '1000k'), 'mpg'),
    ('hqdn3d, MPEG-2 -q:v 4', 'hqdn3d', MPEG2 + ('-q:v', '4'), 'mpg'),
    ('hqdn3d, MPEG-2 -q:v 8', 'hqdn3d', MPEG2 + ('-q:v', '8'), 'mpg'),
    ('H.264 crf 23', None, H264 + ('-crf', '23'), 'mp4'),
    ('H.264 crf 28', None, H264 + ('-crf', '28'), 'mp4'),
    ('hqdn3d, H.264 crf 28', 'hqdn3d', H264 + ('-crf', '28'), 'mp4'),
)
ENCODER_CLIPS = ('sample-videos__bottle-detection.mp4', 'sample-videos__asl_gestures__book.mkv', 'openmpf__video_01.mp4',
                 'openmpf__STRUCK_Test_720p.mp4', 'sample-videos__car-detection.mp4')
ENCODER_FRAMES = 150


def say(text):
    print(text, file=sys.stderr, flush=True)


def table(head, rows):
    lines = ['| ' + ' | '.join(head) + ' |', '|' + '---|' * len(head)]
    return '\n'.join(lines + ['| ' + ' | '.join(str(c) for c in r) + ' |' for r in rows]) + '\n'


def median(values):
    return statistics.median(values)


def short(clip):
    return os.path.splitext(os.path.basename(clip))[0].split('__', 1)[-1]


class Compare:
    def __init__(self, o):
        self.o, self.raw, self.missing = o, {}, []
        self.bench_program = os.path.join(o.build, 'gst', 'tools', 'deltacnn-bench')
        if not os.access(self.bench_program, os.X_OK):
            sys.exit(f'compare: {self.bench_program} is missing; build first')
        os.makedirs(o.work, exist_ok=True)
        self.with_cmd = shlex.split(o.prefix)
        self.shared_runner = os.path.join(o.shared, 'tools', 'ort.cjs')
        self.has_ort = os.path.isdir(os.path.join(o.ort, 'node_modules', 'onnxruntime-node'))
        if not self.has_ort:
            self.lacks('onnxruntime-node (npm install --ignore-scripts --prefix DIR onnxruntime-node; --ort DIR): no figures of a peer')

    def lacks(self, what):
        if what not in self.missing:
            self.missing.append(what)
            say(f'missing: {what}')

    # ---- the two programs ----

    def command(self, args, measured=True, **kwargs):
        p = subprocess.run((self.with_cmd if measured else []) + args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, **kwargs)
        if p.returncode:
            raise RuntimeError(f'{" ".join(args)}: {p.stderr.decode(errors="replace").strip()[-500:]}')
        return p.stdout.decode()

    def bench(self, model, *args, threads=1, measured=True):
        isa = ['--kernels', self.o.isa] if self.o.isa else []
        r = json.loads(self.command([self.bench_program, '--model', model, '--threads', str(threads), '--json', '-', *isa, *args],
                                    measured=measured))
        n = r['frames']
        for side in ('ms', 'dense_ms'):
            if r[side]:  # the whole clip, its first frame included
                r[side]['all'] = (r[side]['mean'] * (n - 1) + r[side]['first']) / n
        r['network_all'] = r['ms']['all'] - r['stage_ms']['changes'] - r['stage_ms']['tensor']
        return r

    def ort(self, model, threads=1, runs=30):
        """ms of one run() of onnxruntime, or None."""
        if not self.has_ort:
            return None
        env = dict(os.environ, ORT_DIR=self.o.ort)
        if self.o.isa == 'avx2':
            env['LD_PRELOAD'] = os.path.join(self.o.build, 'tests', 'bench', 'libavx2-only.so')
        if os.path.exists(self.shared_runner):
            out = self.command(['node', self.shared_runner, model, '--threads', str(threads), '--runs', str(runs)],
                               env=env)
        else:
            out = self.command(['node', os.path.join(ROOT, 'tests', 'net', 'onnxruntime.cjs'), self.o.ort, model, '--time',
                                str(runs), str(threads)], env=env)
        return json.loads(out.splitlines()[-1])['median_ms']

    def dense_network(self, model, threads, half, runs=30):
        """ms of one dense run of the network alone, on one picture again and again, as ort() times onnxruntime."""
        out = self.command([os.path.join(self.o.build, 'tests', 'net', 'run-net'), model, '--dense', '--threads', str(threads),
                            '--runs', str(runs)] + (['--half'] if half else []) + ([f'--kernels={self.o.isa}'] if self.o.isa else []))
        return json.loads(out.splitlines()[-1])['median_ms']

    def difference(self, model, half):
        """Largest difference of outputs from onnxruntime's over the largest output, on a smooth and a noisy picture; text."""
        run_net = os.path.join(self.o.build, 'tests', 'net', 'run-net')
        if not self.has_ort or not os.access(run_net, os.X_OK):
            return '-'
        given, ours, theirs = (os.path.join(self.o.work, f) for f in ('given.f32', 'ours.f32', 'theirs.f32'))
        rand = np.random.default_rng(1)
        side = models.SIDES.get(os.path.splitext(os.path.basename(model))[0], 224)
        wave = np.sin(np.linspace(0, 9, side))[:, None] * np.cos(np.linspace(0, 14, side)) * np.array([1, 0.5, -1])[:, None, None]
        np.stack([wave, rand.standard_normal((3, side, side))]).astype('<f4').tofile(given)
        self.command([run_net, model, '--dense', '--input', given, '--output', ours] + (['--half'] if half else []), measured=False)
        self.command(['node', os.path.join(ROOT, 'tests', 'net', 'onnxruntime.cjs'), self.o.ort, model, given, theirs], measured=False)
        a, b = (np.fromfile(f, '<f4').reshape(2, -1) for f in (ours, theirs))
        return f'{(np.abs(a - b).max(1) / np.abs(b).max(1)).max():.1g}'

    # ---- what is measured ----

    def net(self, name):
        path = os.path.join(self.o.work, name + '.onnx')
        if not os.path.exists(path):
            say(f'writing {name}')
            models.write(self.o.work, name)
        return path

    def trained(self, name):
        """A copy of a shared model with its .modelinfo, or None."""
        source = os.path.join(self.o.shared, 'data', 'models', name)
        if not os.path.exists(source):
            self.lacks(f'data/models/{name} of the shared folder')
            return None
        path = os.path.join(self.o.work, name)
        _, _, ranges, color = TRAINED[name]
        if not os.path.exists(path):
            os.symlink(source, path)
        with open(path + '.modelinfo', 'w') as f:
            f.write(f'[modelinfo]\nversion=1.0\n\n[image]\ndir=input\nranges={ranges}\n\n'
                    f'[deltacnn]\ncolor={color}\nresize=stretch\n')
        return path

    def clips(self):
        """MPEG-2, GOP 15, no B pictures, made once."""
        made = []
        for clip in CLIPS:
            source = os.path.join(self.o.shared, 'data', 'clips', clip)
            path = os.path.join(self.o.work, short(clip) + '.mpg')
            if not os.path.exists(source):
                self.lacks(f'data/clips/{clip} of the shared folder')
                continue
            if not os.path.exists(path):
                say(f'encoding {short(clip)}')
                self.command(['ffmpeg', '-nostdin', '-v', 'error', '-y', '-i', source, '-an', '-c:v', 'mpeg2video', '-g', '15',
                              '-bf', '0', '-q:v', '4', '-pix_fmt', 'yuv420p', path], measured=False)
            made.append(path)
        return made

    # ---- parts; each returns Markdown ----

    def dense_rows(self, names, thread_counts, half=False):
        rows = []
        for name in names:
            difference = self.difference(self.net(name), half)
            for threads in thread_counts:
                model, ours, tensor, theirs = self.net(name), [], [], []
                for _ in range(self.o.pairs):
                    ours.append(self.dense_network(model, threads, half))
                    theirs.append(self.ort(model, threads))
                    r = self.bench(model, '--sparsity', '0', '--mode', 'dense', '--frames', '10', threads=threads)
                    tensor.append(r['stage_median_ms']['tensor'])
                self.raw[f'dense {name} {threads}' + (' half' if half else '')] = {'ours': ours, 'tensor': tensor, 'onnxruntime': theirs}
                say(f'dense {name} {threads}: {median(ours):.3f} ms' + (f', onnxruntime {median(theirs):.3f}' if self.has_ort else ''))
                row = [name, threads, f'{median(ours):.2f}', f'{median(tensor):.2f}']
                if self.has_ort:
                    ratio = median([a / b for a, b in zip(ours, theirs)])
                    whole = median([(a + t) / (b + t) for a, b, t in zip(ours, theirs, tensor)])
                    row += [f'{median(theirs):.2f}', f'**{ratio:.2f}**', f'{whole:.2f}']
                else:
                    row += ['-', '-', '-']
                rows.append(row + [difference])
        return table(('network', 'threads', 'ours: network', 'ours: tensor', 'onnxruntime', 'ratio', 'with tensor', 'difference'), rows)

    def dense(self):
        return ('## Dense, against onnxruntime\n\n1x3x224x224, ms a frame. Both run the network alone, on one picture again and again (`run-net`; `run()`); '
                '"with tensor" adds our frame to tensor (640x480) to both sides; the last column is the largest difference of an output from '
                'onnxruntime\'s over the largest output. Goal: ratio at most 1.00.\n\n' +
                self.dense_rows(NETS, (1, 2)) +
                '\nWith `weights=float16`: those of fully connected layers rounded to half precision.\n\n' +
                self.dense_rows(HALF_NETS, (1, 2), half=True))

    def others(self):
        return ('## Dense, other networks\n\nAs above, one thread.\n\n' + self.dense_rows(OTHER_NETS, (1,)))

    def full(self):
        rows = []
        for name in NETS:
            ratios, ms, dense = [], [], []
            for _ in range(self.o.pairs):
                r = self.bench(self.net(name), '--sparsity', '0', '--frames', '40')
                ms.append(r['ms']['median'])
                dense.append(r['dense_ms']['median'])
                ratios.append(ms[-1] / dense[-1])
            self.raw[f'full {name}'] = {'delta': ms, 'dense': dense}
            say(f'full {name}: {median(ratios):.3f}')
            rows.append((name, f'{median(ms):.2f}', f'{median(dense):.2f}', f'**{median(ratios):.3f}**'))
        return ('## Everything changed\n\nEvery block of every frame is new; one thread, ms a frame, tensor included. Goal: at most '
                '1.05 times our own dense.\n\n' + table(('network', 'delta', 'dense', 'ratio'), rows))

    def still(self):
        rows = []
        for name in NETS:
            row = [name]
            for s in (1, 0.99, 0.9, 0.5):
                ratios, error = [], 0
                for _ in range(max(1, self.o.pairs // 2)):
                    r = self.bench(self.net(name), '--sparsity', str(s), '--frames', '60')
                    ratios.append(r['ms']['median'] / r['dense_ms']['median'])
                    error = max(error, r['max_rel_error'])
                self.raw[f'still {name} {s}'] = {'ratios': ratios, 'error': error}
                if s == 1:
                    row += [f'{r["stage_median_ms"]["changes"] + r["stage_median_ms"]["tensor"]:.3f}',
                            f'{r["stage_median_ms"]["network"]:.4f}', f'{r["dense_ms"]["median"]:.2f}']
                row.append(f'{"**" if s == 1 else ""}{median(ratios) * 100:.1f} %{"**" if s == 1 else ""}')
            rows.append(row)
            say(f'still {name}: {row[4]}')
        return ('## Nothing changed, and a little\n\nMade frames of 640x480 in which a share of the 16x16 blocks is inherited; share of '
                'dense time (tensor and network), one thread, tolerance 0. Goal: at most 1 % where all are.\n\n' +
                table(('network', 'tensor ms', 'network ms', 'dense ms', '100 % inherited', '99 %', '90 %', '50 %'), rows))

    def threads(self):
        rows = []
        for name in ('alexnet', 'resnet18', 'squeezenet1.1', 'mobilenetv2'):
            one, two = [], []
            for _ in range(max(1, self.o.pairs // 2)):
                for threads, to in ((1, one), (2, two)):
                    r = self.bench(self.net(name), '--sparsity', '0.9', '--frames', '40', threads=threads)
                    to.append((r['dense_stage_median_ms']['network'], r['stage_median_ms']['network']))
            self.raw[f'threads {name}'] = {'one': one, 'two': two}
            gain = [median([a[i] / b[i] for a, b in zip(one, two)]) for i in (0, 1)]
            say(f'threads {name}: {gain[0]:.2f} {gain[1]:.2f}')
            rows.append((name, f'{gain[0]:.2f}', f'{gain[1]:.2f}'))
        return ('## Two threads against one\n\nTimes as fast. Goals: 1.7 for dense AlexNet and ResNet-18, 1.5 for a delta frame with 10 % of the '
                'blocks changed.\n\n' + table(('network', 'dense', 'delta, 10 % changed'), rows))

    def pick_tolerance(self, model, clips, agreement):
        """The largest of TOLERANCES up to which the agreement is kept on the beginnings of the clips."""
        best = 0
        for t in TOLERANCES:
            same = frames = 0
            for clip in clips:
                r = self.bench(model, '--clip', clip, '--tolerance', str(t), '--frames', str(CALIBRATION_FRAMES), threads=2,
                               measured=False)
                same += r['top1_agreement'] * r['frames']
                frames += r['frames']
            if same / frames < agreement:
                break
            best = t
        return best

    def calibrate(self, model, clips, agreement):
        """What --tolerance has to be, and what it is called."""
        program = os.path.join(self.o.build, 'gst', 'tools', 'deltacnn-calibrate')
        if os.access(program, os.X_OK):
            say(f'calibrating {os.path.basename(model)}')
            self.command([program, model, *clips, '--agreement', str(agreement), '--frames', str(CALIBRATION_FRAMES), '--time', str(self.o.calibration_seconds),
                          '--quiet'], measured=False)
            return -1, 'per layer'
        self.lacks('deltacnn-calibrate: one tolerance for all layers, from a list, takes its place')
        best = self.pick_tolerance(model, clips, agreement)
        return best, f'{best:g}'

    def clip_row(self, model, clip, tolerance):
        """[(ms, of it the network)] and onnxruntime's ms, pair by pair; result of a run beside dense."""
        ours, theirs = [], []
        args = ('--clip', clip, '--tolerance', str(tolerance), '--frames', str(self.o.frames))
        beside = self.bench(model, *args, '--layers')
        for _ in range(max(1, self.o.pairs // 2)):
            r = self.bench(model, *args, '--alone')
            ours.append((r['ms']['all'], r['network_all']))
            theirs.append(self.ort(model))
        return ours, theirs, beside

    def one_model(self, name, clips):
        label, agreement, _, _ = TRAINED[name]
        model = self.trained(name)
        if not model:
            return ''
        pooled = self.calibrate(model, clips, agreement) if self.o.calibrate == 'all' else None
        text, rows, means = f'### {label}\n\n', [], collections.defaultdict(list)
        held = {}
        for kind in ('exact', 'calibrated'):
            types, frames, same = collections.Counter(), 0, 0
            dense = collections.Counter()
            for clip in clips:
                say(f'{label}, {short(clip)}, {kind}')
                try:
                    tolerance, called = (0, '0') if kind == 'exact' else pooled or self.calibrate(model, [clip], agreement)
                    ours, theirs, r = self.clip_row(model, clip, tolerance)
                except RuntimeError as e:
                    self.lacks(f'{label} on {short(clip)}: {e}')
                    continue
                tensor = r['dense_stage_ms']['tensor']
                frames += r['frames']
                same += r['top1_agreement'] * r['frames']
                for layer in r['types']:
                    types[layer['type']] += layer['ms'] * r['frames']
                    dense[layer['type']] += layer['dense_ms'] * r['frames']
                whole, network = (median([x[i] for x in ours]) for i in (0, 1))
                row = [short(clip), called, f'{whole:.3f}', f'{network:.3f}', f'{r["dense_ms"]["all"]:.3f}',
                       f'{r["dense_ms"]["all"] / r["ms"]["all"]:.2f}']
                if self.has_ort:
                    means[kind].append((whole, median(theirs) + tensor, r['frames']))
                    row += [f'{median(theirs):.3f}', f'{median([b / a[1] for a, b in zip(ours, theirs)]):.2f}',
                            f'**{median([(b + tensor) / a[0] for a, b in zip(ours, theirs)]):.2f}**']
                else:
                    row += ['-', '-', '-']
                row += [f'{r["mac_fraction"] * 100:.1f} %', f'{r["value_fraction"] * 100:.1f} %', f'{r["top1_agreement"] * 100:.1f} %',
                        f'{r["max_rel_error"]:.1g}']
                rows.append(row)
                self.raw[f'clip {name} {short(clip)} {kind}'] = {'ours': ours, 'onnxruntime': theirs, 'beside dense': r}
                say(f'{label}, {short(clip)}, {kind}: ' + ' '.join(str(c) for c in row[2:]))
            if not frames:
                continue
            all_ms = sum(types.values())
            held[kind] = '; '.join(f'{k} {v / all_ms * 100:.0f} % ({v / max(dense[k], 1e-9):.2f} of its dense time)'
                                   for k, v in types.most_common(5))
            text += f'{kind}: {same / frames * 100:.2f} % of {frames} frames with the same top label'
            if means[kind]:
                a = sum(m[0] * m[2] for m in means[kind]) / sum(m[2] for m in means[kind])
                b = sum(m[1] * m[2] for m in means[kind]) / sum(m[2] for m in means[kind])
                text += f'; over all frames {a:.3f} ms, onnxruntime {b:.3f} ms: **{b / a:.2f}** times as fast'
            text += f'. Time goes to: {held[kind]}.\n\n'
        return text + table(('clip', 'tolerance', 'ours ms', 'of it network', 'dense ms', 'times dense', 'onnxruntime ms', 'times onnxruntime: network',
                             'with tensor', 'multiplies', 'values', 'agreement', 'largest error'), rows) + '\n'

    def clips_part(self):
        clips = self.clips()
        if not clips:
            return ''
        text = (f'## Real clips\n\nStatic cameras, MPEG-2, I picture every 15, no B pictures (`-q:v 4`); mean over {"all" if not self.o.frames else f"the first {self.o.frames}"} frames, the first and the I '
                'pictures included, one thread. "ours" is finding what changed, frame to tensor and network, run alone. Against onnxruntime: network with '
                'its `run()`, and all of ours with its `run()` and our full frame to tensor. Tolerances are chosen on the first '
                f'{CALIBRATION_FRAMES} frames of {"each clip" if self.o.calibrate == "clip" else "all clips"} to keep an agreement of 0.97 '
                '(person/no person 0.99), and measured on all. '
                'Goals: 1.6 times onnxruntime exact, 5 times calibrated.\n\n')
        return text + ''.join(self.one_model(name, clips) for name in TRAINED)

    # ---- how it depends on the encoder ----

    def encoded(self, encoder, clip):
        """A clip's first frames as this encoder makes them, or None; made once."""
        name, denoise, options, container = encoder
        source = os.path.join(self.o.shared, 'data', 'clips', clip)
        if not os.path.exists(source):
            self.lacks(f'data/clips/{clip} of the shared folder')
            return None
        path = os.path.join(self.o.work, 'enc-' + re.sub('[^a-z0-9]+', '-', f'{short(clip)} {name}'.lower()) + '.' + container)
        if not os.path.exists(path):
            say(f'encoding {os.path.basename(path)}')
            self.command(['ffmpeg', '-nostdin', '-v', 'error', '-y', '-i', source, '-an', '-frames:v', '150',
                          *(('-vf', denoise) if denoise else ()), *options, '-pix_fmt', 'yuv420p', path], measured=False)
        return path

    def encoder_clip(self, model, clip, tolerance, types):
        """One clip: frames, ms a frame over all of them and the median, share of blocks, multiplies, agreement, margin, full tensor ms."""
        args = ('--clip', clip, '--tolerance', str(tolerance), '--frames', str(self.o.frames or ENCODER_FRAMES))
        beside = self.bench(model, *args, '--layers')
        alone = self.bench(model, *args, '--alone', '--runs', '3')
        for layer in beside['types']:
            types[layer['type']][0] += layer['ms'] * beside['frames']
            types[layer['type']][1] += layer['dense_ms'] * beside['frames']
        return {'frames': beside['frames'], 'mean': alone['ms']['all'], 'median': alone['ms']['median'], 'blocks': beside['block_fraction'],
                'multiplies': beside['mac_fraction'], 'agreement': beside['top1_agreement'], 'margin': beside['mean_margin'],
                'dense': beside['dense_ms']['median'], 'beside': beside['ms']['median'], 'tensor': beside['dense_stage_median_ms']['tensor']}

    def kept(self, model, clip):
        return f'{clip}.{os.path.basename(model)}.modelinfo'

    def calibrated_for(self, model, clip, agreement):
        """As calibrate() for one clip; what it found is kept beside the clip."""
        kept, info = self.kept(model, clip), model + '.modelinfo'
        if not os.path.exists(kept):
            self.trained(os.path.basename(model))
            self.calibrate(model, [clip], agreement)
            shutil.copyfile(info, kept)
        shutil.copyfile(kept, info)
        return -1

    def encoder_row(self, name, model, encoder, theirs, kind):
        """A table's row for one encoder, all clips; what holds it back."""
        _, agreement, _, _ = TRAINED[name]
        types, clips = collections.defaultdict(lambda: [0.0, 0.0]), []
        for source in ENCODER_CLIPS:
            path = self.encoded(encoder, source)
            if not path or (kind == 'calibrated' and not self.o.calibration_seconds and not os.path.exists(self.kept(model, path))):
                continue
            try:
                tolerance = 0
                if kind == 'calibrated':
                    tolerance = self.calibrated_for(model, path, agreement)
                clips.append((short(source), self.encoder_clip(model, path, tolerance, types)))
            except RuntimeError as e:
                self.lacks(f'{TRAINED[name][0]} on {os.path.basename(path)}: {e}')
        if not clips:
            return None, None
        self.raw[f'encoder {name} {encoder[0]} {kind}'] = clips
        frames = sum(c['frames'] for _, c in clips)

        def mean(key):
            return sum(c[key] * c['frames'] for _, c in clips) / frames

        row = [encoder[0], f'{mean("blocks") * 100:.0f} %', f'{mean("multiplies") * 100:.0f} %', f'{mean("mean"):.3f}', f'{mean("median"):.3f}',
               f'{mean("dense") / mean("beside"):.2f}']
        if theirs:
            ratios = sorted(((theirs + c['tensor']) / c['mean'], n) for n, c in clips)
            row += [f'**{(theirs + mean("tensor")) / mean("mean"):.2f}**', f'{ratios[0][0]:.2f} ({ratios[0][1]})', f'{ratios[-1][0]:.2f} ({ratios[-1][1]})']
        else:
            row += ['-', '-', '-']
        row += [f'{mean("agreement") * 100:.1f} %', f'{mean("margin"):.2f}']
        say(f'{name} {kind}: {row}')
        whole = sum(t[0] for t in types.values())
        held = '; '.join(f'{k} {t[0] / whole * 100:.0f} % ({t[0] / max(t[1], 1e-9):.2f} of its dense time)'
                         for k, t in sorted(types.items(), key=lambda x: -x[1][0])[:4])
        return row, held

    def encoders(self):
        head = ('encoder', 'blocks changed', 'multiplies', 'mean ms', 'median ms', 'times dense (medians)', 'times onnxruntime', 'worst clip', 'best clip',
                'same label', 'margin')
        text = (f'## The encoder\'s share\n\nThe same five scenes ({", ".join(short(c) for c in ENCODER_CLIPS)}; their first '
                f'{self.o.frames or ENCODER_FRAMES} frames), from encoders as in cameras and recorders: MPEG-2 with an I picture every 15, H.264 (x264) every 50, no B '
                'pictures; hqdn3d is a light denoiser before the encoder. Over all frames, the first and the I pictures included, each frame the middle one of three passes, one thread; finding what changed, '
                'frame to tensor and network, against onnxruntime\'s `run()` and our full frame to tensor. Calibrated: for each clip alone, '
                f'{str(self.o.calibration_seconds) + " s, " if self.o.calibration_seconds else ""}to an agreement of 0.97 (person/no person 0.99). Margin: the best class\'s confidence less the next '
                'one\'s, dense. Goals: 1.6 times onnxruntime exact, 5 times calibrated.\n\n')
        for name in TRAINED:
            if self.o.models and not any(m in name for m in self.o.models):
                continue
            model = self.trained(name)
            if not model:
                continue
            theirs = median([self.ort(model) for _ in range(self.o.pairs)]) if self.has_ort else None
            text += f'### {TRAINED[name][0]}\n\n' + (f'onnxruntime {theirs:.3f} ms a frame.\n\n' if theirs else '')
            for kind in self.o.kinds:
                rows, held = [], []
                for encoder in ENCODERS:
                    if self.o.encoders and not any(e in encoder[0] for e in self.o.encoders):
                        continue
                    row, what = self.encoder_row(name, model, encoder, theirs, kind)
                    if row:
                        rows.append(row)
                        held.append((encoder[0], what))
                if rows:
                    text += f'{kind}\n\n' + table(head, rows) + '\n'
                    text += ''.join(f'Time goes to, {kind}, {e}: {w}.\n\n' for e, w in held[:1] + held[-1:])
        return text

    def shipped(self):
        """The models of models/, on the clips beside them, which they know."""
        rows, folder = [], os.path.join(ROOT, 'models')
        trees = [(kind, sorted(glob.glob(os.path.join(folder, 'clips', kind, '*', '*_g01_c01.*')))) for kind in ('mpeg2', 'h264')]
        for name in ('activities', 'alexnet', 'squeezenet'):
            model = os.path.join(folder, name + '.onnx')
            clips = trees if name != 'activities' else [(os.path.basename(c), [c]) for c in sorted(glob.glob(os.path.join(folder, 'clips', '*.*')))
                                                        if c.endswith(('.ts', '.mpg'))]
            if not os.path.exists(model):
                continue
            theirs = median([self.ort(model) for _ in range(self.o.pairs)]) if self.has_ort else None
            for kind, paths in clips:
                for tolerance in (0, -1):
                    try:
                        done = [self.encoder_clip(model, c, tolerance, collections.defaultdict(lambda: [0.0, 0.0])) for c in paths]
                    except RuntimeError as e:
                        self.lacks(f'{name} on {kind}: {e}')
                        continue
                    if not done:
                        continue
                    frames = sum(c['frames'] for c in done)
                    mean = {k: sum(c[k] * c['frames'] for c in done) / frames for k in done[0]}
                    rows.append((name, kind, len(done), frames, 'exact' if tolerance == 0 else 'calibrated', f'{mean["blocks"] * 100:.0f} %',
                                 f'{mean["multiplies"] * 100:.0f} %', f'{mean["mean"]:.3f}', f'{mean["median"]:.3f}', f'{mean["dense"] / mean["beside"]:.2f}',
                                 f'**{(theirs + mean["tensor"]) / mean["mean"]:.2f}**' if theirs else '-', f'{mean["agreement"] * 100:.1f} %',
                                 f'{mean["margin"]:.2f}'))
                    say(f'shipped {rows[-1]}')
        return ('## The shipped models\n\nOn rendered clips (`models/clips`), whose activities they were trained on: what calibration can do where a model has '
                'margin. As above otherwise.\n\n' + table(('model', 'clips', 'of them', 'frames', 'kind', 'blocks changed', 'multiplies', 'mean ms', 'median ms',
                                                           'times dense (medians)', 'times onnxruntime', 'same label', 'margin'), rows))

    def kernels(self):
        program = os.path.join(self.o.build, 'tests', 'kernels', 'bench-kernels')
        if not os.access(program, os.X_OK):
            self.lacks('bench-kernels')
            return ''
        lines = [json.loads(line) for line in self.command([program, '--json', '--kernel=igemm'] + ([f'--isa={self.o.isa}'] if self.o.isa else [])).splitlines() if line.startswith('{')]
        self.raw['kernels'] = lines
        isa = lines[0]['isa']
        peak = next(r['gflops'] for r in lines if r['kernel'] == 'peak')
        rows = [(r['shape'], f'{r["gflops"]:.0f}', f'**{r["of_peak"] * 100:.0f} %**', f'{r["times_openblas"]:.2f}')
                for r in lines if r['kernel'] == 'igemm' and r['isa'] == isa]
        return (f'## Indirect GEMM\n\n{isa}, one thread; this machine\'s multiply-add peak, measured in turn with it, was {peak:.0f} GFLOP/s. Goal: '
                '85 % on AlexNet\'s conv2 to conv5 and ResNet\'s 3x3 layers.\n\n' + table(('shape', 'GFLOP/s', 'of peak', 'times OpenBLAS'), rows))

    def layer(self):
        program = os.path.join(self.o.build, 'tests', 'bench', 'study-layer')
        if not os.access(program, os.X_OK):
            self.lacks('the benchmark of a single layer on a 3840x2160 frame')
            return ''
        text = self.command([program, '--markdown'])
        return text.replace('## One first layer\n', '## One first layer\n\nThe original study\'s hard case. Goals: at 99 % unchanged 40 times as fast '
                            'as our own dense, at 90 % 7 times; even at or above 90 % changed.\n')

    def head(self):
        cpu = next((line.split(':', 1)[1].strip() for line in open('/proc/cpuinfo') if line.startswith(('model name', 'Model'))), 'unknown')
        commit = subprocess.run(['git', '-C', ROOT, 'rev-parse', '--short=10', 'HEAD'], stdout=subprocess.PIPE).stdout.decode().strip()
        changed = subprocess.run(['git', '-C', ROOT, 'status', '--porcelain', '--untracked-files=no', ':!tests/bench/RESULTS.md'],
                                 stdout=subprocess.PIPE).stdout.strip()
        version = '-'
        if self.has_ort:
            version = json.load(open(os.path.join(self.o.ort, 'node_modules', 'onnxruntime-node', 'package.json')))['version']
        rows = [('commit', commit + (' with changes' if changed else '')), ('CPU', f'{cpu}, {os.cpu_count()} cores'),
                ('date', datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d %H:%M UTC')), ('onnxruntime', version),
                ('kernels', self.bench(self.net('squeezenet1.1'), '--sparsity', '1', '--frames', '2')['kernels'])]
        return ('# Measured\n\nWritten by `tests/bench/compare.py`; medians of pairs measured in turn on one machine. Networks of 224x224 have '
                'torchvision\'s shapes and seeded random weights (`tests/bench/models.py`).\n\n' + table(('', ''), rows))

    def run(self):
        parts = {'dense': self.dense, 'others': self.others, 'full': self.full, 'still': self.still, 'threads': self.threads, 'clips': self.clips_part,
                 'encoders': self.encoders, 'shipped': self.shipped,
                 'kernels': self.kernels, 'layer': self.layer}
        text = []
        for name in self.o.only:
            try:
                text.append(parts[name]())
            except (RuntimeError, OSError) as e:
                self.lacks(f'the part "{name}" failed: {e}')
        out = [self.head()] + [t for t in text if t]
        if self.missing:
            out.append('## Not measured\n\n' + ''.join(f'- {m}\n' for m in self.missing))
        # sections that other programs and runs with --isa put there stay (h264-rates.py)
        if os.path.exists(self.o.out):
            with open(self.o.out) as f:
                out += [t for t in re.split(r'^(?=## )', f.read(), flags=re.M)[1:] if t.startswith(('## deltaextract', '## AVX2', '## NEON'))]
        with open(self.o.out, 'w') as f:
            f.write('\n'.join(t.rstrip('\n') + '\n' for t in out))
        with open(os.path.join(self.o.work, 'raw.json'), 'w') as f:
            json.dump(self.raw, f, indent=1)
        say(f'written: {self.o.out}; raw figures: {os.path.join(self.o.work, "raw.json")}')


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('build')
    p.add_argument('--ort')
    p.add_argument('--shared', default=os.path.join(os.path.dirname(ROOT), 'shared'))
    p.add_argument('--work')
    p.add_argument('--out', default=os.path.join(HERE, 'RESULTS.md'))
    p.add_argument('--pairs', type=int, default=5)
    p.add_argument('--frames', type=int, default=0)
    p.add_argument('--calibrate', choices=('clip', 'all'), default='clip')
    p.add_argument('--calibration-seconds', type=int, default=60)
    p.add_argument('--models', default='')
    p.add_argument('--encoders', default='')
    p.add_argument('--kinds', default='exact,calibrated')
    p.add_argument('--only', default=','.join(PARTS))
    p.add_argument('--isa', choices=('avx512', 'avx2', 'neon', 'portable'))
    p.add_argument('--with', dest='prefix', default='')
    o = p.parse_args()
    o.build = os.path.abspath(o.build)
    o.ort = os.path.abspath(o.ort or os.environ.get('ORT_DIR') or o.build)
    o.work = os.path.abspath(o.work or os.path.join(o.build, 'compare'))
    o.only = o.only.split(',')
    o.models, o.encoders, o.kinds = ([x for x in v.split(',') if x] for v in (o.models, o.encoders, o.kinds))
    if set(o.only) - set(PARTS) or o.pairs < 1:
        p.error(f'--only takes {", ".join(PARTS)}; --pairs at least 1')
    Compare(o).run()


if __name__ == '__main__':
    main()
