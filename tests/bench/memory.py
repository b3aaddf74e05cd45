#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a model takes when it is loaded and runs: time, and memory at the peak and later.

    memory.py BUILD MODEL[:float16]... [--seconds 3] [--runs 3] [--results FILE]

BUILD is a build folder, with the plugin and run-net.  Each model runs in gst-launch-1.0 behind a test picture of 640x480
that moves, ten frames a second, with one thread, until --seconds after its first result: as one stream, as four in one
process, and as one in dense mode.  :float16 writes weights=float16 into its .modelinfo.  Prints a table in Markdown; --results FILE puts it into its section of the file.
MB are 1e6 bytes.
"""
import argparse
import json
import os
import re
import subprocess
import tempfile
import threading
import time

PATIENCE = 60  # s for the first result
TITLE = '## Memory and load time'


def status(pid):
    """VmHWM and VmRSS in MB; None once it has ended."""
    try:
        with open('/proc/%d/status' % pid, encoding='ascii') as f:
            found = dict(re.findall(r'^(VmHWM|VmRSS):\s+(\d+) kB', f.read(), re.M))
        return int(found['VmHWM']) * 1024 / 1e6, int(found['VmRSS']) * 1024 / 1e6
    except (OSError, KeyError):
        return None


def launch(build, model, seconds, streams=1, mode='delta'):
    """Peak and last resident memory in MB, and ms from the start of the pipeline to the first result; None for the latter
    without a model."""
    env = dict(os.environ, GST_PLUGIN_PATH=os.path.join(build, 'gst'), GST_REGISTRY=os.path.join(build, 'memory-registry.bin'),
               LD_LIBRARY_PATH=os.path.join(build, 'gst/lib'))
    one = 'videotestsrc pattern=ball ! video/x-raw,format=I420,width=640,height=480,framerate=10/1 ! '
    if model:
        one += 'deltacnn threads=1 post-messages=true mode=%s model-file=%s ! ' % (mode, model)
    pipeline = ' '.join([one + 'fakesink sync=true'] * streams)
    run = subprocess.Popen(['gst-launch-1.0', '-m', *pipeline.split()], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                           text=True)
    times = {}

    def read():
        for line in run.stdout:
            if line.startswith('Setting pipeline to PAUSED'):
                times.setdefault('start', time.monotonic())
            elif '(element): deltacnn,' in line:
                times.setdefault('first', time.monotonic())

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    last, start = None, time.monotonic()
    if not model:
        times['first'] = start
    while time.monotonic() < times.get('first', start + PATIENCE) + seconds and run.poll() is None:
        last = status(run.pid) or last
        time.sleep(0.05)
    run.kill()
    run.wait()
    reader.join()
    if 'first' not in times:
        raise SystemExit('%s: no result' % model)
    return last[0], last[1], (times['first'] - times['start']) * 1e3 if model else None


def load(build, model, half, runs):
    """run-net's figures, those of the run that loaded fastest."""
    command = [os.path.join(build, 'tests/net/run-net'), model, '--classifier'] + (['--half'] if half else [])
    outs = [json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout) for _ in range(runs)]
    return min(outs, key=lambda o: o['load_ms'])


def row(build, name, seconds, runs):
    path, _, kind = name.partition(':')
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, os.path.basename(path))
        os.symlink(os.path.abspath(path), model)
        about = load(build, model, kind == 'float16', runs)
        with open(model + '.modelinfo', 'w', encoding='utf-8') as f:
            f.write('[modelinfo]\nversion=1.0\n\n[deltacnn]\ncolor=rgb\n' + ('weights=float16\n' if kind else ''))
        starts = [launch(build, model, seconds) for _ in range(runs)]
        one = max(starts, key=lambda s: s[0])
        four = launch(build, model, seconds, streams=4)
        dense = launch(build, model, seconds, mode='dense')
    return '| %s%s | %.1f | %.1f | %.1f | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f | %.0f |' % (
        re.sub(r'\.onnx$', '', os.path.basename(path)), ', float16' if kind else '', os.path.getsize(path) / 1e6, about['weight_mb'],
        about['cache_mb'], about['load_ms'], about['load_cpu_ms'], min(s[2] for s in starts), one[0], one[1], four[1], dense[1])


def put(path, text):
    """Puts the section in the place of the old one, or at the end."""
    with open(path, encoding='utf-8') as f:
        old = f.read()
    section = re.compile(re.escape(TITLE) + r'\n.*?(?=^## |\Z)', re.M | re.S)
    new = section.sub(lambda _: text + '\n', old) if section.search(old) else old.rstrip('\n') + '\n\n' + text
    with open(path, 'w', encoding='utf-8') as f:
        f.write(new)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('build')
    p.add_argument('models', nargs='+')
    p.add_argument('--seconds', type=float, default=3)
    p.add_argument('--runs', type=int, default=3)
    p.add_argument('--results')
    a = p.parse_args()
    commit = subprocess.run(['git', 'rev-parse', '--short=10', 'HEAD'], capture_output=True, text=True,
                            cwd=os.path.dirname(os.path.abspath(__file__))).stdout.strip()
    empty = launch(a.build, None, a.seconds)[1]
    lines = [TITLE, '',
             'Of `gst-launch-1.0` with a moving test picture of 640x480, one thread a stream, MB of 1e6 bytes, resident (`tests/bench/memory.py`, '
             'commit %s). Without `deltacnn` it takes %.0f MB. Weights: as packed, once in a process; caches: of each stream, partly not '
             'touched in dense mode. Load: file in the page cache, the engine alone, on all cores, the least of %d; first result: from the '
             'start of the pipeline.' % (commit, empty, a.runs), '',
             '| network | file | weights | caches | load ms | CPU ms | first result ms | peak | later | four streams | dense mode |',
             '|---|---|---|---|---|---|---|---|---|---|---|']
    for model in a.models:
        lines.append(row(a.build, model, a.seconds, a.runs))
        print(lines[-1], flush=True)
    text = '\n'.join(lines) + '\n'
    if a.results:
        put(a.results, text)
    else:
        print('\n' + text)


if __name__ == '__main__':
    main()
