# SPDX-License-Identifier: MIT
"""How long the tests wait for what must come: longer where the machine is slow, an emulated one say.

NUCLEUS_TEST_SLOWNESS=10 in the environment multiplies it by ten.
"""

import os


def patience(seconds):
    return seconds * int(os.environ.get("NUCLEUS_TEST_SLOWNESS", "1"))
