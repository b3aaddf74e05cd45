#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""deltacnn-eval as a user runs it: its figures counted again from the element's own messages in a plain pipeline, its
files against each other, and what it says to bad input.

test-eval.py SOURCE-ROOT BUILD-ROOT DELTACNN-EVAL; prints TAP.  Times are not tested, only that they fit together.
"""
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

from tool import call, interrupt, tap, tmp

ROOT, BUILD, EVAL = map(os.path.abspath, sys.argv[1:4])
MODEL = os.path.join(ROOT, 'models', 'activities.onnx')
LABELS = open(os.path.join(ROOT, 'models', 'activities.labels.txt'), encoding='utf-8').read().split()
CLIPS = os.path.join(ROOT, 'models', 'clips')
FRAMES = 70
# The third is a clip of somebody who waves: its frames are wrong, so that nothing is right by having no choice.
TREE = {'HandWaving/v_HandWaving_g01_c01.ts': 'demo.ts', 'Walking/v_Walking_g01_c01.mpg': 'demo-outdoors.mpg',
        'boxing/v_boxing_g01_c01.ts': 'demo.ts'}
# of a way: properties of the element in a pipeline
WAYS = {'dense': 'mode=dense', 'delta/codec': '', 'delta/codec/calibrated': 'tolerance=-1', 'delta/pixel/tolerance=0.3': 'source=pixel tolerance=0.3'}


def make_tree(name, files):
    top = os.path.join(tmp, name)
    for path, clip in files.items():
        to = os.path.join(top, path)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if clip:
            os.symlink(os.path.join(CLIPS, clip), to)
    os.makedirs(top, exist_ok=True)
    return top


def write(name, text):
    path = os.path.join(tmp, name)
    with open(path, 'w', encoding='utf-8', newline='') as f:
        f.write(text)
    return path


def run(*args, status=0):
    return call(EVAL, '--threads', '1', *args, status=status, timeout=250)


def rows_of(path):
    with open(path, encoding='utf-8', newline='') as f:
        return list(csv.DictReader(f))


def close(a, b, bound=1e-5):
    return abs(a - b) <= bound * max(abs(a), abs(b), 1e-30)


def messages(clip, properties, frames):
    """[(best class, [confidence of each class], multiplies)] of the first frames, from gst-launch-1.0 -m."""
    decode = ['h264parse', '!', 'deltaextract', '!', 'avdec_h264'] if clip.startswith('h264/') else ['deltaextract', '!', 'avdec_mpeg2video']
    env = dict(os.environ, GST_PLUGIN_PATH=os.path.join(BUILD, 'gst'), GST_REGISTRY=os.path.join(tmp, 'registry.bin'), LC_ALL='C')
    command = ['gst-launch-1.0']
    if env.get('DCN_PRELOAD'):
        env['GST_REGISTRY_FORK'] = 'no'
        command = ['env', 'LD_PRELOAD=' + env['DCN_PRELOAD']] + command
    p = subprocess.run(command + ['-m', 'filesrc', 'location=' + os.path.join(CLIPS, clip), '!', 'parsebin', '!', *decode, '!', 'deltacnn',
                                  'model-file=' + MODEL, 'post-messages=true', 'top-k=10', *properties.split(), '!', 'fakesink',
                                  f'num-buffers={frames}'],
                       env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=250)
    out = []
    for line in p.stdout.decode().replace('\\', '').splitlines():
        head, _, results = line.partition(', results=')
        if not results or ': deltacnn,' not in head:
            continue
        scores = [0.0] * len(LABELS)
        for i, c in re.findall(r'index=\(uint\)(\d+), confidence=\(double\)([-+.\de]+)', results):
            scores[int(i)] = float(c)
        assert abs(sum(scores) - 1) < 1e-4, line
        out.append((int(re.search(r'[ ,]index=\(uint\)(\d+)', head).group(1)), scores,
                    float(re.search(r'multiplies=\(double\)([-+.\de]+)', head).group(1))))
    assert len(out) >= frames, p.stderr.decode()[-2000:]
    return out[:frames]


def recount(tree, ways, n_frames):
    """What the figures of each way have to be, from the messages."""
    seen = {(w, c): messages(c, ways[w], n_frames) for w in ways for c in sorted(set(tree.values()))}
    folded = [name.lower() for name in LABELS]
    figures = {}
    for way in ways:
        right = same = clips = 0
        work = []
        for path, clip in tree.items():
            wanted = folded.index(path.split('/')[0].lower())
            frames, dense = seen[way, clip], seen['dense', clip]
            right += sum(f[0] == wanted for f in frames)
            same += sum(f[0] == d[0] for f, d in zip(frames, dense))
            mean = [sum(f[1][i] for f in frames) / n_frames for i in range(len(LABELS))]
            clips += mean.index(max(mean)) == wanted
            work += [f[2] for f in frames]
        n = n_frames * len(tree)
        figures[way] = (right / n, clips / len(tree), same / n, sum(work) / n)
    return figures


def check(rows, wanted):
    for way, figures in wanted.items():
        got = [float(rows[way][k]) for k in ('frame_accuracy', 'clip_accuracy', 'frame_agreement', 'multiplies')]
        assert all(close(a, b) for a, b in zip(got, figures)), f'{way}: {got}, counted from messages {figures}'


def test_figures():
    tree = make_tree('figures', TREE)
    files = {k: os.path.join(tmp, f'figures.{k}') for k in ('csv', 'layers-csv', 'frames-csv', 'json')}
    out, err = run('--model', MODEL, '--clips', tree, '--modes', ','.join(WAYS), '--frames', str(FRAMES), '--layers',
                   *(a for k, v in files.items() for a in ('--' + k, v)))
    assert not err, 'progress is for terminals'
    rows = {r['way']: r for r in rows_of(files['csv'])}
    assert list(rows) == list(WAYS), list(rows)
    wanted = recount(TREE, WAYS, FRAMES)
    check(rows, wanted)
    assert 0.2 < wanted['dense'][0] < 0.9 and wanted['dense'][1] < 1, wanted
    assert wanted['delta/codec'][2] == 1 and wanted['delta/codec/calibrated'][3] < 0.6 * wanted['delta/codec'][3], wanted

    # the other files tell the same
    report = json.load(open(files['json'], encoding='utf-8'))
    assert (report['model'], report['clips'], report['frames'], report['threads']) == ('activities.onnx', 3, 3 * FRAMES, 1), report
    assert (report['width'], report['height'], report['unreadable'], report['left_out']) == (320, 240, [], 0), report
    frames, layers = rows_of(files['frames-csv']), rows_of(files['layers-csv'])
    assert len(frames) == 3 * FRAMES * len(WAYS)
    for w in report['ways']:
        row = rows[w['way']]
        for a, b in ((w['frame_accuracy'], 'frame_accuracy'), (w['clip_accuracy'], 'clip_accuracy'), (w['frame_agreement'], 'frame_agreement'),
                     (w['multiplies'], 'multiplies'), (w['ms']['mean'], 'mean_ms'), (w['ms']['median'], 'median_ms'), (w['ms']['p99'], 'p99_ms'),
                     (w['stage_ms']['network'], 'network_ms'), (w['times_dense']['mean'], 'times_dense_mean'), (w['tolerance'], 'tolerance')):
            assert close(a, float(row[b])), (w['way'], b, a, row[b])
        assert (w['mode'], w['source']) == (row['mode'], row['source'])
        assert sum(w['reuse'].values()) == 3 * FRAMES and set(w['class_accuracy']) == {'HandWaving', 'Walking', 'boxing'}
        mine = [f for f in frames if f['way'] == w['way']]
        assert close(sum(f['right'] == '1' for f in mine) / len(mine), w['frame_accuracy'])
        assert [f['right'] for f in mine] == ['1' if f['best'].lower() == f['class'].lower() else '0' for f in mine]
        assert close(sum(float(f['ms']) for f in mine) / len(mine), w['ms']['mean'], 1e-3)
        assert close(sum(w['stage_ms'].values()), w['ms']['mean'], 1e-3) and w['ms']['mean'] <= w['element_ms'] * 1.001
        ms = sorted(float(f['ms']) for f in mine)
        assert close(w['ms']['p99'], ms[-(-len(ms) * 99 // 100) - 1], 1e-4) and ms[0] <= w['ms']['median'] <= w['ms']['p99']
        for column, part in [('first_ms', [f for f in mine if f['frame'] == '0'])] + [(t.lower() + '_ms', [f for f in mine if f['picture'] == t])
                                                                                      for t in 'IPB']:
            assert close(float(row[column]), sum(float(f['ms']) for f in part) / len(part), 1e-3), (w['way'], column)
        assert {f['picture'] for f in mine} == {'I', 'P', 'B'} and mine[0]['picture'] == 'I', {f['picture'] for f in mine}
        assert close(sum(float(x['ms']) for x in layers if x['way'] == w['way']), sum(x['ms'] for x in w['layers']), 1e-3)
        assert all(float(x['median_ms']) <= float(x['p99_ms']) for x in layers)
        for x, y in zip(w['layers'], (x for x in layers if x['way'] == w['way'])):
            assert x['name'] == y['name'] and close(x['median_ms'], float(y['median_ms'])) and close(x['p99_ms'], float(y['p99_ms'])), (x, y)
        # half of the frames take the median or less
        assert 0.5 * sum(x['median_ms'] for x in w['layers']) <= w['stage_ms']['network']
        assert 0.3 * w['stage_ms']['network'] < sum(x['ms'] for x in w['layers']) <= w['stage_ms']['network'] * 1.001
    assert (rows['dense']['times_dense_mean'], rows['dense']['multiplies'], rows['dense']['full']) == ('1', '1', str(3 * FRAMES))

    # and so does the table
    for way, row in rows.items():
        figures = [float(row[k]) * 100 for k in ('frame_accuracy', 'clip_accuracy', 'frame_agreement', 'multiplies')]
        text = r'^{} +{:.2f} +{:.2f} +{:.2f} +{:.1f} +{:.3f} '.format(re.escape(way), *figures, float(row['mean_ms']))
        assert re.search(text, out, re.M), (text, out)
    assert re.search(r'^conv1 +first conv 5x5 strided +3x96x128 -> 24x48x64 +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+$', out, re.M), out


def test_h264_by_a_list():
    """The shipped tree of H.264 clips, of which a list takes three."""
    names = [f'{c}/v_{c}_g01_c01.avi' for c in ('Bowling', 'Handstand', 'PullUps')]
    # of what the codec told: the default of the element
    ways = {'dense': 'mode=dense', 'delta': 'source=codec'}
    path = os.path.join(tmp, 'h264.csv')
    out, _ = run('--model', MODEL, '--clips', os.path.join(CLIPS, 'h264'), '--list', write('three.txt', '\n'.join(names)), '--modes', 'delta',
                 '--csv', path)
    assert re.search(r'^3 clips of 3 classes, 120 frames of 320x240; codec read in 3$', out, re.M), out
    check({r['way']: r for r in rows_of(path)}, recount({n: 'h264/' + n for n in names}, ways, 40))


def quick(*args, status=0, model=MODEL):
    """Two frames of each clip, JSON."""
    out, err = run('--model', model, '--frames', '2', '--modes', 'delta', '--json', '-', *args, status=status)
    return json.loads(out) if status == 0 else (out, err)


def test_plots():
    """The figures drawn from files that deltacnn-eval wrote."""
    if not shutil.which('gnuplot'):
        raise tap.Skip('no gnuplot')
    data = os.path.join(tmp, 'plots')
    os.makedirs(data)
    tree = make_tree('plotted', {'Walking/v.mpg': 'demo-outdoors.mpg'})
    run('--model', MODEL, '--clips', tree, '--modes', 'dense,delta/codec,delta/codec/calibrated', '--frames', '20', '--csv', f'{data}/latency-mpeg2.csv',
        '--layers-csv', f'{data}/layers-mpeg2.csv', '--frames-csv', f'{data}/timeline.csv')
    shutil.copy(f'{data}/latency-mpeg2.csv', f'{data}/accuracy-mpeg2.csv')
    p = subprocess.run([os.path.join(ROOT, 'docs', 'plots.sh'), data], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    assert p.returncode == 0, p.stdout.decode()
    # what was not measured is missing, and said to be
    assert 'layer-4k.csv is missing' in p.stdout.decode() and not os.path.exists(f'{data}/fig8-sparsity.svg')
    for name, words in (('fig6-layers', ('conv1', 'conv10', 'delta, calibrated')), ('fig7-ways', ('delta/codec/calibrated', '100.0', 'MPEG-2')),
                        ('timeline', ('v.mpg', 'I picture', 'P picture', 'B picture'))):
        svg = open(f'{data}/{name}.svg', encoding='utf-8').read()
        text = ' '.join(''.join(t.itertext()) for t in xml.etree.ElementTree.fromstring(svg).iter('{http://www.w3.org/2000/svg}text'))
        assert all(w in text for w in words), (name, text)
        assert open(f'{data}/{name}.png', 'rb').read(8) == b'\x89PNG\r\n\x1a\n'


def test_all_ways_by_default():
    tree = make_tree('default', {'Walking/a.mpg': 'demo-outdoors.mpg'})
    out, _ = run('--model', MODEL, '--clips', tree, '--frames', '3', '--csv', '-')
    rows = list(csv.DictReader(io.StringIO(out)))
    inspect = subprocess.run([EVAL, '--model', MODEL, '--clips', tree, '--modes', 'moon'], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    # what there is the error says
    words = {name: set(values.split(', ')) for name, values in re.findall(r'(\w+) \(([^)]*)\)', inspect.stderr.decode())}
    assert {r['mode'] for r in rows} == words['mode'] and {r['source'] for r in rows} >= words['source'] - {'auto'}, (rows, words)
    assert {float(r['tolerance']) for r in rows} == {0, -1} and rows[0]['way'] == 'dense'
    for r in rows:
        assert float(r['mean_ms']) > 0 and 0 <= float(r['multiplies']) <= 1.1 and r['frames'] == '3', r


def test_interrupted():
    # most of the time goes into computing, between one clip's decoding and the next one's
    tree = make_tree('long', {f'Walking/{i}.mpg': 'demo-outdoors.mpg' for i in range(60)})
    written = os.path.join(tmp, 'long.csv')
    for after in (0.1, 0.6, 1.1):
        out, _ = interrupt(EVAL, '--threads', '1', '--model', MODEL, '--clips', tree, '--frames', '30', '--csv', written, after=after)
        assert not out and not os.path.exists(written), out


def test_lists():
    tree = make_tree('lists', TREE)
    names = list(TREE)
    plain = quick('--clips', tree, '--list', write('some.txt', '\r\n'.join(names[:2]) + '\r\n'))
    assert plain['clips'] == plain['listed'] == 2 and [w['way'] for w in plain['ways']] == ['dense', 'delta']
    write('classInd.txt', '1 Boxing\n2 HandWaving\n3 Walking\n')
    numbered = quick('--clips', tree, '--list', write('numbered.txt', f'{names[0]} 2\n\n{names[1]} 3\n{names[2]} 1\n'))
    assert numbered['clips'] == 3 and set(numbered['ways'][0]['class_accuracy']) == {'HandWaving', 'Walking', 'boxing'}
    write(os.path.join(tree, 'inside.txt'), names[1])
    assert quick('--clips', tree, '--list', 'inside.txt')['clips'] == 1
    shipped = os.path.join(CLIPS, 'mpeg2')
    for name in ('testlist01.txt', 'trainlist01.txt'):
        assert quick('--clips', shipped, '--list', name)['clips'] == len(LABELS)
    # of three clips the first and the last
    limited = os.path.join(tmp, 'limited.csv')
    sample = quick('--clips', tree, '--limit', '2', '--frames-csv', limited)
    assert (sample['clips'], sample['listed'], sample['frames']) == (2, 3, 4)
    assert {r['clip'] for r in rows_of(limited)} == {names[0], names[2]}, rows_of(limited)


def test_model_without_labels():
    tree = make_tree('unlabelled', TREE)
    for name in ('onnx', 'modelinfo'):
        text = open(os.path.join(ROOT, 'models', 'activities.' + name), 'rb').read()
        with open(os.path.join(tmp, 'nolabels.' + name), 'wb') as f:
            f.write(re.sub(rb'(?m)^labels=.*\n', b'', text) if name == 'modelinfo' else text)
    model = os.path.join(tmp, 'nolabels.onnx')
    _, err = quick('--clips', tree, status=1, model=model)
    assert 'classInd.txt' in err and 'nolabels.onnx' in err, err
    write(os.path.join(tree, 'classInd.txt'), ''.join(f'{i} {name}\n' for i, name in enumerate(LABELS, 1)))
    assert quick('--clips', tree, model=model)['ways'][0]['class_accuracy'] == quick('--clips', tree)['ways'][0]['class_accuracy']
    assert quick('--clips', tree, '--labels', os.path.join(ROOT, 'models', 'activities.labels.txt'), model=model)['clips'] == 3


def test_said_once():
    """What holds for the model is said once, not by each way."""
    model = os.path.join(tmp, 'alone.onnx')
    shutil.copy(os.path.join(ROOT, 'models', 'activities.onnx'), model)
    labels = os.path.join(ROOT, 'models', 'activities.labels.txt')
    _, err = run('--model', model, '--labels', labels, '--clips', make_tree('alone', TREE), '--frames', '2', '--modes', 'dense,delta', '--json', '-')
    assert err.count('has no .modelinfo') == 1, err


def test_unknown_classes():
    tree = make_tree('unknown', dict(TREE, **{'Juggling/v.mpg': 'demo-outdoors.mpg', 'Diving/v.mpg': 'demo-outdoors.mpg'}))
    _, err = quick('--clips', tree, status=1)
    assert 'Diving, Juggling' in err and '--skip-unknown' in err and 'Walking' in err, err
    some = quick('--clips', tree, '--skip-unknown')
    assert (some['clips'], some['left_out'], some['unknown_classes']) == (3, 2, ['Diving', 'Juggling']), some
    none = make_tree('foreign', {'Juggling/v.mpg': 'demo-outdoors.mpg'})
    for args in ((), ('--skip-unknown',)):
        _, err = quick('--clips', none, *args, status=1)
        assert 'no class' in err and 'Juggling' in err and 'HandWaving' in err, err


def test_mixed_formats():
    """Clips of one tree need not have the same codec, nor the same caps."""
    tree = make_tree('mixed', {'Walking/a.mpg': 'demo-outdoors.mpg', 'Walking/b.avi': 'h264/Walking/v_Walking_g01_c01.avi',
                               'Walking/c.avi': 'mpeg2/Walking/v_Walking_g01_c01.avi'})
    assert quick('--clips', tree)['clips'] == 3


def test_unreadable_clip():
    tree = make_tree('unreadable', dict(TREE, **{'Lunges/cut.avi': None}))
    write(os.path.join(tree, 'Lunges', 'cut.avi'), 'RIFF, but no clip\n')
    path = os.path.join(tmp, 'unreadable.json')
    out, err = run('--model', MODEL, '--clips', tree, '--frames', '2', '--modes', 'delta', '--json', path, status=1)
    assert 'Lunges/cut.avi' in err and '1 of 4 clips' in err and re.search(r'^delta ', out, re.M), (out, err)
    report = json.load(open(path, encoding='utf-8'))
    assert report['clips'] == 3 and len(report['unreadable']) == 1 and 'cut.avi' in report['unreadable'][0]
    only = make_tree('onlybad', {'Walking/no.ts': None})
    write(os.path.join(only, 'Walking', 'no.ts'), '')
    _, err = run('--model', MODEL, '--clips', only, '--json', os.path.join(tmp, 'onlybad.json'), status=1)
    assert 'no.ts' in err and 'none of the 1' in err and not os.path.exists(os.path.join(tmp, 'onlybad.json')), err


def test_bad_use():
    tree = make_tree('bad', TREE)
    empty = make_tree('empty', {})
    hollow = make_tree('hollow', dict(TREE, **{'Lunges/nothing': None}))
    where = os.path.join(tmp, 'out.json')
    clips = ('--model', MODEL, '--clips', tree)
    write('classInd.txt', '1 Boxing\n2 HandWaving\n3 Walking\n')

    def listed(text):
        return clips + ('--list', write(f'list-{len(os.listdir(tmp))}.txt', text))
    for args, word in (((), '--model'), (('--model', MODEL), '--clips'), (('--model', '/none.onnx', '--clips', tree), '/none.onnx'),
                       (('--model', MODEL, '--clips', '/none'), '/none'), (('--model', MODEL, '--clips', empty), 'no folders with clips'),
                       (('--model', MODEL, '--clips', hollow), 'hollow/Lunges has no clips'),
                       (clips + ('--list', 'nolist.txt'), 'nolist.txt'), (listed(''), 'names no clip'), (listed('Walking/gone.avi\n'), 'Walking/gone.avi'),
                       (listed('\nWalking/../../secret.avi'), 'line 2'), (listed('/etc/passwd'), 'not below'), (listed('clip.avi'), 'in no folder'),
                       (listed(list(TREE)[1] + ' 1\n'), 'number 1, but 3'), (listed('HandWaving'), 'HandWaving'), (listed('\0'), 'not a text file'),
                       (clips + ('--modes', 'moon'), '"moon"'), (clips + ('--modes', ''), '--modes'), (clips + ('--modes', 'delta/dense'), 'mode is given twice'),
                       (clips + ('--modes', 'delta,delta'), 'delta is given twice'), (clips + ('--modes', 'delta/tolerance=-2'), '"-2"'),
                       (clips + ('--modes', 'delta/tolerance=much'), '"much"'), (clips + ('--modes', 'delta/model-file=x'), 'model-file'),
                       (clips + ('--modes', 'delta//codec'), 'what is ""'), (clips + ('--threads', '-1'), '--threads'), (clips + ('--limit', '-1'), '--limit'),
                       (clips + ('--frames', '-1'), '--limit'), (clips + ('--labels', '/none.txt'), '/none.txt'), (clips + ('--csv', tree), 'folder'),
                       (clips + ('--csv', os.path.join(tmp, 'no', 'where.csv')), 'where.csv'), (clips + ('--csv', '-', '--json', '-'), 'standard output'),
                       (clips + ('what',), 'what'), (clips + ('--what',), 'what')):
        out, err = run(*args, *(() if '--json' in args else ('--json', where)), status=1)
        assert err.startswith('deltacnn-eval: ') and err.count('\n') == 1 and word in err, f'{args}: {err}'
        assert not out and not os.path.exists(where), args
    plain = os.path.join(tmp, 'plain.onnx')
    shutil.copy(MODEL, plain)
    write('plain.modelinfo', '[deltacnn]\nlabels=' + os.path.join(ROOT, 'models', 'activities.labels.txt') + '\n')
    _, err = run('--model', plain, '--clips', tree, '--modes', 'delta/calibrated', status=1)
    assert 'plain.onnx.modelinfo' in err and 'deltacnn-calibrate' in err, err
    assert not [f for f in os.listdir(tmp) if f.startswith('out.json')]


if __name__ == '__main__':
    sys.exit(tap.run(globals()))
