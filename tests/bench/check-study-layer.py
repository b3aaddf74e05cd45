#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""study-layer's CSV on a small layer: the columns that docs/ draws, and figures that fit together.  check-study-layer.py PROGRAM; prints TAP."""
import csv
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
import tap  # noqa: E402

PROGRAM = sys.argv[1]
SMALL = ('--width', '96', '--height', '64', '--kernel', '5', '--stride', '2', '--outputs', '8', '--frames', '1')


def run(*args):
    with tempfile.TemporaryDirectory() as tmp:
        path = os.path.join(tmp, 'figures.csv')
        subprocess.run([PROGRAM, *SMALL, *args, '--csv', path], check=True, stdout=subprocess.DEVNULL, timeout=60)
        return list(csv.DictReader(open(path)))


def test_shares():
    rows = run('--shares', '0,0.25,1')
    assert [r['pattern'] for r in rows] == ['blocks'] * 3 + ['pixels'] * 3
    for r in rows:
        f = {k: float(v) for k, v in r.items() if k != 'pattern'}
        assert abs(f['sparsity'] + f['changed'] - 1) < 1e-5 and f['reached'] >= f['changed'] * 0.9, r
        # borders have fewer terms than windows have taps
        assert f['density'] <= f['changed'] + 0.1 and (f['density'] == 0) == (f['changed'] == 0), r
        assert f['to_sparse_ms'] + f['sparse_product_ms'] <= f['sparse_ms'] + 2e-4, r
        assert f['unfold_ms'] + f['dense_product_ms'] <= f['blas_ms'] + 2e-4, r
        assert all(f[k] > 0 for k in ('delta_ms', 'dense_ms', 'sparse_ms', 'blas_ms', 'dense_product_ms')), r
    assert [round(float(r['changed']), 2) for r in rows[:3]] == [0, 0.25, 1] and float(rows[0]['multiplies']) == 0


def test_break_even():
    rows = run('--break-even', '--sizes', '96x64,128x96', '--pattern', 'blocks')
    assert [(r['pattern'], r['width'], r['height']) for r in rows] == [('blocks', '96', '64'), ('blocks', '128', '96')], rows
    for r in rows:
        assert all(r[k] == '' or 0 <= float(r[k]) <= 1 for k in ('delta_break_even', 'sparse_break_even')), r


def test_bad_use():
    for args in (('--pattern', 'stripes'), ('--break-even', '--sizes', '4x4'), ('--break-even', '--sizes', 'large'), ('--frames', '0')):
        p = subprocess.run([PROGRAM, *SMALL, *args], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
        assert p.returncode in (1, 2) and p.stderr, args


sys.exit(tap.run(globals()))
