#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""deltacnn-bench as a user runs it: its JSON, its table, and what it says to bad input.

test-bench.py SOURCE-ROOT DELTACNN-BENCH; prints TAP.  Times are not tested, only that they fit together.
"""
import json
import os
import re
import shutil
import subprocess
import sys

from tool import call, interrupt, tap, tmp

ROOT, BENCH = map(os.path.abspath, sys.argv[1:3])
CLIP = os.path.join(ROOT, 'models', 'clips', 'demo.ts')
MODEL = os.path.join(ROOT, 'models', 'activities.onnx')
LABELS = os.path.join(ROOT, 'models', 'activities.labels.txt')


def run(*args, status=0):
    return call(BENCH, *args, status=status, timeout=200)


def bench(*args, model=MODEL):
    out, err = run('--model', model, '--threads', '1', '--json', '-', *args)
    assert not err, err
    return json.loads(out)


def close(a, b, bound=1e-9):
    return abs(a - b) <= bound * max(abs(a), abs(b), 1e-30)


def test_fields_on_a_clip():
    r = bench('--clip', CLIP, '--frames', '100', '--layers')
    assert r['model'] == 'activities.onnx' and r['clip'] == 'demo.ts' and r['sparsity'] is None
    assert (r['mode'], r['source'], r['tolerance'], r['threads'], r['frames'], r['runs']) == ('delta', 'auto', 0, 1, 100, 1), r
    assert (r['width'], r['height']) == (320, 240)
    for side in ('ms', 'dense_ms'):
        ms = r[side]
        assert set(ms) == {'mean', 'median', 'p99', 'first'} and all(v > 0 for v in ms.values()), ms
        assert ms['median'] <= ms['p99'], ms
    for side, stage in (('ms', 'stage_ms'), ('dense_ms', 'dense_stage_ms')):
        assert set(r[stage]) == {'changes', 'tensor', 'network'}
        assert close(sum(r[stage].values()), r[side]['mean'], 1e-6), (r[stage], r[side])
    # a static camera, and the codec tells all of it
    assert r['changes_from'] == {'codec': 99, 'pixels': 0, 'nothing': 0} and r['mismatches'] == 0
    assert sum(r['reuse'].values()) == 99
    # how many frames are done in full is the cost model's choice: some are not
    assert 0.05 < r['value_fraction'] < r['mac_fraction'] < 1, (r['value_fraction'], r['mac_fraction'])
    # exact means exact
    assert r['top1_agreement'] == 1 and 0 <= r['mean_rel_error'] <= r['max_rel_error'] < 1e-4, r['max_rel_error']
    assert r['bytes']['weights'] > 1e6 and r['bytes']['caches'] <= 2.5 * r['bytes']['activations'], r['bytes']


def test_version():
    """Of all tools, which share it."""
    with open(os.path.join(ROOT, 'meson.build')) as f:
        version = re.search(r"version: '([^']+)'", f.read()).group(1)
    for tool in ('bench', 'calibrate', 'eval', 'inspect', 'run', 'transfer'):
        path = os.path.join(os.path.dirname(BENCH), f'deltacnn-{tool}')
        out, err = call(path, '--version', timeout=20)
        assert re.fullmatch(rf'deltacnn-{tool} {re.escape(version)}\n', out) and not err, (out, err)


def test_full_disk():
    """The file that cannot be written is named, not the one that is read."""
    os.makedirs(os.path.join(tmp, 'full'))
    os.symlink('/dev/full', os.path.join(tmp, 'full', 'demo-annotated.mkv'))
    _, err = call(os.path.join(os.path.dirname(BENCH), 'deltacnn-run'), '--model', MODEL, '--clip', CLIP, '-n', '20',
                  '--quiet', '--compare', '0', '--output', 'full', status=1)
    assert err.startswith('deltacnn-run: full/demo-annotated.mkv: '), err


def test_interrupted():
    written = os.path.join(tmp, 'long.json')
    for after in (0, 0.5):  # while it decodes, and while it measures
        interrupt(BENCH, '--model', MODEL, '--clip', CLIP, '--runs', '500', '--json', written, after=after)
        assert not os.path.exists(written)


def test_layers():
    r = bench('--clip', CLIP, '--frames', '40', '--layers')
    layers, types = r['layers'], r['types']
    assert close(sum(x['share'] for x in layers), 1, 1e-6) and close(sum(x['share'] for x in types), 1, 1e-6)
    assert sum(x['layers'] for x in types) == len(layers)
    for side, stage in (('ms', 'stage_ms'), ('dense_ms', 'dense_stage_ms')):
        total = sum(x[side] for x in layers)
        assert 0.3 * r[stage]['network'] < total <= r[stage]['network'] * 1.001, (side, total, r[stage])
        assert close(total, sum(x[side] for x in types), 1e-6)
    convs = [x for x in layers if re.search(r'conv \dx\d', x['type'])]
    assert len(convs) == 7 and convs[0]['shape'] == '3x96x128 -> 24x48x64', convs[0]
    assert all(x['gflops'] > 0 and x['dense_gflops'] > 0 for x in convs)
    assert {x['kernel'].split(' ')[0] for x in convs} & {'dgemm', 'mixed'}, 'nothing was done from differences'
    assert all(0 < x['value_fraction'] <= 1 for x in layers), [x['value_fraction'] for x in layers]


def test_dense_is_dense():
    r = bench('--clip', CLIP, '--frames', '10', '--mode', 'dense', '--layers')
    assert r['mode'] == 'dense' and r['mac_fraction'] == 1 and r['value_fraction'] == 1
    assert r['ms'] == r['dense_ms'] and r['top1_agreement'] == 1 and r['max_rel_error'] == 0
    assert r['reuse'] == {'full': 9, 'partial': 0, 'reused': 0}
    assert all(x['value_fraction'] == 1 and 'dgemm' not in x['kernel'] for x in r['layers'])


def study_layers(r):
    """Layers that the study's convolutions did: their parts are no longer than the whole."""
    layers = [x for x in r['layers'] if 'study' in x]
    n = r['frames'] - 1
    for x in layers:
        s = x['study']
        whole = (s['full_frames'] * (s['unfold_ms'] + s['dense_product_ms']) +
                 s['sparse_frames'] * (s['to_sparse_ms'] + s['sparse_product_ms'])) / n + s['rest_ms']
        assert close(whole, x['ms'], 1e-6), (whole, x)
        assert s['full_frames'] + s['sparse_frames'] == n, s
    return layers


def test_blas():
    r = bench('--clip', CLIP, '--frames', '10', '--mode', 'dense', '--engine', 'blas', '--layers')
    assert (r['mode'], r['engine']) == ('dense', 'blas') and r['mac_fraction'] == 1
    # the engine's own dense run is beside it
    assert r['ms'] != r['dense_ms'] and r['top1_agreement'] == 1 and 0 < r['max_rel_error'] < 1e-5
    assert r['reuse'] == {'full': 9, 'partial': 0, 'reused': 0}
    layers = study_layers(r)
    assert len(layers) == 8 and all(x['kernel'] == 'blas' and x['study']['dense_product_ms'] > 0 for x in layers)


def test_sparse():
    r = bench('--clip', CLIP, '--frames', '40', '--mode', 'sparse', '--layers')
    assert r['mode'] == 'sparse' and r['top1_agreement'] == 1 and 0 < r['max_rel_error'] < 1e-5
    # I pictures are done in full, one in 12 to 15
    full = r['reuse']['full']
    assert 2 <= full <= 3 and r['reuse'] == {'full': full, 'partial': 39 - full, 'reused': 0}, r['reuse']
    assert 0.05 < r['mac_fraction'] < 0.8, r['mac_fraction']
    layers = study_layers(r)
    convs = [x for x in layers if x['kernel'] == 'csr']
    assert len(layers) == 8 and len(convs) == 7, [x['kernel'] for x in layers]
    for x in convs:
        s = x['study']
        assert s['full_frames'] == full and 0 < s['density'] < 1 and s['to_sparse_ms'] > 0 and s['sparse_product_ms'] > 0, x
    exact = bench('--clip', CLIP, '--frames', '40', '--mode', 'delta', '--layers')
    # both find the same differences in the frames between
    assert r['layers'][0]['value_fraction'] < exact['layers'][0]['value_fraction'] + 0.1


def test_sparse_heuristic():
    r = bench('--clip', CLIP, '--frames', '40', '--mode', 'sparse-heuristic')
    exact = bench('--clip', CLIP, '--frames', '40', '--mode', 'sparse')
    assert r['reuse'] == exact['reuse'] and r['mac_fraction'] < exact['mac_fraction'] * 0.9
    assert 1e-3 < r['max_rel_error'], r['max_rel_error']


def test_nothing_changed():
    r = bench('--sparsity', '1', '--frames', '20')
    assert r['clip'] is None and r['sparsity'] == 1 and r['frames'] == 20
    assert r['value_fraction'] == 0 and r['mac_fraction'] == 0
    assert r['reuse'] == {'full': 0, 'partial': 0, 'reused': 19}
    assert r['top1_agreement'] == 1 and r['mismatches'] == 0
    assert r['ms']['median'] < r['dense_ms']['median'] / 2, (r['ms'], r['dense_ms'])


def test_more_changes_more_work():
    work = [bench('--sparsity', s, '--frames', '12', '--size', '320x240') for s in ('0', '0.5', '0.95', '0.99')]
    macs = [r['mac_fraction'] for r in work]
    assert macs[0] > 0.9 and macs == sorted(macs, reverse=True) and macs[-1] < 0.5, macs
    for r in work:
        # the made pictures keep their word: every claim is looked at in the first frames
        assert r['mismatches'] == 0 and r['changes_from']['codec'] == 11 and r['max_rel_error'] < 1e-4, r
        assert r['reuse']['reused'] == 0


def test_pixels_instead_of_the_codec():
    a, b = (bench('--clip', CLIP, '--frames', '50', '--source', s) for s in ('codec', 'pixel'))
    assert b['changes_from'] == {'codec': 0, 'pixels': 49, 'nothing': 0} and b['source'] == 'pixel'
    # what really changed is never more than what the codec said
    assert b['mac_fraction'] <= a['mac_fraction'] and b['top1_agreement'] == 1
    made = bench('--sparsity', '0.9', '--frames', '10', '--source', 'pixel')
    assert made['changes_from']['pixels'] == 9


def test_h264():
    if not shutil.which('ffmpeg'):
        raise tap.Skip('no ffmpeg')
    clip = os.path.join(tmp, 'h264.mp4')
    subprocess.run(['ffmpeg', '-nostdin', '-v', 'error', '-y', '-i', CLIP, '-frames:v', '30', '-c:v', 'libx264', '-preset', 'ultrafast', '-bf', '0',
                    clip], check=True, stdin=subprocess.DEVNULL)
    r = bench('--clip', clip)
    assert r['frames'] == 30 and r['changes_from']['codec'] == 29 and r['mismatches'] == 0, r
    assert r['value_fraction'] < 0.9 and r['top1_agreement'] == 1, r['value_fraction']


def test_tolerance():
    exact, loose = (bench('--clip', CLIP, '--frames', '60', '--tolerance', t) for t in ('0', '0.1'))
    assert loose['tolerance'] == 0.1 and loose['value_fraction'] < exact['value_fraction'] * 0.7
    assert loose['mac_fraction'] < exact['mac_fraction']
    assert 1e-4 < loose['max_rel_error'] < 1 and loose['top1_agreement'] > 0.9, (loose['max_rel_error'], loose['top1_agreement'])
    assert exact['tolerance'] == 0
    # with a margin that no lead passes, tolerances do nothing
    guarded = bench('--clip', CLIP, '--frames', '60', '--tolerance', '0.1', '--margin', '1')
    assert guarded['margin'] == 1 and guarded['max_rel_error'] < 1e-4 and guarded['top1_agreement'] == 1, guarded
    assert loose['redone'] == 0 and loose['margin'] == -1


def test_passes_are_equal():
    once, thrice = (bench('--clip', CLIP, '--frames', '20', '--runs', n) for n in ('1', '3'))
    assert thrice['runs'] == 3 and thrice['frames'] == 20
    for key in ('mac_fraction', 'value_fraction', 'reuse', 'max_rel_error', 'top1_agreement'):
        assert once[key] == thrice[key], key


def test_alone():
    r = bench('--clip', CLIP, '--frames', '10', '--alone', '--layers')
    assert r['dense_ms'] is None and r['top1_agreement'] is None and r['max_rel_error'] is None
    assert r['layers'][0]['dense_ms'] is None and r['layers'][0]['ms'] > 0


def test_kernels():
    r = bench('--sparsity', '0.9', '--frames', '5', '--size', '320x240', '--kernels', 'portable')
    assert r['kernels'] == 'portable' and r['max_rel_error'] < 1e-4
    # times of the same machine: plain C is slower, or the option does nothing
    if bench('--sparsity', '0', '--frames', '5')['kernels'] in ('avx2', 'avx512'):
        best = bench('--sparsity', '0.9', '--frames', '5', '--size', '320x240')
        assert best['dense_stage_median_ms']['network'] < r['dense_stage_median_ms']['network']


def test_multiplies_of_known_networks():
    try:
        import numpy  # noqa: F401
    except ImportError:
        raise tap.Skip('no numpy')
    sys.path.insert(0, os.path.join(ROOT, 'tests', 'bench'))
    import models
    for name, known in (('squeezenet1.1', 0.35e9), ('mobilenetv2', 0.30e9)):
        path, macs = models.write(tmp, name)
        r = bench('--sparsity', '1', '--frames', '2', model=path)
        assert r['macs_dense'] == macs, (r['macs_dense'], macs)
        assert abs(macs / known - 1) < 0.02, macs
        os.unlink(path)


def test_table():
    out, err = run('--model', MODEL, '--clip', CLIP, '--frames', '20', '--layers', '--threads', '2')
    assert not err, 'progress is for terminals'
    assert re.search(r'^activities.onnx on demo.ts$', out, re.M)
    assert re.search(r'^20 frames of 320x240, mode delta, tolerance 0, source auto, 2 threads, \w+ kernels$', out, re.M), out
    for row in ('delta', '  network', 'dense', '  frame to tensor'):
        assert re.search(rf'^  {row} +([0-9.]+) +[0-9.]+ +[0-9.]+ +[0-9.]+$', out, re.M), (row, out)
    assert 'same top label on 100.0 % of the frames' in out
    assert re.search(r'^conv1 +.*conv 5x5 strided +3x96x128 -> 24x48x64 ', out, re.M) and re.search(r'^by type ', out, re.M), out


def test_json_into_a_file():
    path = os.path.join(tmp, 'figures.json')
    out, _ = run('--model', MODEL, '--sparsity', '0.5', '--frames', '3', '--json', path)
    assert 'made frames with 50 % of the blocks unchanged' in out
    assert json.load(open(path))['sparsity'] == 0.5


def test_half_weights():
    """weights=float16: half of the memory of fully connected layers, the same classes, errors of rounding."""
    exact = bench('--clip', CLIP, '--frames', '20', '--mode', 'delta')
    half = os.path.join(tmp, 'half.onnx')
    shutil.copy(MODEL, half)
    shutil.copy(LABELS, tmp)
    with open(MODEL.replace('.onnx', '.modelinfo')) as f:
        text = f.read()
    with open(half + '.modelinfo', 'w') as f:
        f.write(text.replace('[deltacnn]\n', '[deltacnn]\nweights=float16\n'))
    r = bench('--clip', CLIP, '--frames', '20', '--mode', 'delta', model=half)
    assert r['bytes']['weights'] < exact['bytes']['weights'], (r['bytes'], exact['bytes'])
    assert r['bytes']['caches'] == exact['bytes']['caches'] and r['top1_agreement'] == 1 and r['max_rel_error'] < 1e-4, r


def test_bad_use():
    empty = os.path.join(tmp, 'empty.mpg')
    open(empty, 'w').close()
    on_frames = ('--model', MODEL, '--sparsity', '0.5')
    uncalibrated = os.path.join(tmp, 'uncalibrated.onnx')
    shutil.copy(MODEL, uncalibrated)
    for args, word in (((), '--model'), (('--model', MODEL), '--clip'), (('--model', '/none.onnx', '--sparsity', '0'), '/none.onnx'),
                       (('--model', LABELS, '--sparsity', '0'), 'activities.labels.txt'),
                       (('--model', MODEL, '--clip', '/none.mpg'), '/none.mpg'), (('--model', MODEL, '--clip', LABELS), 'activities.labels.txt'),
                       (('--model', MODEL, '--clip', empty), 'empty.mpg'), (('--model', MODEL, '--clip', tmp), tmp),
                       (('--model', MODEL, '--sparsity', '1.01'), '0 to 1'), (('--model', MODEL, '--sparsity', '-0.1'), '0 to 1'),
                       (('--model', MODEL, '--sparsity', 'nan'), '0 to 1'), (('--model', MODEL, '--sparsity', 'some'), 'some'),
                       (on_frames + ('--clip', CLIP), 'exclude'), (on_frames + ('--mode', 'fast'), '--mode'),
                       (on_frames + ('--mode', 'dense', '--engine', 'steam'), '--engine'),
                       (on_frames + ('--engine', 'blas'), '--mode dense'), (on_frames + ('--study-gop', '0'), '--study-gop'),
                       (on_frames + ('--source', 'moon'), '--source'), (on_frames + ('--tolerance', '-2'), '--tolerance'),
                       (on_frames + ('--margin', '1.1'), '--margin'), (on_frames + ('--margin', '-0.5'), '--margin'),
                       (('--model', uncalibrated, '--sparsity', '0', '--tolerance', '-1'), 'uncalibrated.onnx.modelinfo'), (on_frames + ('--frames', '1'), '--frames'),
                       (on_frames + ('--frames', '-3'), '--frames'), (on_frames + ('--runs', '0'), '--runs'),
                       (on_frames + ('--threads', '-1'), '--threads'), (on_frames + ('--size', '10x10'), '--size'),
                       (on_frames + ('--size', '640'), '--size'), (on_frames + ('--kernels', 'abacus'), 'abacus'),
                       (on_frames + ('--frames', '3', '--json', os.path.join(tmp, 'no', 'where')), 'where'), (('--what',), 'what'),
                       (('what',), 'what')):
        out, err = run(*args, status=1)
        assert err.startswith('deltacnn-bench: ') and err.count('\n') == 1 and word in err and not out, f'{args}: {err}{out}'


def test_not_a_classifier():
    """A model that has a picture for its output, by hand: nothing but an identity."""
    try:
        import numpy  # noqa: F401
    except ImportError:
        raise tap.Skip('no numpy')
    sys.path.insert(0, os.path.join(ROOT, 'models', 'activities'))
    import onnx_writer as onnx
    path = os.path.join(tmp, 'picture.onnx')
    shape = (1, 3, 16, 16)
    with open(path, 'wb') as f:
        f.write(onnx.model('picture', [onnx.node('Relu', ['x'], 'y')], {}, [('x', shape)], [('y', shape)]))
    _, err = run('--model', path, '--sparsity', '0', status=1)
    assert 'classifier' in err and 'picture.onnx' in err, err


if __name__ == '__main__':
    sys.exit(tap.run(globals()))
