# SPDX-License-Identifier: MIT
"""Options of sandboxes from markers, the ini file and calls, put together."""

import json
from typing import Any, Dict, FrozenSet, List, Mapping

import pytest

INI_MODE = "nucleus_mode"
DEFAULT_MODE = "strict-agent"


def names() -> Dict[str, str]:
    """Each name of an option (its key or its flag, with `_`) and the one used here, its key's."""
    import nucleus

    table: Dict[str, str] = {}
    for row in nucleus.options():
        key = str(row["key"]).replace(".", "_").replace("-", "_")
        table[str(row["flag"]).lstrip("-").replace("-", "_")] = key
        table[key] = key
    return table


def canonical(options: Mapping[str, Any], but: FrozenSet[str] = frozenset()) -> Dict[str, Any]:
    """`options` under their keys' names; those in `but`, and unknown ones, under their own.

    Raises TypeError if one is given under two names.
    """
    table = names()
    result: Dict[str, Any] = {}
    for name, value in options.items():
        key = name if name in but else table.get(name, name)
        if key in result:
            raise TypeError(f"{name}: the option {key} is given twice")
        result[key] = value
    return result


def of_markers(item: pytest.Item, marker: str) -> Dict[str, Any]:
    """The options of the item's markers of this name; of two the closer one's."""
    result: Dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers(marker))):
        if mark.args:
            raise TypeError(f"@pytest.mark.{marker} has keyword arguments only: {mark.args!r}")
        result.update(canonical(mark.kwargs, frozenset({"policy", "env", "cwd"})))
    return result


def complete(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> Dict[str, Any]:
    """`options` and those `defaults` that neither they nor their policy set.

    Raises nucleus.NucleusError for a policy that is not understood.
    """
    left = dict(defaults)
    policy = options.get("policy")
    if policy is not None:
        import nucleus

        if not isinstance(policy, nucleus.Policy):
            policy = nucleus.Policy(policy)
        for key in _flat(json.loads(policy.dump("json"))):
            left.pop(key, None)
    return {**left, **options}


def _flat(document: Mapping[str, Any], above: str = "") -> List[str]:
    """The names of what a policy's document sets."""
    names: List[str] = []
    for word, value in document.items():
        name = above + word.replace("-", "_")
        names.append(name)
        if isinstance(value, dict):
            names += _flat(value, name + "_")
    return names


def mode(config: pytest.Config) -> str:
    """The mode of sandboxes that are not told another."""
    return str(config.getini(INI_MODE))
