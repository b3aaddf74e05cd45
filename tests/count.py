#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts single test cases in what `meson test` left: count.py MESON-LOGS STATUS-OF-MESON-TEST.

A test that ends badly without a failed case of its own (crash, timeout, wrong plan) counts as one failure.
Prints the failed ones, then `N passed, N failed` (`, N skipped`); exit status 1 when something failed.
"""
import json
import os
import sys
import xml.etree.ElementTree as ET


def count(junit, log):
    """(passed, [failed names], skipped) from the XML tree and the list of testlog.json's objects."""
    passed, failed, skipped = 0, [], 0
    bad_suites = set()
    for suite in junit.iter('testsuite'):
        for case in suite.iter('testcase'):
            name = f"{case.get('classname') or suite.get('name')}: {case.get('name')}"
            if case.find('failure') is not None or case.find('error') is not None:
                failed.append(name)
                bad_suites.update((suite.get('name'), f"{suite.get('name')}.{case.get('name')}"))
            elif case.find('skipped') is not None:
                skipped += 1
            else:
                passed += 1
    for test in log:
        if test['result'] in ('OK', 'SKIP', 'EXPECTEDFAIL'):
            continue
        # the XML puts the project in front of the log's name
        if not any(b.endswith(test['name']) for b in bad_suites):
            failed.append(f"{test['name']}: {test['result']}")
    return passed, failed, skipped


def main():
    logs, status = sys.argv[1], int(sys.argv[2])
    try:
        junit = ET.parse(os.path.join(logs, 'testlog.junit.xml')).getroot()
        with open(os.path.join(logs, 'testlog.json')) as f:
            log = [json.loads(line) for line in f if line.strip()]
    except (OSError, ET.ParseError, ValueError) as e:
        print(f'no test results: {e}')
        print('0 passed, 1 failed')
        return 1
    passed, failed, skipped = count(junit, log)
    if status and not failed:
        failed.append(f'meson test ended with status {status}')
    if not passed and not failed:
        failed.append('no test ran')
    for name in failed:
        print('FAILED', name)
    print(f'{passed} passed, {len(failed)} failed' + (f', {skipped} skipped' if skipped else ''))
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
