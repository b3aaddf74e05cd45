#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""deltacnn-calibrate as a user runs it: what it writes, whether that holds in the element, what it says to bad input.

test-calibrate.py SOURCE-ROOT DELTACNN-CALIBRATE DELTACNN-RUN; prints TAP.  The oracle of agreement is the element itself in
dense mode, in a pipeline of its own (deltacnn-run --compare).
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from tool import SLOW, call, interrupt, plain_user, tap, tmp

ROOT, CALIBRATE, RUN = map(os.path.abspath, sys.argv[1:4])
CLIP = os.path.join(ROOT, 'models', 'clips', 'demo.ts')
OUTDOORS = os.path.join(ROOT, 'models', 'clips', 'demo-outdoors.mpg')
LABELS = os.path.join(ROOT, 'models', 'activities.labels.txt')
INFO = '''# mine
[modelinfo]
version=1.0

[input]
dir=input
type = float32
ranges=-1.0,1.0;-1.0,1.0;-1.0,1.0

[deltacnn]
# why
labels=activities.labels.txt
tolerance=relu1,77
color=rgb

[other]
tolerance=5
'''


def folder(info=INFO):
    """A folder with the shipped model and this .modelinfo; paths of both."""
    d = tempfile.mkdtemp(dir=tmp)
    os.chmod(d, 0o755)
    model = os.path.join(d, 'activities.onnx')
    shutil.copy(os.path.join(ROOT, 'models', 'activities.onnx'), model)
    shutil.copy(LABELS, d)
    path = os.path.join(d, 'activities.modelinfo')
    if info is not None:
        with open(path, 'w') as f:
            f.write(info)
    return model, path


def tiny():
    """A network of a few thousand multiplies, without a .modelinfo."""
    d = tempfile.mkdtemp(dir=tmp)
    subprocess.run([sys.executable, os.path.join(ROOT, 'tests', 'gst', 'make-models.py'), d], check=True)
    model = os.path.join(d, 'tiny.onnx')
    os.remove(model + '.modelinfo')
    return model


def read(path):
    with open(path) as f:
        return f.read()


def tolerances(path):
    """{name: tolerance} of the [deltacnn] section, read as text."""
    section = re.search(r'^\[deltacnn\]$(.*?)(^\[|\Z)', read(path), re.S | re.M)[1]
    lines = re.findall(r'^tolerance=(.*)$', section, re.M)
    assert len(lines) == 1, section
    pairs = [entry.rsplit(',', 1) for entry in lines[0].rstrip(';').split(';')]
    return {name: float(value) for name, value in pairs}


def agreement(model, *clip, tolerance='-1'):
    """(frames, of them with the label of dense, share of multiplies) by the element."""
    out, _ = call(RUN, '--model', model, '--no-video', '--quiet', '--compare', '1000', '--tolerance', tolerance, '--clip', *clip)
    same, frames = map(int, re.search(r'same top label on (\d+) of (\d+) frames', out).groups())
    return frames, same, float(re.search(r'multiplies done: ([0-9.]+) %', out)[1]) / 100


def test_what_is_written_holds_in_the_element():
    model, info = folder()
    out, _ = call(CALIBRATE, model, CLIP, '--agreement', '0.98', '--frames', '200', '--time', '15')
    found = tolerances(info)
    assert 'input' in found and 'relu1' in found and 'logits' not in found, found
    assert all(0 <= t <= 1 for t in found.values()) and max(found.values()) > 0.01, found
    # everything else as it was, to the byte
    kept = re.sub(r'^(# deltacnn-calibrate: .*|tolerance=input.*|margin=[0-9.e-]+)\n', '', read(info), flags=re.M)
    assert kept == INFO.replace('tolerance=relu1,77\n', ''), read(info)
    assert re.search(r'^# deltacnn-calibrate: agreement [01]\.\d+ on 15\d frames and [01]\.\d+ on \d+ held out, of 1 clip; 0.98 was',
                     read(info), re.M), read(info)

    frames, same, multiplies = agreement(model, CLIP, '--frames', '200')
    _, exact_same, exact = agreement(model, CLIP, '--frames', '200', tolerance='0')
    print(f'# {same} of {frames}, multiplies {multiplies:.3f} instead of {exact:.3f}')
    assert frames == 200 and exact_same == 200
    assert same >= 0.98 * frames, f'{same} of {frames}'
    assert multiplies < 0.6 * exact, f'{multiplies} of {exact}'
    # the margin that it was found with is written, and read
    margins = re.findall(r'^margin=(.*)$', read(info), re.M)
    assert margins == re.findall(r'^margin ([0-9.]+):', out, re.M), (margins, out)
    if margins:
        assert 0 < float(margins[0]) <= 1
        assert agreement(model, CLIP, '--frames', '200', '--margin', '0')[2] < multiplies
    # and the report says so
    searched, held_out = map(float, re.search(r'same class as dense +([01]\.\d+) +([01]\.\d+)', out).groups())
    n, m = map(int, re.search(r'^frames +(\d+) +(\d+)', out, re.M).groups())
    assert n + m == 200 and m >= 40, (n, m)
    # neither kind falls short by a whole frame (four digits are printed)
    assert (1 - searched) * n < 0.02 * n + 0.99 and (1 - held_out) * m < 0.02 * m + 0.99, (searched, held_out)
    # those on which only luck keeps the class are few, too; all that differ are among them
    sure = list(map(float, re.search(r'^would keep it at any lead +([01]\.\d+) +([01]\.\d+)', out, re.M).groups()))
    assert sure[0] <= searched and sure[1] <= held_out, out
    assert (1 - sure[0]) * n < 0.06 * n + 0.99 and (1 - sure[1]) * m < 0.06 * m + 0.99, sure
    assert abs(searched * n + held_out * m - same) <= 1.01, (searched * n + held_out * m, same)
    assert abs(float(re.search(r'^multiplies: ([0-9.]+) % of dense', out, re.M)[1]) / 100 - multiplies) < 0.02, (out, multiplies)


def test_all_frames_must_agree():
    model, _ = folder()
    call(CALIBRATE, model, OUTDOORS, '--agreement', '1', '--frames', '120', '--time', '8', '--quiet')
    frames, same, _ = agreement(model, OUTDOORS, '--frames', '120')
    assert frames == same == 120, (frames, same)


def test_error_limit():
    """A stricter limit of the error leaves a smaller one."""
    errors = []
    for limit in ('0.1', '0.005'):
        model, _ = folder()
        out, _ = call(CALIBRATE, model, CLIP, '--agreement', '0.5', '--error', limit, '--frames', '100', '--time', '6', '--dry-run')
        found = list(map(float, re.search(r'error of the scores, mean +([0-9.]+) +([0-9.]+)', out).groups()))
        assert max(found) <= float(limit), out
        errors.append(max(found))
    assert errors[1] < errors[0], errors


def test_same_clips_same_tolerances():
    model = tiny()
    texts = []
    frames = '80' if SLOW == 1 else '32'
    for threads in ('1', '2', '2'):
        out, err = call(CALIBRATE, model, CLIP, OUTDOORS, '--frames', frames, '--threads', threads, '--time', '300', '--quiet')
        assert not out and re.fullmatch(r'warning: .*tiny\.onnx has no \.modelinfo: .*\n', err), (out, err)
        texts.append(read(model + '.modelinfo'))
        os.remove(model + '.modelinfo')
    assert texts[0] == texts[1] == texts[2], texts
    # where there was no file, a whole one
    assert texts[0].startswith('[modelinfo]\nversion=1.0\n\n[deltacnn]\n# deltacnn-calibrate: '), texts[0]


def test_said_once():
    """A network given frames in a way that it may not have been trained on: said once, however many runs there are."""
    _, err = call(RUN, '--model', tiny(), '--no-video', '--quiet', '--compare', '4', '--frames', '4', '--clip', CLIP)
    assert err.count('has no .modelinfo') == 1, err


def test_little_memory():
    model = tiny()
    out, _ = call(CALIBRATE, model, CLIP, OUTDOORS, '--memory', '1', '--time', '10')
    kept, left_out = map(int, re.match(r'(\d+) frames of 2 clips, .* \((\d+) more left out, to stay below 1 MB\)', out).groups())
    # 19 and 15 seconds of 25 frames
    assert kept + left_out == 845 - (0 if left_out else 1), (kept, left_out)
    # 32x32x3 floats would be 12 kB a frame; what changes is less
    assert 64 <= kept < 600, kept
    assert tolerances(model + '.modelinfo')


def test_dry_run_and_output():
    model, info = folder()
    call(CALIBRATE, model, CLIP, '--frames', '40', '--time', '2', '--dry-run')
    assert read(info) == INFO
    other = os.path.join(tmp, 'other.modelinfo')
    out, _ = call(CALIBRATE, model, CLIP, '--frames', '40', '--time', '2', '--output', other)
    assert read(info) == INFO and 'written: ' + other in out
    assert tolerances(other) and 'labels=activities.labels.txt' in read(other)


def test_interrupted():
    model, info = folder()
    interrupt(CALIBRATE, model, CLIP, '--time', '100', '--quiet', after=2.5)
    assert read(info) == INFO and sorted(os.listdir(os.path.dirname(model))) == ['activities.labels.txt', 'activities.modelinfo', 'activities.onnx']


def test_bad_use():
    model, info = folder()
    no_classifier = os.path.join(os.path.dirname(tiny()), 'map.onnx')
    broken, broken_info = folder('[deltacnn]\ncolor=purple\n')
    sound = os.path.join(tmp, 'sound.mkv')
    cases = [
        ((), 'clip'), ((model,), 'clip'),
        ((model, '/none.mpg'), 'there is no file /none.mpg'),
        ((model, CLIP, '/none.mpg', '--frames', '3'), 'there is no file /none.mpg'),
        ((model, tmp), 'is a folder'),
        ((model, LABELS), 'activities.labels.txt'),
        ((model, CLIP, '--frames', '23'), '23 frames are too few'),
        (('/none.onnx', CLIP), '/none.onnx'),
        ((no_classifier, CLIP), 'a classifier is needed'),
        ((broken, CLIP), 'purple'),
        ((model, CLIP, '--output', '/none/file'), '/none does not exist'),
        ((model, CLIP, '--output', tmp), 'it is a folder'),
        ((model, CLIP, '--source', 'moon'), '--source'),
        ((model, CLIP, '--time', '0'), '--time'),
        ((model, CLIP, '--error', '0'), '--error'),
        ((model, CLIP, '--what'), 'what'),
    ]
    cases += [((model, CLIP, '--agreement', a), 'agreement') for a in ('0', '-1', '1.01', 'nan', 'some')]
    if shutil.which('ffmpeg'):
        subprocess.run(['ffmpeg', '-nostdin', '-v', 'error', '-y', '-f', 'lavfi', '-i', 'sine', '-t', '1', '-c:a', 'mp2', sound], check=True)
        cases.append(((model, sound), 'sound.mkv has no video'))
    for args, words in cases:
        out, err = call(CALIBRATE, *args, status=1)
        assert words in err and err.startswith('deltacnn-calibrate: ') and not out, f'{args}: {err}'
        assert len(err.splitlines()) == 1, f'{args}: {err}'
    assert read(info) == INFO and read(broken_info) == '[deltacnn]\ncolor=purple\n'


def test_read_only_folder():
    model, info = folder()
    user = plain_user(CALIBRATE)
    os.chmod(os.path.dirname(model), 0o555)
    _, err = call(CALIBRATE, model, CLIP, status=1, user=user)
    os.chmod(os.path.dirname(model), 0o755)
    assert 'is read-only' in err and os.path.dirname(model) in err, err
    assert read(info) == INFO


if __name__ == '__main__':
    sys.exit(tap.run(globals()))
