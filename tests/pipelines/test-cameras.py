#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""pipelines/cameras.sh with files, and with cameras that are lost and come back.

test-cameras.py SOURCE-ROOT BUILD-ROOT [RTSP-SERVER]; prints TAP.  The oracles are ffmpeg, which counts frames, and the same
clip alone in headless-messages.sh.
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

from tool import SLOW, call, tap, tmp

ROOT, BUILD = sys.argv[1:3]
SERVER = sys.argv[3] if len(sys.argv) > 3 else None
CLIP = os.path.join(ROOT, 'models', 'clips', 'demo.ts')
CAMERAS = os.path.join(ROOT, 'pipelines', 'cameras.sh')
os.environ['DCN_BUILD'] = BUILD


def lines_of(program, *args, status=0):
    out, err = call(os.path.join(ROOT, 'pipelines', program), *args, status=status)
    assert 'Traceback' not in err, err
    return [json.loads(line) for line in out.splitlines()], err


def made(name, *args):
    if not shutil.which('ffmpeg'):
        raise tap.Skip('no ffmpeg')
    path = os.path.join(tmp, name)
    subprocess.run(['ffmpeg', '-nostdin', '-v', 'error', '-y', *args, path], check=True, stderr=subprocess.DEVNULL)
    return path


def test_files_side_by_side():
    picture, sound = ('-f', 'lavfi', '-i', 'testsrc=d=1:s=160x120'), ('-f', 'lavfi', '-i', 'sine=d=1')
    other_codec = made('vp8.webm', *sound, *picture, '-pix_fmt', 'yuv420p', '-c:v', 'libvpx')
    no_video = made('sound.mp4', *sound)
    text = os.path.join(tmp, 'text.txt')
    with open(text, 'w') as f:
        f.write('no film')
    lines, err = lines_of('cameras.sh', '--every-frame', f'door={CLIP}', f'again={CLIP}', other_codec, no_video, text, status=1)
    alone, _ = lines_of('headless-messages.sh', CLIP)
    for name in 'door', 'again':
        frames = [r for r in lines if r['camera'] == name and 'label' in r]
        assert [(r['label'], r['type']) for r in frames] == [(r['label'], r['type']) for r in alone], name
        assert all(abs(a['confidence'] - b['confidence']) < 1e-3 for a, b in zip(frames, alone)), name
    assert sum(r['camera'] == 'vp8.webm' and 'label' in r for r in lines) == 25
    reasons = {r['camera']: r.get('reason') for r in lines if r.get('state') == 'ended'}
    assert reasons['door'] is reasons['again'] is reasons['vp8.webm'] is None, reasons
    assert 'no video' in reasons['sound.mp4'] and reasons['text.txt'], reasons
    assert f'{len(alone)}' in err and 'cores' in err, err


def test_labels_that_change():
    lines, _ = lines_of('cameras.sh', f'door={CLIP}')
    alone, _ = lines_of('headless-messages.sh', CLIP)
    wanted, told = [r['label'] for r in alone], [r['label'] for r in lines if 'label' in r]
    # each that stays for three frames, once
    held = [wanted[i] for i in range(2, len(wanted)) if wanted[i] == wanted[i - 1] == wanted[i - 2]]
    assert told == [v for i, v in enumerate(held) if i == 0 or v != held[i - 1]] and len(told) > 4, told


def test_a_file_as_a_live_camera():
    lines, err = lines_of('cameras.sh', '--live', '--every-frame', '--seconds', '3', f'door={CLIP}')
    frames = sum('label' in r for r in lines)
    # 25 a second, not as fast as it goes
    assert 30 < frames <= 78, (frames, err)


def test_cameras_lost_and_back():
    if not SERVER:
        raise tap.Skip('built without gst-rtsp-server')

    def serve(port):
        server = subprocess.Popen([SERVER, str(port)], stdout=subprocess.PIPE)
        return server, int(server.stdout.readline())
    server, port = serve(0)
    url = f'rtsp://127.0.0.1:{port}'
    watch = subprocess.Popen([CAMERAS, '--every-frame', f'yard={url}/h264', f'rtsp://user:secret@127.0.0.1:{port}/mpeg2', 'none=rtsp://127.0.0.1:9/none'],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    lines = []

    def read():
        for line in watch.stdout:
            lines.append(json.loads(line))
    reader = threading.Thread(target=read)
    reader.start()

    def wait_for(what, condition):
        end = time.monotonic() + 40 * SLOW
        while not condition():
            assert time.monotonic() < end and watch.poll() is None, f'no {what}: {lines[-5:]}'
            time.sleep(0.05)

    def count(camera, **what):
        return sum(r['camera'] == camera and all(r.get(k) == v for k, v in what.items()) for r in list(lines))
    other = f'127.0.0.1:{port}/mpeg2'
    try:
        wait_for('frames', lambda: count('yard', type='P') > 10 and count(other, type='P') > 10)
        server.kill()
        server.wait()
        wait_for('loss', lambda: count('yard', state='lost') and count(other, state='lost'))
        before = count('yard', type='I')
        server, _ = serve(port)
        wait_for('return', lambda: count('yard', state='playing') == 2 and count(other, state='playing') == 2 and count('yard', type='I') > before)
        watch.send_signal(signal.SIGINT)
        assert watch.wait(20 * SLOW) == 0
        err = watch.stderr.read().decode()
    finally:
        watch.kill()
        server.kill()
        server.wait()
        watch.wait()
        reader.join()
    assert count('none', state='lost') == 1 and count('none') == 1, 'said once'
    assert 'Traceback' not in err and 'secret' not in err + json.dumps(lines), err
    # with the codec's word, most of a P picture is as before
    changed = sorted(r['changed'] for r in lines if r['camera'] == 'yard' and r.get('type') == 'P')
    assert changed[len(changed) // 2] < 0.3, changed


def test_another_decoder():
    if subprocess.run(['gst-inspect-1.0', '--exists', 'mpeg2dec']).returncode:
        raise tap.Skip('no mpeg2dec')
    os.environ['DCN_DECODER'] = 'mpeg2dec'
    try:
        lines, _ = lines_of('cameras.sh', '--every-frame', f'door={CLIP}')
    finally:
        del os.environ['DCN_DECODER']
    alone, _ = lines_of('headless-messages.sh', CLIP)
    # it keeps the last two frames to itself at the end of the stream
    assert len(alone) - sum('label' in r for r in lines) == 2


def test_what_cannot_be():
    for args, status, word in (((), 1, 'which cameras'), (('/none.ts',), 1, 'no file /none.ts'), (('http://a/b',), 1, 'http://'),
                               (('--hold', 'x', CLIP), 2, '--hold'), (('--model', '/none.onnx', CLIP), 1, 'no model /none.onnx')):
        lines, err = lines_of('cameras.sh', *args, status=status)
        assert word in err and not lines, (args, err)
    lines, _ = lines_of('cameras.sh', '--model', os.path.join(ROOT, 'models', 'activities.labels.txt'), CLIP, status=1)
    assert len(lines) == 1 and 'not an ONNX model' in lines[0]['reason'], lines


sys.exit(tap.run(globals()))
