# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of two Compose files as one, and what makes two entries the same (Compose Specification, "Unique resources").

No I/O.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Hashable, Mapping
from typing import Any, TypeAlias

from .located import RESET, Located
from .node import as_text
from .ports import SHORT

Identity: TypeAlias = Callable[[Located], Hashable]


def joined(base: Located, over: Located, identity: Identity | None) -> Located:
    """Both lists; an entry of *over* takes the place of the one of *base* that is the same."""
    result: list[Located] = list(base.value)
    for item in over.value:
        if item.tag == RESET:
            continue
        key = identity(item) if identity else None
        place = next((index for index, other in enumerate(base.value) if identity and identity(other) == key), None)
        if place is None:
            result.append(item)
        else:
            result[place] = item
    return base.with_value(result)


def one_or_more(located: Located) -> Located:
    return located if isinstance(located.value, list) else located.with_value([located])


def addresses(located: Located) -> Located:
    """``extra_hosts`` as a list of ``name=address``."""
    if not isinstance(located.value, dict):
        return one_or_more(located)
    pairs = [(name, address) for name, item in located.value.items() for address in one_or_more(item).value]
    return located.with_value([address.with_value(f"{name}={as_text(address.value)}") for name, address in pairs])


def by_subnet(base: Located, over: Located, merge: Callable[[Located, Located], Located]) -> Located:
    """``ipam.config``: entries of one subnet are merged."""
    if not isinstance(base.value, list) or not isinstance(over.value, list):
        return merge(base, over)
    result: list[Located] = list(base.value)
    for item in over.value:
        place = next((index for index, other in enumerate(result) if _of(other, "subnet") == _of(item, "subnet")), None)
        if place is None:
            result.append(item)
        else:
            result[place] = merge(result[place], item)
    return base.with_value(result)


def _of(located: Located, key: str) -> Any:
    found = located.value.get(key) if isinstance(located.value, dict) else None
    return found.value if found else None


def _text(located: Located) -> Hashable:
    return as_text(located.value) if not isinstance(located.value, (dict, list)) else id(located)


def _target(located: Located) -> Hashable:
    """Of a mount or a device."""
    if isinstance(located.value, dict):
        return str(_of(located, "target"))
    parts = as_text(located.value).split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def _port(located: Located) -> Hashable:
    if isinstance(located.value, dict):
        written = {key: _of(located, key) for key in ("host_ip", "published", "target", "protocol")}
        ip, published, target, protocol = written.values()
    else:
        match = SHORT.fullmatch(as_text(located.value))
        if not match:
            return _text(located)
        ip, published, target, protocol = match["ip"], match["published"], match["target"], match["protocol"]
    return (ip or "0.0.0.0").strip("[]"), str(published), str(target), protocol or "tcp"


def _file(folder: str) -> Identity:
    def target(located: Located) -> Hashable:
        found = _of(located, "target") or _of(located, "source") if isinstance(located.value, dict) else located.value
        return posixpath.join(folder, str(found))

    return target


def _path(located: Located) -> Hashable:
    found = _of(located, "path") if isinstance(located.value, dict) else located.value
    return posixpath.join(located.origin.folder, str(found))


_PLAIN = ("aliases", "cap_add", "cap_drop", "dns", "dns_opt", "dns_search", "expose", "profiles", "tmpfs")
#: By key.
IDENTITIES: Mapping[str, Identity] = {
    **dict.fromkeys(_PLAIN, _text),
    "volumes": _target,
    "devices": _target,
    "ports": _port,
    "configs": _file("/"),
    "secrets": _file("/run/secrets"),
    "env_file": _path,
    "label_file": _path,
}
