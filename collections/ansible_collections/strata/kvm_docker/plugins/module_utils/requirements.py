# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries that the core stands on, imported in one place.

A module must import without them (Ansible reads its documentation on machines that do not have them);
:func:`require` then says in one sentence what to install.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

from .errors import StrataError

#: Name of the import -> package, and the version that it must have at least, as pyproject.toml has it.
PACKAGES = {
    "docker": ("docker", "5.0.3"),
    "junitparser": ("junitparser", "4.0"),
    "libvirt": ("libvirt-python", "9.0"),
    "pycdlib": ("pycdlib", "1.14"),
    "pydantic": ("pydantic", "2.8"),
    "ruamel.yaml": ("ruamel.yaml", "0.18"),
}

try:
    from pydantic import BeforeValidator, Field, WithJsonSchema
except ImportError:
    if not TYPE_CHECKING:

        def _absent(*_args: Any, **_kwargs: Any) -> None:
            """Stands for a constraint; nothing is validated before :func:`require` has passed."""

        BeforeValidator = Field = WithJsonSchema = _absent

__all__ = ["BeforeValidator", "Field", "WithJsonSchema", "require", "versions"]


def require(*names: str) -> None:
    """Raise :class:`StrataError` naming the Python packages among *names* that cannot be imported, or are too old."""
    wrong = [message for name in names for message in _wrong(name)]
    if wrong:
        raise StrataError(
            f"Python packages missing: {', '.join(wrong)}. Install them for the Python that runs the module "
            "(pip install strata-kvm-docker), or set ansible_python_interpreter to one that has them."
        )


def _wrong(name: str) -> Iterator[str]:
    package, least = PACKAGES[name]
    try:
        importlib.import_module(name)
    except ImportError:
        yield f"{package} >= {least}"
        return
    there = _version(package)
    if there and _numbers(there) < _numbers(least):
        yield f"{package} >= {least} ({there} is there)"


@cache
def _version(package: str) -> str:
    """Empty where nobody tells it. Docker's SDK and pydantic import what looks it up anyway."""
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def versions(*packages: str) -> dict[str, str]:
    """Package -> its version, of those that tell it."""
    return {package: version for package in packages if (version := _version(package))}


def _numbers(version: str) -> tuple[int, ...]:
    """``2.8.1`` and ``2.8.1rc1`` alike."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
