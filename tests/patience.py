# SPDX-License-Identifier: MIT
"""How long the tests wait for what must come, and how often they try what may come.

NUCLEUS_TEST_SLOWNESS=10 in the environment says that this machine is ten times slower than a usual one, an
emulated one say: then they wait ten times longer, and play fewer rounds of a race.
"""

import os


SLOWNESS = int(os.environ.get("NUCLEUS_TEST_SLOWNESS", "1"))
ENOUGH = 150  # rounds, for both outcomes of a race to be seen


def patience(seconds):
    return seconds * SLOWNESS


def rounds(number):
    return max(number // SLOWNESS, min(number, ENOUGH))
