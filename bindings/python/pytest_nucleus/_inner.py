# SPDX-License-Identifier: MIT
"""The program in the sandbox of a marked test. _outer starts it as a file, with a JSON object on
standard input. It is no plugin: `-p` of it does nothing.
"""

import json
import os
import sys


def main() -> None:
    with open(0, "rb", closefd=False) as stream:
        spec = json.load(stream)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # Programs that the test starts have no business with it; that they cannot reach it is not said.
    os.set_inheritable(spec["fd"], False)
    sys.path[:] = spec["path"]
    sys.argv[:] = spec["argv"]

    from pytest_nucleus import _reporter

    sys.exit(_reporter.run(spec))


if __name__ == "__main__":
    main()
