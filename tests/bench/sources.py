#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What it costs to know what changed: from the codec (deltaextract, the comparison of its maps, the tensor pixels that
changed blocks reach) and from pixels (every frame made a tensor).

    sources.py BUILD MODEL CLIP... [--frames 100] [--runs 3] [--results FILE]

BUILD is a build folder.  One thread, medians of frames decoded beforehand, the least of --runs runs in turn; deltaextract's
time is processor time of its thread, the mean over the whole clip (tests/bench/extract-cost).  Prints a table in Markdown; --results FILE puts it into its section of the file,
behind what is there of other models.
"""
import argparse
import csv
import json
import os
import re
import subprocess
import sys

TITLE = '## What tells the changes: the codec or pixels'


def extract_ms(build, clip, runs):
    """deltaextract's processor time, ms a frame; None where it has nothing to read."""
    run = subprocess.run([os.path.join(build, 'tests/bench/extract-cost'), '--csv', '--no-decode', '--runs', str(runs), clip],
                         capture_output=True, text=True)
    if run.returncode:
        return None
    of = next(csv.DictReader(run.stdout.splitlines()))
    return float(of['extract_ms']) / float(of['frames'])


def bench(build, model, clip, source, frames):
    run = subprocess.run([os.path.join(build, 'gst/tools/deltacnn-bench'), '--model', model, '--clip', clip, '--source', source,
                          '--frames', str(frames), '--threads', '1', '--json', '-'], capture_output=True, text=True, check=True)
    return json.loads(run.stdout)


def row(build, model, clip, frames, runs):
    of = {'codec': [], 'pixel': []}
    for _ in range(runs):
        for source, results in of.items():
            results.append(bench(build, model, clip, source, frames))
    name = re.sub(r'^(enc-|sample-videos__|openmpf__|openmpf-components__)', '', os.path.basename(clip))

    def least(source, *stages, medians='stage_median_ms'):
        return min(sum(r[medians][s] for s in stages) for r in of[source])

    extract = extract_ms(build, clip, runs)
    codec, pixel = least('codec', 'changes', 'tensor'), least('pixel', 'changes', 'tensor')
    dense = least('codec', 'tensor', medians='dense_stage_median_ms')
    first = of['codec'][0]
    return '| %s | %dx%d | %.0f %% | %s | %.3f | %s | **%.3f** | %.3f | %.3f |' % (
        name, first['width'], first['height'], 100 * first['block_fraction'], '%.3f' % extract if extract else '-', codec,
        '**%.3f**' % (extract + codec) if extract else '-', pixel, dense, least('codec', 'network'))


def section(args):
    yield '%s, one thread, ms a frame (medians; deltaextract: mean).' % os.path.basename(args.model)
    yield ''
    yield '| clip | size | blocks changed (codec) | deltaextract | changes and tensor | together | pixels: changes and tensor | dense: tensor | network |'
    yield '|---|---|---|---|---|---|---|---|---|'
    for clip in args.clips:
        yield row(args.build, args.model, clip, args.frames, args.runs)


def put(path, lines):
    """Behind what the file's section has."""
    with open(path) as f:
        text = f.read()
    start = text.index(TITLE)
    end = text.find('\n## ', start)
    end = len(text) if end < 0 else end + 1
    with open(path, 'w') as f:
        f.write(text[:end].rstrip('\n') + '\n\n' + '\n'.join(lines) + '\n\n' + text[end:])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('build')
    parser.add_argument('model')
    parser.add_argument('clips', nargs='+', metavar='CLIP')
    parser.add_argument('--frames', type=int, default=100)
    parser.add_argument('--runs', type=int, default=3)
    parser.add_argument('--results')
    args = parser.parse_args()
    os.environ['GST_PLUGIN_PATH'] = os.path.join(os.path.abspath(args.build), 'gst')
    lines = []
    for line in section(args):
        print(line, flush=True)
        lines.append(line)
    if args.results:
        put(args.results, lines)
    return 0


if __name__ == '__main__':
    sys.exit(main())
