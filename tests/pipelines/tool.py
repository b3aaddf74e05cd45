# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of this folder share: a folder for their files, and a program called as a user would."""
import atexit
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))
import tap  # noqa: E402

tmp = tempfile.mkdtemp(prefix='dcn-' + os.path.basename(sys.argv[0]).split('.')[0] + '-')
atexit.register(shutil.rmtree, tmp, ignore_errors=True)
SANITIZED = bool(os.environ.get('DCN_PRELOAD'))
SLOW = 5 if SANITIZED else 1
if SANITIZED:
    # Decoders, encoders and servers of others run in the process.  Leaks are counted in tests/gst, on our elements.
    os.environ['ASAN_OPTIONS'] = os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'


def call(program, *args, status=0, timeout=120, **more):
    """What it prints to standard output and to standard error; fails where it ends otherwise, or GLib complains."""
    p = subprocess.run([program, *map(str, args)], env=dict(os.environ, LC_ALL='C.UTF-8'), cwd=tmp, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=timeout * SLOW, **more)
    out, err = p.stdout.decode(), p.stderr.decode()
    assert p.returncode == status, f'{args} ended with {p.returncode}\n{out[-2000:]}\n{err[-2000:]}'
    assert 'CRITICAL' not in err and 'WARNING' not in err, err
    return out, err


def interrupt(program, *args, number=signal.SIGINT, after=0.5):
    """Ends a program at its work: a signal, so many seconds after it began to catch it.  As call()."""
    p = subprocess.Popen([program, *map(str, args)], env=dict(os.environ, LC_ALL='C.UTF-8'), cwd=tmp, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    late = time.monotonic() + 60 * SLOW
    while p.poll() is None and time.monotonic() < late:
        with open(f'/proc/{p.pid}/status', encoding='ascii') as f:
            caught = next(int(line.split()[1], 16) for line in f if line.startswith('SigCgt:'))
        if caught >> number - 1 & 1:
            break
        time.sleep(0.01)
    time.sleep(after * SLOW)
    p.send_signal(number)
    out, err = (x.decode() for x in p.communicate(timeout=60 * SLOW))
    assert p.returncode == 1 and err.endswith('interrupted; nothing was written\n'), (p.returncode, out[-500:], err[-500:])
    return out, err


def plain_user(program):
    """The number of a user to whom a read-only folder is one; None: whoever runs this."""
    if os.geteuid() != 0:
        return None
    user = pwd.getpwnam('nobody').pw_uid
    os.chmod(tmp, 0o755)
    try:
        subprocess.run([program, '--version'], user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    except PermissionError:
        raise tap.Skip('the build folder is not for everybody')
    return user
