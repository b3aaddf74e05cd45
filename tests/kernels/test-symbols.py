#!/usr/bin/env python3
# deltacnn tests: the libraries that are compiled for wider instruction sets define nothing but their own kernels.
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A function of a header that the compiler emits there under a common name (an inline function of libc or GLib) could
# be the copy that the linker keeps for the whole program, and would then crash CPUs without those instructions.
#
# Usage: test-symbols.py NM ISA=LIBRARY...
import subprocess
import sys

nm, libraries = sys.argv[1], sys.argv[2:]
print(f'1..{len(libraries)}')
failed = False
for number, argument in enumerate(libraries, 1):
    isa, library = argument.split('=', 1)
    lines = subprocess.run([nm, '--extern-only', '--defined-only', '--portability', library],
                           check=True, capture_output=True, text=True).stdout.splitlines()
    names = [line.split()[0] for line in lines if len(line.split()) > 1]
    names = [name for name in names if not name.startswith(('__odr_asan', '__asan', '__ubsan', '__gcov'))]
    alien = [name for name in names if not name.endswith('__' + isa)]
    ok = not alien and f'dcn_kernels__{isa}' in names
    failed |= not ok
    print(f'{"ok" if ok else "not ok"} {number} - {isa} defines only its kernels')
    for name in alien:
        print(f'# {name}')
sys.exit(1 if failed else 0)
