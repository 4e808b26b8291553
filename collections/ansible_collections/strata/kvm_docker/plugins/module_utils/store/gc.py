# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects what nobody refers to in the store, least recently used first, down to a budget."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from ..folders import Folders
from ..guest.image_store import idle, recipes_folder, using
from .items import Item, items
from .use import References, forget_gone, references


@dataclass(frozen=True, slots=True)
class Verdict:
    """``kept``: why an item stays; empty for one that goes."""

    item: Item
    kept: str


def choose(found: Iterable[Item], refers: References, keep: int = 0) -> list[Verdict]:
    """What goes of the items *found*, in the order that it goes in, and what stays, in its own. Pure.

    What nobody refers to goes, least recently used first, until no more than *keep* bytes are left; leftovers always
    do. An image goes after every layer on it.
    """
    found = list(found)
    held = {item.path: reason for item in found if (reason := _referred(item, refers))}
    for item in found:
        if item.path in held and item.parent:
            held |= {each.path: held[item.path] for each in found if each.name == item.parent and each.path not in held}
    left, gone = sum(item.size for item in found), []
    for item in sorted((item for item in found if item.path not in held), key=lambda item: _order(item, found)):
        if item.kind == "leftover" or left > keep:
            gone.append(item)
            left -= item.size
    stay = (Verdict(item, held.get(item.path, "within the budget")) for item in found if item not in gone)
    return [*(Verdict(item, "") for item in gone), *stay]


def collect(folders: Folders, keep: int = 0, dry_run: bool = False, disks: Iterable[Path] = ()) -> list[Verdict]:
    """Remove what :func:`choose` says, but what is being made; with *dry_run* only tell. *disks*: files, beside those
    of the known pools, that may stand on the store.

    A piece is renamed out of its place before it is deleted: a killed collection leaves no half piece there.
    """
    if not folders.images.is_dir():
        return []
    with ExitStack() as stack:
        if not dry_run:
            stack.enter_context(using(folders, alone=True))
            forget_gone(folders)
        chosen = choose(items(folders), references(folders, disks), keep)
        busy = _busy(folders, chosen, stack)
        verdicts = [Verdict(each.item, "being made") if each.item.path in busy else each for each in chosen]
        for verdict in () if dry_run else verdicts:
            if not verdict.kept:
                _remove(folders, verdict.item)
    return verdicts


def _referred(item: Item, refers: References) -> str:
    """Who refers to *item*; empty for nobody."""
    standing = next(
        (who for path, who in refers.standing.items() if path == item.path or item.path in path.parents), ""
    )
    declared = next((refers.declared[digest] for digest in item.made_for if digest in refers.declared), "")
    return standing or (declared if item.kind != "leftover" else "")


def _order(item: Item, found: Iterable[Item]) -> tuple[bool, float, bool]:
    """Leftovers, then by age; an image is as young as the youngest layer on it."""
    above = (each.used for each in found if each.parent == item.name)
    return item.kind != "leftover", max((item.used, *above)), item.kind == "guest image"


def _busy(folders: Folders, verdicts: Iterable[Verdict], stack: ExitStack) -> set[Path]:
    """Paths of what is to go and is being made; who would begin to make any other of it waits for *stack*."""
    going = [verdict.item for verdict in verdicts if not verdict.kept]
    names = dict.fromkeys(name for item in going for name in (item.name, *item.made_for))
    free = {name for name in names if "/" in name or stack.enter_context(idle(folders, name))}
    return {item.path for item in going if not {item.name, *item.made_for} <= free}


def _remove(folders: Folders, item: Item) -> None:
    for recipe in item.made_for if item.kind == "guest image" else ():
        (recipes_folder(folders) / f"{recipe}.json").unlink(missing_ok=True)
    if item.path.is_dir():
        staging = folders.images / ".staging"
        staging.mkdir(exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix="removed.", dir=staging)) / "piece"
        item.path.rename(aside)
        shutil.rmtree(aside.parent)
    else:
        item.path.unlink(missing_ok=True)
