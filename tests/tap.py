# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scripted tests say, in the Test Anything Protocol that meson reads."""
import sys


class Skip(Exception):
    """Raised by a test that needs what the machine does not have; says what."""


class Tap:
    """Cases as they come."""

    def __init__(self):
        self.count = 0
        self.failed = 0

    def case(self, good, name, *notes):
        """notes: printed where the case failed."""
        self.count += 1
        self.failed += not good
        print(f"{'' if good else 'not '}ok {self.count} - {name}", flush=True)
        for note in notes if not good else ():
            for line in str(note).splitlines():
                print('#   ' + line, flush=True)

    def skip(self, name, reason):
        self.count += 1
        print(f'ok {self.count} - {name} # SKIP {reason}', flush=True)

    def end(self):
        """The exit status."""
        print(f'1..{self.count}', flush=True)
        return 1 if self.failed else 0


def skip_all(reason):
    print(f'1..0 # SKIP {reason}')
    sys.exit(0)


def run(module):
    """Every function test_* of a module's globals(), in their order; a test fails by an exception.  The exit status."""
    tap = Tap()
    for name, test in [(k[5:].replace('_', ' '), v) for k, v in module.items() if k.startswith('test_')]:
        try:
            test()
            tap.case(True, name)
        except Skip as e:
            tap.skip(name, e)
        except Exception as e:
            tap.case(False, name, f'{type(e).__name__}: {e}')
    return tap.end()
