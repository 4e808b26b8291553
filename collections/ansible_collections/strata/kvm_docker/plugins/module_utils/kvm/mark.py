# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our mark on libvirt objects: whose they are, and what was last applied to them. No I/O.

Ownership is the UUID, which follows from environment, kind and name. Domains and networks carry a ``<metadata>``
element too (https://libvirt.org/formatdomain.html#general-metadata); pools have no place for one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from .. import naming
from ..plan.model import Tree

_OBJECT = f"{{{naming.XML_NAMESPACE}}}object"
_PARTS = {part: f"{{{naming.XML_NAMESPACE}}}{part}" for part in ("applied", "written")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """``applied``: the spec that was last applied. ``written``: all else that the definition said when we
    had written it, by which edits are found."""

    environment: str
    applied: Tree
    written: Tree = field(default_factory=dict)


def claim(environment: str, kind: str, libvirt_name: str, uuid: str) -> tuple[str, bool] | None:
    """(name in the declaration, whether it is ours) of a libvirt object; ``None`` if its name is none of ours."""
    prefix = naming.libvirt_name(environment, "")
    if not libvirt_name.startswith(prefix):
        return None
    name = libvirt_name.removeprefix(prefix)
    return name, uuid == str(naming.object_uuid(environment, kind, name))


def of_another(environment: str, kind: str, libvirt_name: str, uuid: str) -> str:
    """Why a libvirt object with a name of ours cannot be taken over: by its UUID it is another environment's, as names
    of both have hyphens. Empty where it is nobody's."""
    splits = [(libvirt_name[:place], libvirt_name[place + 1 :]) for place in _hyphens(libvirt_name)]
    for owner, name in (*splits, (libvirt_name, libvirt_name)):
        if owner != environment and uuid == str(naming.object_uuid(owner, kind, name)):
            return f"it belongs to environment {owner}. Choose another name, or remove it there."
    return ""


def _hyphens(text: str) -> list[int]:
    return [place for place, letter in enumerate(text) if letter == "-"]


def mark_element(mark: Mark) -> Element:
    """``<metadata>`` that holds *mark*.

    The prefix is spelled out because ElementTree declares namespaces on the root, and libvirt wants it on the element.
    """
    metadata = Element("metadata")
    attributes = {"xmlns:strata": naming.XML_NAMESPACE, "environment": mark.environment}
    marked = SubElement(metadata, "strata:object", attributes)
    for part, tree in (("applied", mark.applied), ("written", mark.written)):
        SubElement(marked, f"strata:{part}").text = _compact(tree)
    return metadata


def bare_mark(mark: Mark) -> str:
    """*mark* for ``virDomainSetMetadata``, which puts it in our namespace by itself."""
    element = Element("object", environment=mark.environment)
    for part, tree in (("applied", mark.applied), ("written", mark.written)):
        SubElement(element, part).text = _compact(tree)
    return to_text(element)


def _compact(tree: Tree) -> str:
    return json.dumps(tree, sort_keys=True, separators=(",", ":"))


def read_mark(root: Element) -> Mark | None:
    """The mark in an object's XML; ``None`` where there is no whole one."""
    marked = root.find(f"metadata/{_OBJECT}")
    if marked is None:
        return None
    applied, written = (_tree(marked.findtext(tag)) for tag in _PARTS.values())
    if applied is None or written is None:
        return None
    return Mark(environment=marked.get("environment", ""), applied=applied, written=written)


def _tree(text: str | None) -> Mapping[str, Any] | None:
    try:
        tree = json.loads(text or "null")
    except ValueError:
        return None
    return tree if isinstance(tree, dict) else None


def drifted_first(defined: Tree, live: Tree, applied: Tree) -> dict[str, Any]:
    """One spec of an object that has two: what is *defined* for its next start, and what is *live*.

    A part that was defined otherwise than *applied* counts; where it was not, what is live does.
    """
    return {part: live[part] if defined[part] == applied.get(part) else defined[part] for part in defined}


def to_text(root: Element) -> str:
    """*root* as XML text."""
    return ElementTree.tostring(root, encoding="unicode")
