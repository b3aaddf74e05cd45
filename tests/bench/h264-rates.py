#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What deltaextract's time goes by: one clip encoded at several sizes and bit rates, with CABAC and with CAVLC.

    h264-rates.py BUILD CLIP [--folder FOLDER] [--frames 50] [--runs 3] [--encode-only] [--results FILE]

BUILD is a build folder (tests/bench/extract-cost measures), CLIP any video, best 1920x1080 and without much compression.
Encodes are libx264's (preset fast, one thread) and are kept in --folder, so that a first run with --encode-only leaves a
short one for a quiet machine.  Prints tables in Markdown; --results FILE puts them into its section of the file.

The sum at the end says what a bit and what a macroblock cost, by least squares of relative errors over the rows: were
time to go by pixels, the first would be nothing.
"""
import argparse
import csv
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

TITLE = '## deltaextract over sizes and bit rates'
SIZES = [(320, 180), (640, 360), (1280, 720), (1920, 1080)]
KBIT_FRAME = [10, 40, 160, 640]
BITS_PIXEL_MAX = 3  # beyond, encoders have nothing left to spend bits on


def encode(clip, size, kbit, cabac, frames, path):
    if os.path.exists(path):
        return
    subprocess.run(['ffmpeg', '-nostdin', '-v', 'error', '-y', '-i', clip, '-an', '-vf', 'yadif=deint=interlaced,scale=%d:%d:flags=area,fps=25' % size,
                    '-frames:v', str(frames), '-pix_fmt', 'yuv420p', '-c:v', 'libx264', '-preset', 'fast', '-threads', '1',
                    '-b:v', '%dk' % (25 * kbit), '-x264-params', 'cabac=%d' % cabac, path + '.part.264'], check=True)
    os.rename(path + '.part.264', path)


def table(rows):
    yield '| entropy | size | kbit a frame | ms a frame | ns a bit | us a macroblock | avdec_h264, ms a frame | of avdec_h264 |'
    yield '|---|---|---|---|---|---|---|---|'
    for r in rows:
        yield '| %s | %sx%s | %.0f | %.3f | %.2f | %.3f | %.3f | %.0f %% |' % (
            r['entropy'].upper(), r['width'], r['height'], r['kbit'], r['ms'], r['ns_bit'], r['ns_mb'] / 1000,
            r['decode'], 100 * r['ms'] / r['decode'])


def fit(rows):
    """ns a bit, ns a macroblock, and the largest relative error of the sum of both."""
    a = np.array([[1e3 * r['kbit'], r['mbs']] for r in rows])
    b = np.array([1e6 * r['ms'] for r in rows])
    x = np.linalg.lstsq(a / b[:, None], np.ones(len(b)), rcond=None)[0]
    return x[0], x[1], np.abs(a @ x / b - 1).max()


def alike(rows, widths):
    """Of both widths the rows whose numbers of bits differ least."""
    pairs = [(a, b) for a in rows for b in rows if (a['width'], b['width']) == widths]
    return min(pairs, key=lambda p: abs(np.log(p[1]['kbit'] / p[0]['kbit'])))


def report(rows, clip, frames):
    yield TITLE
    yield ''
    yield ('%s, %d frames, encoded by libx264 (preset fast) at each size and rate; processor time of one thread, access units from '
           'memory (tests/bench/h264-rates.py).' % (os.path.splitext(os.path.basename(clip))[0], frames))
    yield ''
    yield from table(rows)
    yield ''
    for entropy in ('cabac', 'cavlc'):
        mine = [r for r in rows if r['entropy'] == entropy]
        bit, mb, error = fit(mine)
        small, large = alike(mine, (640, 1920))
        of_size = sorted((r for r in mine if r['width'] == 1280), key=lambda r: r['kbit'])
        low, high = of_size[0], of_size[-1]
        yield ('%s: %.1f ns a bit and %.0f ns a macroblock (all rows within %.0f %%). Nine times the pixels with %.1f times the bits '
               '(640x360 with %.0f kbit, 1920x1080 with %.0f): %.1f times the time; avdec_h264 %.1f times. The same pixels with %.0f '
               'times the bits (1280x720): %.1f times; avdec_h264 %.1f times.' % (
                   entropy.upper(), bit, mb, 100 * error, large['kbit'] / small['kbit'], small['kbit'], large['kbit'],
                   large['ms'] / small['ms'], large['decode'] / small['decode'], high['kbit'] / low['kbit'], high['ms'] / low['ms'],
                   high['decode'] / low['decode']))
        yield ''


def put(path, text):
    """Into its section of the file, at the end where there is none."""
    old = open(path).read() if os.path.exists(path) else ''
    section = re.compile('^' + re.escape(TITLE) + r'\n.*?(?=^## |\Z)', re.M | re.S)
    new = section.sub(lambda m: text + '\n', old) if section.search(old) else old.rstrip('\n') + '\n\n' + text
    with open(path, 'w') as f:
        f.write(new.rstrip('\n') + '\n')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build')
    parser.add_argument('clip')
    parser.add_argument('--folder')
    parser.add_argument('--frames', type=int, default=50)
    parser.add_argument('--runs', type=int, default=3)
    parser.add_argument('--encode-only', action='store_true')
    parser.add_argument('--results')
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or temporary
        os.makedirs(folder, exist_ok=True)
        paths = []
        for cabac in (1, 0):
            for size in SIZES:
                for kbit in KBIT_FRAME:
                    if 1000 * kbit > BITS_PIXEL_MAX * size[0] * size[1]:
                        continue
                    path = os.path.join(folder, '%d-%d-%s.264' % (size[1], kbit, 'cabac' if cabac else 'cavlc'))
                    encode(options.clip, size, kbit, cabac, options.frames, path)
                    paths.append(path)
        if options.encode_only:
            return 0
        cost = os.path.join(options.build, 'tests', 'bench', 'extract-cost')
        out = subprocess.run([cost, '--csv', '--runs', str(options.runs), *paths], stdout=subprocess.PIPE, check=True).stdout.decode()
    rows = []
    for r in csv.DictReader(out.splitlines()):
        n = float(r['frames'])
        width, height = int(r['width']), int(r['height'])
        rows.append({'entropy': r['entropy'], 'width': width, 'height': height, 'kbit': float(r['kbit_frame']),
                     'ms': float(r['extract_ms']) / n, 'decode': float(r['decode_ms']) / n, 'ns_bit': float(r['ns_bit']),
                     'ns_mb': float(r['ns_mb']), 'mbs': (width + 15) // 16 * ((height + 15) // 16)})
    text = '\n'.join(report(rows, options.clip, options.frames)) + '\n'
    print(text)
    if options.results:
        put(options.results, text)
    return 0


if __name__ == '__main__':
    sys.exit(main())
