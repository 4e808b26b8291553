# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of an environment's seals, in its private folder; see :class:`~.plan.secrets.Seal`.

Without it, or with another one, nothing is lost but that a secret's drift is told as a new declaration.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from .folders import Folders
from .guest.files import make_private, write_whole
from .plan.secrets import Seal

_BYTES = 32


def have(environment: str, folders: Folders) -> Seal:
    """The seal of *environment*, its key made where there is none. Callers hold the environment's lock."""
    found = find(environment, folders)
    if not found.key:
        make_private(folders.environment(environment))
        write_whole(_path(environment, folders), secrets.token_bytes(_BYTES))
    return find(environment, folders)


def find(environment: str, folders: Folders) -> Seal:
    """The seal of *environment*; one without a key where none was made yet. Changes nothing."""
    try:
        return Seal(_path(environment, folders).read_bytes())
    except FileNotFoundError:
        return Seal()


def _path(environment: str, folders: Folders) -> Path:
    return folders.environment(environment) / "seal.key"
