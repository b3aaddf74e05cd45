#!/usr/bin/env python3
# Every classifier of torchvision, as PyTorch's own exporter writes it, against onnxruntime: whole frames, and a frame of
# which a part changed.  Not part of the test run: it needs Debian's python3-torchvision.
# SPDX-License-Identifier: LGPL-2.1-or-later
#   ORT_DIR=FOLDER check_torchvision.py BUILD [--opset N] [--script] [--most MB] [NAME...]
#     --opset N     of the exported file (13)
#     --script      export the scripted module instead of a traced one
#     --most MB     leave out networks with more weights than that (150)
# Weights are seeded and random, batch normalisations as after training.  Prints a line per network; exit status 1 where
# one is refused or differs by more than 2e-5 of the largest score.
import argparse
import os
import subprocess
import sys
import tempfile
import warnings

import numpy
import torch
import torchvision

BOUND = 2e-5


def network(name):
    torch.manual_seed(1)
    options = {'init_weights': True} if name in ('googlenet', 'inception_v3') else {}
    net = getattr(torchvision.models, name)(weights=None, **options).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    if hasattr(net, 'heads'):  # zeros otherwise: nothing to compare
        torch.nn.init.normal_(net.heads[-1].weight, std=0.05)
    return net


def weights_mb(name):
    return torchvision.models.get_model_weights(name).DEFAULT.meta['num_params'] * 4e-6


def compare(build, runner, model, size, work):
    given, wanted, got = (os.path.join(work, name) for name in ('in.f32', 'ort.f32', 'ours.f32'))
    rng = numpy.random.default_rng(3)
    frames = numpy.repeat(rng.standard_normal((1, 3, size, size)), 2, axis=0).astype('<f4')
    frames[1, :, : size // 3, : size // 3] += 0.5
    frames.tofile(given)
    subprocess.run(['node', runner, os.environ['ORT_DIR'], model, given, wanted], check=True)
    ours = subprocess.run([os.path.join(build, 'tests/net/run-net'), model, '--input', given, '--output', got], text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if ours.returncode:
        return False, ours.stderr.strip()
    wanted, got = (numpy.fromfile(path, '<f4') for path in (wanted, got))
    error = numpy.abs(wanted - got).max() / numpy.abs(wanted).max()
    return bool(error <= BOUND), f'{error:.1e} of the largest score'


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('build')
    parser.add_argument('--opset', type=int, default=13)
    parser.add_argument('--script', action='store_true')
    parser.add_argument('--most', type=float, default=150)
    parser.add_argument('names', nargs='*')
    args = parser.parse_args()
    warnings.filterwarnings('ignore')
    torch.set_num_threads(1)
    runner = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'onnxruntime.cjs')
    names = args.names or [n for n in torchvision.models.list_models(torchvision.models) if weights_mb(n) <= args.most]
    failed = 0
    for name in names:
        with tempfile.TemporaryDirectory() as work:
            model, size = os.path.join(work, name + '.onnx'), 299 if name == 'inception_v3' else 224
            try:
                net = torch.jit.script(network(name)) if args.script else network(name)
                torch.onnx.export(net, torch.rand(1, 3, size, size), model, opset_version=args.opset)
            except Exception as error:  # of many kinds: the exporter does not know all of its own networks
                print(f'{name}: PyTorch cannot export it: {str(error).splitlines()[0][:100]}', flush=True)
                continue
            ok, text = compare(args.build, runner, model, size, work)
            failed += not ok
            print(f'{name}: {"ok" if ok else "WRONG"}, {text}', flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
