# Classifiers as exporters of different years write them, against onnxruntime; and what is said of those that cannot be run.
# SPDX-License-Identifier: LGPL-2.1-or-later
#   test_exporters.py RUN_NET RUNNER.cjs BUILD_DIR WORK_DIR
# Needs the onnx package (Debian's python3-onnx), and onnxruntime-node as test_onnxruntime.py does.
import json
import os
import re
import shutil
import subprocess
import sys

import numpy

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import tap  # noqa: E402
from test_onnxruntime import find_modules  # noqa: E402


def make_frames(example):
    """Three; the second one is the first but for a corner, so that a delta run has something to reuse."""
    rng = numpy.random.default_rng(5)
    frames = rng.uniform(-1, 1, (3, *example.shape[1:])).astype('<f4')
    if example.bytes:
        frames = numpy.round((frames + 1) * 127.5).astype('<f4')
    frames[1] = frames[0]
    frames[1, ..., :9, :7] = frames[2, ..., :9, :7]
    return frames


def as_ours(frames, example):
    """Pictures that the model takes as [N,H,W,C] are [N,C,H,W] here."""
    last = example.shape[3] == 3 and example.shape[1] != 3
    return numpy.ascontiguousarray(frames.transpose(0, 3, 1, 2)) if last else frames


def compare(report, run_net, example, model, frames, wanted, name):
    ours, given = model + '.ours', model + '.frames'
    as_ours(frames, example).tofile(given)
    for options in (['--dense'], ['--partial']):
        run = subprocess.run([run_net, model, '--classifier', '--input', given, '--output', ours, *options], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, check=False)
        if run.returncode:
            return report.case(False, name, run.stderr)
        got = numpy.fromfile(ours, '<f4')
        if got.size != wanted.size:
            return report.case(False, name, f'{got.size} numbers instead of {wanted.size}')
        off = numpy.abs(got - wanted)
        if example.off is None:
            level = 0.01  # of the last operator
            good = off.max() <= 1.001 * level and (off < 1e-4 * level).mean() >= 0.8
        else:
            good = off.max() <= example.off * numpy.abs(wanted).max()
        if not good or numpy.ptp(wanted) == 0:
            return report.case(False, name, f'{options[0]}: off by {off.max()} of {numpy.abs(wanted).max()}')
    return report.case(True, name)


def main():
    run_net, runner, build, work = sys.argv[1:]
    modules = find_modules(build)
    try:
        import exporters
        import exporters_attention
    except ImportError as error:
        tap.skip_all(f'{error}')
    if not shutil.which('node') or not modules:
        tap.skip_all('no node' if not shutil.which('node') else 'no onnxruntime-node in ORT_DIR or the build folder')
    os.makedirs(work, exist_ok=True)
    report = tap.Tap()
    styles = {**exporters.styles(), **exporters_attention.styles()}
    # One onnxruntime for all of them: its start takes longer than they do.
    jobs, frames = [], {}
    for i, (name, example) in enumerate(styles.items()):
        path = os.path.join(work, f'{i}.onnx')
        for end, model in (('', example.model), ('.same', example.same)):
            if model:
                with open(path + end, 'wb') as file:
                    file.write(model.SerializeToString())
        frames[name] = make_frames(example)
        frames[name].tofile(path + '.given')
        jobs.append({'model': path + ('.same' if example.same else ''), 'input': path + '.given', 'output': path + '.wanted'})
    listing = os.path.join(work, 'jobs.json')
    with open(listing, 'w') as file:
        json.dump(jobs, file)
    said = subprocess.run(['node', runner, modules, '--jobs', listing], stdout=subprocess.PIPE, text=True, check=True).stdout
    failed = json.loads(said)
    for i, (name, example) in enumerate(styles.items()):
        path = os.path.join(work, f'{i}.onnx')
        if failed[i]:
            report.case(False, name, f'onnxruntime: {failed[i]}')
        else:
            compare(report, run_net, example, path, frames[name], numpy.fromfile(path + '.wanted', '<f4'), name)
    for name, wanted in exporters.RANGES.items():
        path = os.path.join(work, f'{list(styles).index(name)}.onnx')
        said = json.loads(subprocess.run([run_net, '--classifier', path], stdout=subprocess.PIPE, check=True).stdout)
        got = said['input_max'], said['input_bgr']
        report.case(got == wanted, f'range of the picture: {name}', f'{got} instead of {wanted}')
    for name, (model, pattern) in {**exporters.refusals(), **exporters_attention.refusals()}.items():
        path = os.path.join(work, 'refused.onnx')
        with open(path, 'wb') as file:
            file.write(model.SerializeToString())
        run = subprocess.run([run_net, '--classifier', path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        report.case(run.returncode == 1 and re.search(pattern, run.stderr), f'refused: {name.replace("_", " ")}', run.stderr)
    return report.end()


if __name__ == '__main__':
    sys.exit(main())
