#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Checks the include table of ARCHITECTURE.md against every #include "..." of src/ and gst/, and that in gst/ no file
and its header include each other's in a circle.  Prints TAP."""
import os
import re
import sys

root = sys.argv[1]
table = {}
for line in open(os.path.join(root, 'ARCHITECTURE.md'), encoding='utf-8'):
    m = re.match(r'\| ((?:src|gst)\S*) \| (.*) \|', line)
    if m:
        table[m.group(1)] = set() if m.group(2).strip() == '-' else set(m.group(2).split())

problems = {folder: [] for folder in table}
unlisted = []
included = {}  # of gst/: {unit: those that its .c or .h includes}; a unit is both without their endings
for top in ('src', 'gst'):
    for folder, _, files in os.walk(os.path.join(root, top)):
        name = os.path.relpath(folder, root)
        for f in sorted(files):
            if not f.endswith(('.c', '.h', '.inc')):
                continue
            if name not in table:
                unlisted.append(f'{name}/{f}')
                continue
            for n, text in enumerate(open(os.path.join(folder, f), encoding='utf-8'), 1):
                m = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', text)
                if not m:
                    continue
                where = f'{name}/{f}:{n}'
                if m.group(1) == '<':
                    if top == 'src' and m.group(2).startswith('gst/'):
                        problems[name].append(f'{where} includes GStreamer')
                    continue
                target = None
                for base in (name, 'src', 'gst', 'gst/lib', 'gst/extract', 'gst/cnn', 'gst/overlay', 'gst/tools'):
                    path = os.path.normpath(os.path.join(base, m.group(2)))
                    if os.path.exists(os.path.join(root, path)):
                        target = os.path.dirname(path)
                        break
                if target is None:
                    continue  # generated at build time, or a system header
                unit, other = (os.path.splitext(p)[0] for p in (f'{name}/{f}', path))
                if top == 'gst' and unit != other:
                    included.setdefault(unit, set()).add(other)
                if target != name and target not in table[name]:
                    problems[name].append(f'{where} includes {m.group(2)} of {target}')



def reaches(unit):
    """All units that unit includes, directly or not."""
    found, todo = set(), [unit]
    while todo:
        new = included.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return found


circles = sorted(unit for unit in included if unit in reaches(unit))

print(f'1..{len(table) + 2}')
for i, folder in enumerate(table, 1):
    bad = problems[folder]
    print(f'{"not ok" if bad else "ok"} {i} - {folder} includes only what ARCHITECTURE.md allows')
    for b in bad:
        print('#', b)
print(f'{"not ok" if unlisted else "ok"} {len(table) + 1} - every folder with code stands in the table')
for u in unlisted:
    print('#', u)
print(f'{"not ok" if circles else "ok"} {len(table) + 2} - nothing of gst/ includes itself by way of others')
for u in circles:
    print('#', u)
sys.exit(bool(unlisted or circles) or any(problems.values()))
