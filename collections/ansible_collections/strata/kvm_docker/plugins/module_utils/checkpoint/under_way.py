# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a killed run was about to do to guests: a note that is there from before the first act until after the last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..errors import CheckpointError
from ..folders import Folders
from ..guest.files import make_private, write_whole

#: ``take``: guests are saved, and go on. ``fetch``: disks are copied beside their places, then guests that are there
#: are removed; all disks are as they were. ``lay``: disks and guests are put in place, and none of them has run yet.
#: ``wake``: guests run, or are about to, and have the time and the random numbers of the checkpoint still.
Doing: TypeAlias = Literal["take", "fetch", "lay", "wake"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """``guests``: which ones. ``disks``: names of the files that are laid, by path."""

    doing: Doing
    guests: tuple[str, ...]
    disks: Mapping[str, str]


def note(environment: str, folders: Folders, under_way: UnderWay) -> None:
    """Write down what is about to be done."""
    make_private(folders.environment(environment))
    write_whole(_path(environment, folders), json.dumps(asdict(under_way)).encode())


def read(environment: str, folders: Folders) -> UnderWay | None:
    """What was not finished; ``None`` where nothing was. Raises :class:`CheckpointError` where the note is damaged."""
    path = _path(environment, folders)
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return UnderWay(doing=found["doing"], guests=tuple(found["guests"]), disks=dict(found["disks"]))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: it is damaged, so nobody can tell what a run that was killed was about to do to guests. Remove "
            "this file, bring the environment down (state: absent), and bring it up again."
        ) from error


def clear(environment: str, folders: Folders) -> None:
    """It is finished."""
    _path(environment, folders).unlink(missing_ok=True)


def _path(environment: str, folders: Folders) -> Path:
    return folders.environment(environment) / "checkpoint.json"
