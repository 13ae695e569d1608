# SPDX-License-Identifier: MIT
"""For the suites that root runs as another user."""

import os
import sys


def become(user):
    """Runs the suite again as another user, if it is to be one."""
    uid = {"root": 0, "nobody-12345": 12345}.get(user, os.geteuid())
    if os.geteuid() == uid:
        return
    if os.geteuid() != 0:
        sys.exit(f"run.py: cannot become {user} from user {os.geteuid()}")
    os.execvp("setpriv", ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
                          "--inh-caps=-all", sys.executable, *sys.argv])
