# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""XML as a JSON-like tree whose paths say what they are about and stay when the order of elements changes. No I/O."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from itertools import count, repeat
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ...naming import XML_NAMESPACE
from ...plan.model import Tree

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

TEXT = "#text"
_LIBVIRT_NAMESPACE = re.compile(r"http://libvirt\.org/schemas/\w+/(\w+)/[\d.]+")

#: Element -> what tells it from others of its name: alternatives, each of parts that must all be there. A part is an
#: attribute, one of a child (``target@dev``) or the element's text. The first alternative that no other shares counts.
_IDENTITIES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "address": (("@uuid",), ("@domain", "@bus", "@slot", "@function")),
    "audio": (("@id",),),
    "cachetune": (("@vcpus",),),
    "cell": (("@id",),),
    "channel": (("target@name",), ("target@type", "target@port")),
    "console": (("target@type", "target@port"),),
    "controller": (("@type", "@index"),),
    "device": (("@path",),),
    "disk": (("target@dev",),),
    "entry": (("@name",), ("@file",)),
    "feature": (("@name",),),
    "filesystem": (("target@dir",),),
    "forwarder": (("@domain", "@addr"), ("@domain",), ("@addr",)),
    "graphics": (("@type",),),
    "host": (("@ip",), ("@mac",), ("@name", "@port"), ("@name",), ("@id",)),
    "hostdev": (("source/address@uuid",), ("source/address@domain", "source/address@bus", "source/address@slot")),
    "hostname": ((TEXT,),),
    "input": (("@type", "@bus"), ("@type",)),
    "interface": (
        ("source@network",),
        ("source@bridge",),
        ("source@dev",),
        ("source@network", "mac@address"),
        ("mac@address",),
        ("@dev",),
    ),
    "iothread": (("@id",),),
    "iothreadpin": (("@iothread",),),
    "ip": (("@address",),),
    "memnode": (("@cellid",),),
    "memorytune": (("@vcpus",),),
    "panic": (("@model",),),
    "parallel": (("target@port",),),
    "parameter": (("@name",),),
    "pf": (("@dev",),),
    "portgroup": (("@name",),),
    "qemu:env": (("@name",),),
    "range": (("@start",),),
    "rng": (("@model",),),
    "route": (("@address", "@prefix"), ("@address", "@netmask"), ("@address",)),
    "seclabel": (("@model",),),
    "serial": (("target@type", "target@port"),),
    "shmem": (("@name",),),
    "srv": (("@service", "@protocol", "@domain", "@target"), ("@service", "@protocol")),
    "tag": (("@id",),),
    "timer": (("@name",),),
    "txt": (("@name",),),
    "vcpu": (("@id",),),
    "vcpupin": (("@vcpu",),),
    "vcpusched": (("@vcpus",),),
}


def tree_of(xml: str) -> Tree:
    """What is below the root of *xml*: attributes as ``@name``, children by name, texts as ``#text`` or as the value.

    An element with an identity has it as its key, ``disk[vda]``, even if it is alone; others of one name are numbered,
    ``boot[0]``. Names in the namespaces of libvirt and in ours have a short prefix, others are ``{namespace}name``.
    """
    return _tree(ElementTree.fromstring(xml))


def name_of(segment: str) -> str:
    """The element's name, ``disk`` of ``disk[vda]``."""
    return segment if segment.startswith("{") else segment.partition("[")[0]


def _tree(root: Element) -> dict[str, Any]:
    tree: dict[str, Any] = {f"@{_short(name)}": value for name, value in root.attrib.items()}
    for name, siblings in _by_name(root).items():
        for key, child in zip(_keys(name, siblings), siblings, strict=True):
            tree[key] = _tree(child) if child.attrib or len(child) else child.text or ""
    text = "".join((root.text or "", *(child.tail or "" for child in root))).strip()
    return {**tree, TEXT: text} if text else tree


def _by_name(root: Element) -> dict[str, list[Element]]:
    found: dict[str, list[Element]] = {}
    for child in root:
        found.setdefault(_short(child.tag), []).append(child)
    return found


def _short(name: str) -> str:
    if not name.startswith("{"):
        return name
    namespace, _brace, local = name[1:].partition("}")
    known = _LIBVIRT_NAMESPACE.fullmatch(namespace)
    prefix = "strata" if namespace == XML_NAMESPACE else known and known[1]
    return f"{prefix}:{local}" if prefix else name


def _keys(name: str, siblings: list[Element]) -> list[str]:
    """A key for each, no two of them the same."""
    candidates = [[_value(one, parts) for one in siblings] for parts in _IDENTITIES.get(name, ())]
    counts = [Counter(column) for column in candidates]
    values = {value for column in candidates for value in column}
    numbers = (str(number) for number in count() if str(number) not in values)
    used, keys = {""}, []
    for own in zip(*candidates, strict=True) if candidates else repeat((), len(siblings)):
        free = (value for value, times in zip(own, counts, strict=True) if times[value] == 1 and value not in used)
        found = next(free, "") or (next(numbers) if len(siblings) > 1 else "")
        used.add(found)
        keys.append(f"{name}[{found}]" if found else name)
    return keys


def _value(element: Element, parts: tuple[str, ...]) -> str:
    """The parts joined by ``:``; empty where one is missing."""
    values = [_part(element, part) for part in parts]
    return ":".join(values) if all(values) else ""


def _part(element: Element, part: str) -> str:
    if part == TEXT:
        return element.text or ""
    path, _at, attribute = part.partition("@")
    found = element.find(path) if path else element
    return "" if found is None else found.get(attribute, "")
