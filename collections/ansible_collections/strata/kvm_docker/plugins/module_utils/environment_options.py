# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of a whole environment share: their options, and the way from them to one run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from .converge import Options, Outcome, State, converge
from .folders import Folders
from .progress import Progress

#: Options of every module that reads a declaration.
DECLARATION: dict[str, dict[str, Any]] = {
    "declaration": {"type": "path", "required": True},
    "state_folder": {"type": "path"},
}
#: Options of those that bring it to a state, or tell what that would take.
CONVERGING: dict[str, dict[str, Any]] = {
    **DECLARATION,
    "state": {"type": "str", "choices": list(get_args(State)), "default": "present"},
    "orphans": {"type": "str", "choices": ["report", "remove"], "default": "report"},
    "replace_guests": {"type": "bool", "default": False},
    "adopt": {"type": "bool", "default": False},
}
#: Of those that act, where they have them: fields of :class:`~.converge.Options`.
ACTING = ("lock", "lock_timeout", "wait_timeout", "start", "allow_clone")


def converged(params: Mapping[str, Any], check: bool, progress: Progress) -> Outcome:
    """Converge as the options :data:`CONVERGING` say, or with *check* tell what that would change.

    How long is waited, and what is done with a lock, is said by those that act.
    """
    options = Options(
        folders=Folders.of(params["state_folder"]),
        progress=progress,
        check=check,
        remove_orphans=params["orphans"] == "remove",
        replace_guests=params["replace_guests"],
        adopt=params["adopt"],
        **{option: params[option] for option in ACTING if option in params},
    )
    return converge(Path(params["declaration"]), params["state"], options)
