# SPDX-License-Identifier: MIT
"""The tests are of the package in this repository, with the library that NUCLEUS_LIBRARY names."""

import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

if not os.environ.get("NUCLEUS_LIBRARY"):
    sys.exit("tests/python: NUCLEUS_LIBRARY must name the libnucleus.so.0 to be tested")
# For processes that start elsewhere, too.
os.environ["NUCLEUS_LIBRARY"] = os.path.abspath(os.environ["NUCLEUS_LIBRARY"])
sys.path.insert(0, str(ROOT / "bindings" / "python"))
# For the processes that tests start.
os.environ["PYTHONPATH"] = os.pathsep.join(
    [str(ROOT / "bindings" / "python"), *filter(None, [os.environ.get("PYTHONPATH")])])
