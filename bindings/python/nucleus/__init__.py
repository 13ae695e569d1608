# SPDX-License-Identifier: MIT
"""Hardened Linux sandboxes: subprocess, for code that is not yours.

    import nucleus

    done = nucleus.run(["python3", "job.py"], mode="strict-agent", workspace="job",
                       capture_output=True, text=True, timeout=60)
    print(done.outcome, done.returncode, done.stdout)
    for denial in done.denials:
        print(denial)

Needs libnucleus (see nucleus._library for where it is looked for), and nothing else. The asyncio side is
nucleus.aio; `python3 -m nucleus` says what this host has.
"""

from . import _library as _library  # first: an ImportError of its own says what is wrong
from ._doctor import doctor, has_feature, library_path, version
from ._errors import CalledProcessError, NucleusError, NucleusWarning, TimeoutExpired
from ._handle import Denial, Timing
from ._policy import Policy, options, schema
from ._process import DEVNULL, PIPE, STDOUT, Popen, run
from ._result import CompletedProcess

__version__ = "0.1.0"

__all__ = [
    "DEVNULL", "PIPE", "STDOUT", "CalledProcessError", "CompletedProcess", "Denial", "NucleusError",
    "NucleusWarning", "Policy", "Popen", "TimeoutExpired", "Timing", "doctor", "has_feature", "library_path",
    "options", "run", "schema", "version",
]
