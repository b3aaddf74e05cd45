#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The count that tests/run.sh ends with, on a project whose tests end in every way: test-count.py SOURCE-ROOT."""
import os
import shutil
import subprocess
import sys
import tempfile

COUNT = os.path.join(sys.argv[1], 'tests', 'count.py')
# name: (what its test prints, exit status, passed, failed, skipped)
TESTS = {
    'good': (r'1..3\nok 1 - a\nok 2 - b\nok 3 - c # SKIP no such thing', 0, 2, 0, 1),
    'bad': (r'1..3\nok 1 - a\nnot ok 2 - b\nnot ok 3 - c', 1, 1, 2, 0),
    'crash': (r'1..3\nok 1 - a', 139, 1, 1, 0),
    'none': (r'1..0 # SKIP nothing here', 0, 0, 0, 1),
    'short': (r'1..3\nok 1 - a\nok 2 - b', 0, 2, 1, 0),
}


def run(names):
    """Status and last line of count.py after the named tests."""
    d = tempfile.mkdtemp()
    try:
        with open(os.path.join(d, 'meson.build'), 'w') as f:
            f.write("project('p')\n")
            for n in names:
                f.write(f"test('{n}', find_program('./{n}.sh'), protocol: 'tap', suite: 'some')\n")
        for n in names:
            path = os.path.join(d, n + '.sh')
            with open(path, 'w') as f:
                f.write(f"#!/bin/sh\nprintf '{TESTS[n][0]}\\n'\nexit {TESTS[n][1]}\n")
            os.chmod(path, 0o755)
        subprocess.run(['meson', 'setup', 'b'], cwd=d, stdout=subprocess.DEVNULL, check=True)
        status = subprocess.run(['meson', 'test', '-C', 'b'], cwd=d, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
        p = subprocess.run([sys.executable, COUNT, os.path.join(d, 'b', 'meson-logs'), str(status)], stdout=subprocess.PIPE)
        return p.returncode, p.stdout.decode().splitlines()[-1]
    finally:
        shutil.rmtree(d)


CASES = [('good',), ('good', 'bad'), ('good', 'crash'), ('none', 'good'), ('short',), tuple(TESTS)]
print(f'1..{len(CASES)}')
for i, names in enumerate(CASES, 1):
    passed, failed, skipped = (sum(TESTS[n][k] for n in names) for k in (2, 3, 4))
    want = (1 if failed else 0, f'{passed} passed, {failed} failed' + (f', {skipped} skipped' if skipped else ''))
    got = run(names)
    print('ok' if got == want else 'not ok', i, '-', ' '.join(names), '' if got == want else f'# {got} instead of {want}', flush=True)
