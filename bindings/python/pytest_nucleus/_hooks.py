# SPDX-License-Identifier: MIT
"""pytest.hookimpl with a type."""

from typing import Any, Callable, TypeVar, cast

import pytest

F = TypeVar("F", bound=Callable[..., Any])


def hookimpl(**options: bool) -> Callable[[F], F]:
    """As pytest.hookimpl; pluggy has types only since 1.3."""
    return cast(Callable[[F], F], pytest.hookimpl(**options))
