# SPDX-License-Identifier: MIT
"""The fixture `sandbox`."""

import contextlib
import pathlib
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Tuple

import pytest

from . import _options

if TYPE_CHECKING:
    import nucleus

# Parameters of nucleus.run and nucleus.Popen that are no options of the table, or come before them.
_OWN = frozenset(
    "args bufsize capture_output check cwd encoding env errors input max_output on_output pass_fds"
    " policy shell stderr stdin stdout text timeout".split()
)


class Sandbox:
    """Runs programs in sandboxes for one test: each a fresh one, all with the same workspace.

    workspace: a directory of the host's, the test's tmp_path: /workspace for the programs.
    options: what each run is given, unless its own arguments name the same option.
    """

    def __init__(self, workspace: pathlib.Path, options: Mapping[str, Any]) -> None:
        self.workspace = workspace
        self.options: Dict[str, Any] = dict(options)
        self._denials: "List[nucleus.Denial]" = []
        self._started: "List[nucleus.Popen]" = []

    def run(self, args: Any, **arguments: Any) -> "nucleus.CompletedProcess":
        """nucleus.run(), with the options of this object. Raises what that raises."""
        import nucleus

        try:
            done = nucleus.run(args, **self._together(arguments))
        except (nucleus.TimeoutExpired, nucleus.CalledProcessError, nucleus.NucleusError) as error:
            if error.result is not None:
                self._denials += error.result.denials
            raise
        self._denials += done.denials
        return done

    def popen(self, args: Any, **arguments: Any) -> "nucleus.Popen":
        """nucleus.Popen(), with the options of this object. It is ended when the test ends."""
        import nucleus

        process = nucleus.Popen(args, **self._together(arguments))
        self._started.append(process)
        return process

    @property
    def denials(self) -> "Tuple[nucleus.Denial, ...]":
        """What has been refused to this test's programs by now."""
        late = [denial for process in self._started for denial in process.denials]
        return (*self._denials, *late)

    def close(self) -> None:
        """Ends whatever still runs."""
        with contextlib.ExitStack() as stack:
            for process in self._started:
                stack.callback(process.close)

    def _together(self, arguments: Mapping[str, Any]) -> Dict[str, Any]:
        # What a policy says is not contradicted, which would be an error.
        return _options.complete(_options.canonical(arguments, _OWN), self.options)


def _of_marker(item: pytest.Item, defaults: Mapping[str, Any]) -> Dict[str, Any]:
    """The options of a marked test, which are known to be some before it begins."""
    import nucleus

    try:
        options = _options.complete(_options.of_markers(item, "sandbox"), defaults)
        given = {name: value for name, value in options.items() if name != "policy"}
        nucleus.Policy(options.get("policy"), **given)
    except (TypeError, ValueError, nucleus.NucleusError) as error:
        pytest.fail(f"the test was not run, for what its marker says: {error}", pytrace=False)
    return options


def make(request: pytest.FixtureRequest, workspace: pathlib.Path) -> Sandbox:
    """The object of one test."""
    defaults: Dict[str, Any] = {"mode": _options.mode(request.config), "workspace_path": workspace}
    if request.node.get_closest_marker("sandbox") is None:
        options = defaults
    else:
        options = _of_marker(request.node, defaults)
    return Sandbox(pathlib.Path(options.get("workspace_path", workspace)), options)
