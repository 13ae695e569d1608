# SPDX-License-Identifier: MIT
"""python3 -m nucleus: versions, the library's path, and what this host has."""

import sys

from . import __version__, _doctor


def main() -> int:
    strict = _doctor.doctor()["strict_agent"]
    print(f"nucleus {__version__} for Python, libnucleus {_doctor.version()} at {_doctor.library_path()}")
    print(_doctor.summary(), end="")
    return 0 if strict else 1


if __name__ == "__main__":
    sys.exit(main())
