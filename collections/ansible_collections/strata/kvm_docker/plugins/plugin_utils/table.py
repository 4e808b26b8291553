# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result of the ``environment`` module as a few lines for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

HEADINGS = ("GUEST", "ADDRESS", "ENGINE", "CONTAINER", "STATE", "HEALTH", "PORTS")


def lines(result: Mapping[str, Any], check: bool = False) -> list[str]:
    """What was (in check mode: would be) changed; outside check mode the guests, their containers and
    published ports as well."""
    shown = [headline(result, check), *_lock(result.get("lock") or {}, check)]
    shown += [*_orphans(result.get("orphans") or ()), *_unobserved(result.get("unobserved") or ())]
    if check:
        return shown + [f"  {_change(change)}" for change in result["plan"]]
    guests = result.get("guests") or []
    if guests:
        shown += ["", *align([HEADINGS, *_rows(guests)]), ""]
        shown += [address for guest in guests for address in guest.get("published", ())]
    return shown


def headline(result: Mapping[str, Any], check: bool) -> str:
    """``two_hosts: 3 changes (2 create, 1 replace) in 20.1 s``."""
    total = len(result["plan"])
    counts = Counter(change["action"] for change in result["plan"])
    actions = ", ".join(f"{count} {action}" for action, count in counts.items())
    made = f"{total} change{'s' if total > 1 else ''} ({actions})" if total else "nothing to change"
    seconds = sum((result.get("seconds") or {}).values())
    return f"{result['environment']}: {'would make ' if check and total else ''}{made} in {seconds:.1f} s"


def _lock(lock: Mapping[str, Any], check: bool) -> Iterator[str]:
    """A line where it is written, and one for each input that is not what it said."""
    if lock.get("changed"):
        yield f"{lock['path']}: {'would be ' if check else ''}written"
        yield from (f"  {move['path']}: {_moved(move)}" for move in lock["moved"])


def _moved(move: Mapping[str, Any]) -> str:
    return "is new" if move["locked"] is None else "is gone" if move["now"] is None else "moved"


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell, two blanks apart, nothing at the end of a line."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _rows(guests: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for guest in guests:
        left = (guest["name"], str(guest.get("address") or ""), str(guest.get("engine") or ""))
        containers = guest.get("containers") or []
        if not containers:
            yield (*left, "", "", "", "")
        for container in containers:
            ports = ", ".join(container.get("ports") or ())
            yield (*left, container["name"], container["state"], container.get("health") or "", ports)
            left = ("", "", "")


def _orphans(orphans: Sequence[str]) -> Iterator[str]:
    if orphans:
        yield f"no longer declared, and left alone (orphans: remove): {', '.join(orphans)}"


def _unobserved(guests: Sequence[str]) -> Iterator[str]:
    if guests:
        yield f"engine not looked at: guest {', '.join(guests)}"


def _change(change: Mapping[str, Any]) -> str:
    name = f"{change['guest']}/{change['name']}" if change["guest"] else change["name"]
    return f"{change['action']} {change['kind']} {name}: {change['reason']}"
