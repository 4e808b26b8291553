# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``volumes`` and ``tmpfs`` of a service, short and long syntax (Compose Specification, "volumes"). No I/O."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any, Literal, cast

from .compose import Mount
from .node import Node
from .scalars import parse_bytes

#: Folder on a guest that is Strata's alone: what is in it comes and goes with the containers.
RESERVED = PurePosixPath("/var/lib/strata")
_PROPAGATION = ("rprivate", "private", "rshared", "shared", "rslave", "slave")
_RELATIVE = (
    "{source!r} is a path on this machine, but the engine runs in the guest. Write a path of the guest that starts "
    "with /, use a named volume, or bring files along as configs or in an image"
)
_OURS = (
    f"{{source!r}} is in {RESERVED} of the guest, where Strata keeps and deletes files of its own. Choose another path"
)


KNOWN = ("type", "source", "target", "read_only", "bind", "volume", "tmpfs")
UNSUPPORTED = {"consistency": "engines on Linux do not know it", "cluster": "it is for swarms only"}
OPTIONS = {
    "bind": ("propagation", "create_host_path", "selinux"),
    "volume": ("nocopy", "subpath"),
    "tmpfs": ("size", "mode"),
}
REFUSED_OPTIONS = {
    "bind": {"recursive": "what is mounted below the folder comes along"},
    "volume": {"labels": "declare the volume at the top level, with its labels"},
}
REFUSED_TYPES = {
    "npipe": "it is for Windows only",
    "cluster": "it is for swarms only; use a named volume",
    "image": "the engine's API has no such mount yet; build the files into the service's image",
}


def read_mounts(volumes: Node | None, tmpfs: Node | None) -> tuple[Mount, ...]:
    """Mounts in their order; a target can be mounted on but once."""
    return tuple(_unique([*(_volumes(volumes) if volumes else ()), *(_tmpfs(tmpfs) if tmpfs else ())]))


def _unique(found: list[tuple[Node, Mount]]) -> Iterator[Mount]:
    seen: set[str] = set()
    for node, mount in found:
        target = mount.target.rstrip("/") or "/"
        if target in seen:
            node.wrong(f"{target} is mounted on twice in this service")
        seen.add(target)
        yield mount


def _volumes(node: Node) -> Iterator[tuple[Node, Mount]]:
    for item in node.items():
        mount = _long(item) if isinstance(item.value, dict) else _short(item)
        if not mount:
            continue
        if not mount.target.startswith("/"):
            item.wrong(f"the target {mount.target!r} must be a path that starts with /")
        if mount.type == "bind":
            _check_bind(item, mount.source or "")
        yield item, mount


def _check_bind(node: Node, source: str) -> None:
    if not source.startswith("/"):
        node.wrong(_RELATIVE.format(source=source))
    elif _plain(source).is_relative_to(RESERVED):
        node.wrong(_OURS.format(source=source))


def _plain(path: str) -> PurePosixPath:
    """*path* without ``..`` and doubled slashes; ``normpath`` alone keeps two at the beginning."""
    return PurePosixPath("/" + posixpath.normpath(path).lstrip("/"))


def _short(node: Node) -> Mount | None:
    """``target``, ``source:target`` or ``source:target:mode,mode``."""
    if not isinstance(node.value, str):
        node.expected('a volume like "data:/var/lib/data:ro"')
        return None
    parts = node.value.split(":")
    if len(parts) > 3 or not all(parts):
        node.expected('a volume like "data:/var/lib/data:ro"')
        return None
    if len(parts) == 1:
        return Mount(type="volume", target=parts[0])
    source, target = parts[:2]
    mount = Mount(type="bind" if source[0] in "/.~" else "volume", source=source, target=target)
    for option in parts[2].split(",") if len(parts) == 3 else ():
        mount = _with_option(node, mount, option)
    return mount


def _with_option(node: Node, mount: Mount, option: str) -> Mount:
    if option in ("rw", "ro"):
        return replace(mount, read_only=option == "ro")
    if option == "nocopy" and mount.type == "volume":
        return replace(mount, nocopy=True)
    if option in _PROPAGATION and mount.type == "bind":
        return replace(mount, propagation=option)
    if option in ("z", "Z") and mount.type == "bind":
        return replace(mount, selinux=cast(Literal["z", "Z"], option))
    known = "ro, rw, nocopy (volumes), propagation, z and Z (binds)"
    node.wrong(f"option {option!r} is not supported here; known are {known}")
    return mount


def _long(node: Node) -> Mount | None:
    fields = node.fields(KNOWN, UNSUPPORTED)
    if "type" not in fields or "target" not in fields:
        node.wrong("'type' and 'target' are required")
        return None
    kind = _type(fields["type"])
    if not kind:
        return None
    for other in OPTIONS.keys() & fields.keys() - {kind}:
        fields[other].wrong(f"options of a {other} do not fit type {kind}")
    if kind == "tmpfs" and "source" in fields:
        fields["source"].wrong("a tmpfs has no source")
    options = fields[kind].fields(OPTIONS[kind], REFUSED_OPTIONS.get(kind)) if kind in fields else {}
    return Mount(
        type=kind,
        source=fields["source"].filled() if "source" in fields and kind != "tmpfs" else None,
        target=fields["target"].filled(),
        read_only=fields["read_only"].boolean() if "read_only" in fields else False,
        **{_FIELDS.get((kind, key), key): _OPTION[key](item) for key, item in options.items()},
    )


def _type(node: Node) -> Literal["volume", "bind", "tmpfs"] | None:
    if isinstance(node.value, str) and node.value in REFUSED_TYPES:
        node.wrong(f"type {node.value!r} is not supported; {REFUSED_TYPES[node.value]}")
        return None
    return cast(Literal["volume", "bind", "tmpfs"], node.one_of(*OPTIONS))


#: Fields of the model whose names differ.
_FIELDS = {("tmpfs", "size"): "tmpfs_size", ("tmpfs", "mode"): "tmpfs_mode"}
_OPTION: Mapping[str, Callable[[Node], Any]] = {
    "propagation": lambda node: node.one_of(*_PROPAGATION),
    "create_host_path": Node.boolean,
    "selinux": lambda node: node.one_of("z", "Z"),
    "nocopy": Node.boolean,
    "subpath": Node.filled,
    "size": Node.size,
    "mode": Node.mode,
}


def _tmpfs(node: Node) -> Iterator[tuple[Node, Mount]]:
    """``/run`` or ``/run:size=64m,mode=1777``, one or a list."""
    for item in node.items() if isinstance(node.value, list) else [node]:
        target, _colon, options = item.string().partition(":")
        if not target.startswith("/"):
            item.wrong(f"the target {target!r} must be a path that starts with /")
        mount = Mount(type="tmpfs", target=target)
        for option in options.split(",") if options else ():
            mount = _with_tmpfs_option(item, mount, option)
        yield item, mount


def _with_tmpfs_option(node: Node, mount: Mount, option: str) -> Mount:
    name, _equals, value = option.partition("=")
    try:
        if name == "size":
            return replace(mount, tmpfs_size=parse_bytes(value))
        if name == "mode" and re.fullmatch("[0-7]{3,5}", value):
            return replace(mount, tmpfs_mode=int(value, 8))
    except ValueError as error:
        node.wrong(str(error))
        return mount
    node.wrong(f"option {option!r} is not supported; known are size=64m and mode=1777")
    return mount
