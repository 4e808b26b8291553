# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The libraries that the core stands on, imported in one place.

A module must import without them (Ansible reads its documentation on machines that do not have them);
:func:`require` then says in one sentence what to install.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .errors import StrataError

PACKAGES = {"docker": "docker", "libvirt": "libvirt-python", "pydantic": "pydantic", "ruamel.yaml": "ruamel.yaml"}

try:
    from pydantic import BeforeValidator, Field, WithJsonSchema
except ImportError:
    if not TYPE_CHECKING:

        def _absent(*_args: Any, **_kwargs: Any) -> None:
            """Stands for a constraint; nothing is validated before :func:`require` has passed."""

        BeforeValidator = Field = WithJsonSchema = _absent

__all__ = ["BeforeValidator", "Field", "WithJsonSchema", "require"]


def require(*names: str) -> None:
    """Raise :class:`StrataError` naming the Python packages among *names* that cannot be imported."""
    missing = []
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:
            missing.append(PACKAGES.get(name, name))
    if missing:
        raise StrataError(
            f"Python packages missing: {', '.join(missing)}. Install them for the Python that runs the module "
            "(pip install strata-kvm-docker), or set ansible_python_interpreter to one that has them."
        )
