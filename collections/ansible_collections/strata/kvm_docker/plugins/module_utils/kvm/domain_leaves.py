# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a domain's XML says, by part, and what somebody else has changed of it. No I/O.

What libvirt fills in is no edit: the definition is read back right after it was written, and that is what is compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TypeAlias
from xml.etree.ElementTree import Element

#: Part -> path in it -> value. A device's path starts with its own name, ``vda`` or ``rng 1``, and a colon.
Leaves: TypeAlias = Mapping[str, Mapping[str, str]]

#: Parts of a definition that no leaf of a guest's spec tells; what is in none of them is of the last one.
PARTS = (
    "os",
    "features",
    "cpu",
    "clock",
    "on_poweroff",
    "on_reboot",
    "on_crash",
    "disk",
    "interface",
    "serial",
    "rng",
    "memballoon",
    "other",
)
#: ``genid`` is the ``uuid``, until libvirt draws another for a guest that comes out of saved memory.
_TOLD_ELSEWHERE = frozenset(
    {"name", "uuid", "genid", "metadata", "description", "memory", "currentMemory", "vcpu", "vcpus"}
)
#: Of an interface: what the spec tells of it.
_INTERFACE_TOLD = frozenset({"mac", "link"})
#: What a later libvirt, or the start of a guest, may add by itself.
_FILLED_IN = re.compile(
    r"(resource|seclabel|pm|devices/(audio|input|controller|console|video|watchdog|emulator))\b"
    r"|os/(loader|nvram|firmware)\b|.*/(alias|address|backingStore)\b|cpu@migratable"
)
#: Devices that can be plugged into a running guest, beside disks and interfaces.
_PLUGGED = frozenset(
    {"channel", "filesystem", "hostdev", "hub", "memory", "redirdev", "rng", "serial", "shmem", "vsock", "watchdog"}
)


def definition_leaves(root: Element) -> dict[str, dict[str, str]]:
    """Every leaf of the definition *root* (https://libvirt.org/formatdomain.html) that no spec tells."""
    found: dict[str, dict[str, str]] = {}
    for element in root:
        if element.tag == "devices":
            for name, device in _named(element):
                part = device.tag if device.tag in PARTS else "other"
                skipped = _INTERFACE_TOLD if device.tag == "interface" else frozenset()
                found.setdefault(part, {}).update((f"{name}: {path}", value) for path, value in _flat(device, skipped))
        elif element.tag not in _TOLD_ELSEWHERE:
            part = element.tag if element.tag in PARTS else "other"
            found.setdefault(part, {}).update(
                (f"{element.tag}{path}" if path[:1] == "@" else f"{element.tag}/{path}".rstrip("/"), value)
                for path, value in _flat(element)
            )
    return found


def edits(now: Leaves, written: Leaves, spoken_for: frozenset[str]) -> dict[str, list[str]]:
    """Part -> what is not as it was *written*, in words. *spoken_for*: devices whose absence is told elsewhere."""
    found: dict[str, list[str]] = {part: [] for part in PARTS}
    if not written:
        found["other"].append("its definition was interrupted")
        return found
    for part in PARTS:
        found[part] += _edits(now.get(part, {}), written.get(part, {}), spoken_for)
    return found


def beyond(now: Leaves, ours: Leaves) -> dict[str, list[str]]:
    """Part -> what a definition of somebody else says that *ours* does not, in words; not what it lacks."""
    theirs = {
        part: {path: value for path, value in leaves.items() if not _filled_in(path)} for part, leaves in now.items()
    }
    shared = {
        part: {path: value for path, value in ours.get(part, {}).items() if path in leaves}
        for part, leaves in theirs.items()
    }
    return edits(theirs, shared, frozenset())


def plugged(defined: Element, live: Element, spoken_for: frozenset[str]) -> dict[str, list[str]]:
    """Part -> devices that a running guest has beyond its definition, or lacks, in words; as in :func:`edits`."""
    before, after = _devices(defined), _devices(live)
    words = [(name, "added while it runs") for name in sorted(after - before) if name[1] not in spoken_for]
    words += [(name, "removed while it runs") for name in sorted(before - after) if name[1] not in spoken_for]
    found: dict[str, list[str]] = {}
    for (tag, name), word in words:
        found.setdefault(tag if tag in PARTS else "other", []).append(f"{name} {word}")
    return found


def _edits(now: Mapping[str, str], was: Mapping[str, str], spoken_for: frozenset[str]) -> Iterator[str]:
    have, had = {_owner(path) for path in now}, {_owner(path) for path in was}
    yield from (f"{name} added" for name in sorted(have - had - {""}) if not _filled_in(name))
    yield from (f"{name} removed" for name in sorted(had - have - spoken_for - {""}))
    for path in sorted(now.keys() | was.keys()):
        owner = _owner(path)
        if owner and not (owner in have and owner in had):
            continue
        if path not in was:
            if not _filled_in(path):
                yield f"{path} is {now[path]}, added"
        elif now.get(path) != was[path]:
            yield f"{path} is {now.get(path, 'gone')}, not {was[path]}"


def _owner(path: str) -> str:
    """The device that a path belongs to; empty where it is of none."""
    return path.partition(": ")[0] if ": " in path else ""


def _filled_in(path: str) -> bool:
    """A device's path as the pattern has it: ``devices/<tag ...>``."""
    return bool(_FILLED_IN.match(f"devices/{path.replace(': ', '/')}") or _FILLED_IN.match(path))


def _named(devices: Element) -> Iterator[tuple[str, Element]]:
    """A disk by its target, an interface by its network, any other device by its place among those of its kind."""
    seen: Counter[str] = Counter()
    for device in devices:
        name = _name(device)
        seen[name] += 1
        yield (name if seen[name] == 1 and device.tag in ("disk", "interface") else f"{name} {seen[name]}"), device


def _name(device: Element) -> str:
    if device.tag == "disk":
        return f"disk {_attribute(device, 'target', 'dev')}"
    if device.tag == "interface":
        return f"interface {_attribute(device, 'source', 'network') or device.get('type', '')}"
    return device.tag


def _attribute(device: Element, tag: str, name: str) -> str:
    element = device.find(tag)
    return "" if element is None else element.get(name, "")


def _devices(root: Element) -> set[tuple[str, str]]:
    devices = root.find("devices")
    named = _named(devices) if devices is not None else ()
    return {
        (device.tag, name) for name, device in named if device.tag in ("disk", "interface") or device.tag in _PLUGGED
    }


def _flat(element: Element, skipped: frozenset[str] = frozenset(), path: str = "") -> Iterator[tuple[str, str]]:
    """(path, value) of every attribute and text below *element*; elements of one name are numbered from the second."""
    for name, value in element.attrib.items():
        yield f"{path}@{name}", value
    text = (element.text or "").strip()
    if text or not (element.attrib or len(element)):
        yield path, text
    seen: Counter[str] = Counter()
    for child in element:
        if child.tag in skipped:
            continue
        seen[child.tag] += 1
        number = f"[{seen[child.tag]}]" if seen[child.tag] > 1 else ""
        yield from _flat(child, frozenset(), f"{path}/{child.tag}{number}".lstrip("/"))
