#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs element tests under GStreamer's leaks tracer: check-leaks.py PROGRAM [ARGUMENT ...] [-- PROGRAM ...]

Each program is one TAP test: it must pass, and no GstObject, GstMiniObject (buffers, caps, events, metas' owners)
that it made may be alive when it ends."""
import os
import re
import subprocess
import sys
import tempfile


def main():
    runs, run = [], []
    for word in sys.argv[1:] + ['--']:
        if word == '--':
            if run:
                runs.append(run)
            run = []
        else:
            run.append(word)
    print('1..%d' % len(runs))
    failed = 0
    for n, command in enumerate(runs, 1):
        with tempfile.NamedTemporaryFile() as log:
            env = dict(os.environ, GST_TRACERS='leaks', GST_DEBUG='GST_TRACER:7', GST_DEBUG_FILE=log.name,
                       GST_DEBUG_NO_COLOR='1')
            # Stack traces cost more than the tests do.
            env.pop('GST_LEAKS_TRACER_STACK_TRACE', None)
            done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            text = open(log.name, errors='replace').read()
        # The tracer says so when it has looked.
        looked = 'leaks' in text
        alive = re.findall(r'object-alive, type-name=\(string\)(\w+)[^\n]*', text)
        name = os.path.basename(command[0])
        ok = done.returncode == 0 and not alive
        print('%s %d %s' % ('ok' if ok else 'not ok', n, ' '.join([name] + command[1:])))
        if not looked:
            print('# the tracer wrote nothing')
        if not ok:
            failed += 1
            for line in done.stdout.splitlines()[-15:]:
                print('# ' + line)
            for kind in sorted(set(alive)):
                print('# leaked: %d %s' % (alive.count(kind), kind))
            for line in [l for l in text.splitlines() if 'object-alive' in l][:5]:
                print('# ' + line[-300:])
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
