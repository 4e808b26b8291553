# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scalar types of the declaration: how each is written, checked and described. No I/O."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Annotated, Any

from ..errors import StrataError
from ..requirements import BeforeValidator, Field, WithJsonSchema

_UNITS = {"": 1, "b": 1, "k": 1, "m": 2, "g": 3, "t": 4}
_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])i?b?|b)?\s*$", re.IGNORECASE)
_MIB = 1024**2
#: Nobody means so few MiB where a unit is missing.
_FEW = 64
#: MiB of a guest, below which no kernel boots, of a disk, and of a container (moby's linuxMinMemory).
LEAST_GUEST = 16
LEAST_DISK = 1
LEAST_CONTAINER = 6


def parse_bytes(value: Any) -> int:
    """Bytes of ``768MiB``, ``1 GiB``, ``1g`` or a plain number; powers of 1024, as the Compose Specification has it."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise ValueError("not a size; write it like 768 MiB, 1 GiB or 1g")
    if isinstance(value, int):
        return value
    match = _SIZE.match(value)
    if not match:
        raise ValueError(f"{value!r} is not a size; write it like 768 MiB, 1 GiB or 1g")
    unit = (match[2] or "").lower()
    size = float(match[1]) * (1024 ** _UNITS[unit] if unit else 1)
    if math.isinf(size):
        raise ValueError("too large for a size")
    return int(size)


def _refuse_small(size: int, least: int, written: Any) -> None:
    """Raise :class:`ValueError` where *size*, so *written*, is below *least* MiB; mostly its unit is missing."""
    if size >= least * _MIB:
        return
    unit = "MiB" if size >= _FEW else "GiB"
    forgotten = size > 0 and str(written).strip() == str(size)
    advice = f", in bytes; did you mean {size} {unit}?" if forgotten else ""
    raise ValueError(f"it must be at least {least} MiB; it is {written!r}{advice}")


def at_least(least: int) -> Callable[[Any], int]:
    """As :func:`parse_bytes`, of *least* MiB or more."""

    def parse(value: Any) -> int:
        size = parse_bytes(value)
        _refuse_small(size, least, value)
        return size

    return parse


NAME = r"^[a-z][a-z0-9_-]{0,39}$"
GROUP = r"^[A-Za-z_][A-Za-z0-9_]*$"
PACKAGE = r"^[a-z0-9][a-z0-9+.:-]+(=[A-Za-z0-9.+:~-]+)?$"
REFERENCE = r"^[a-z0-9][A-Za-z0-9._/:-]*(@sha256:[0-9a-f]{64})?$"
PROJECT = r"^[a-z0-9][a-z0-9_-]*$"
SHA256 = r"^(sha256:)?[0-9a-f]{64}$"
MAC = r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$"
DOMAIN = r"^[a-z0-9-]+(\.[a-z0-9-]+)*$"
HOST = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$"
ABSOLUTE_PATH = r"^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$"
JUMP_HOST = r"^[A-Za-z0-9._-]+(@[A-Za-z0-9._-]+)?(:[0-9]+)?$"

#: What each pattern means, for people.
WORDS = {
    NAME: "a name: lower-case letters, digits, - and _, starting with a letter, at most 40 characters",
    GROUP: "a name of an Ansible group: letters, digits and _, not starting with a digit",
    PACKAGE: "a Debian package: its name, or name=version",
    REFERENCE: "an image reference, e.g. redis:7 or registry.example/team/app:1.0",
    PROJECT: "lower-case letters, digits, - and _, the first one a letter or digit",
    SHA256: "a SHA-256 digest: 64 hexadecimal digits in lower case",
    MAC: "a hardware address in lower case, e.g. 52:54:00:12:34:56",
    DOMAIN: "a DNS domain in lower case, e.g. lab.internal",
    HOST: "a host name in lower case, e.g. db or db.lab.internal",
    ABSOLUTE_PATH: "an absolute path of letters, digits, ., _ and -, e.g. /srv/data",
    JUMP_HOST: "a host for OpenSSH's ProxyJump, e.g. root@hypervisor.example",
}


def check_name(option: str, name: str) -> None:
    """Raise :class:`StrataError` where an *option* that becomes part of paths and of names in libvirt is no name."""
    if not re.fullmatch(NAME, name):
        raise StrataError(f"{option}: {name!r} is not {WORDS[NAME]}.")


Name = Annotated[str, Field(pattern=NAME)]
GroupName = Annotated[str, Field(pattern=GROUP)]
PackageName = Annotated[str, Field(pattern=PACKAGE)]
Reference = Annotated[str, Field(pattern=REFERENCE)]
Sha256 = Annotated[str, Field(pattern=SHA256)]
MacAddress = Annotated[str, Field(pattern=MAC)]
DomainName = Annotated[str, Field(pattern=DOMAIN)]
HostName = Annotated[str, Field(pattern=HOST)]
AbsolutePath = Annotated[str, Field(pattern=ABSOLUTE_PATH)]
JumpHost = Annotated[str, Field(pattern=JUMP_HOST)]
Text = Annotated[str, Field(min_length=1)]
Port = Annotated[int, Field(ge=1, le=65535)]
Mtu = Annotated[int, Field(ge=576, le=65535)]
#: QEMU's machines have at most 4096 processors; a day is more than any boot takes.
Processors = Annotated[int, Field(ge=1, le=4096)]
Seconds = Annotated[int, Field(ge=1, le=86400)]
_WRITTEN = WithJsonSchema({"type": ["string", "integer"], "examples": ["768 MiB", "1 GiB", "1g"]})
Memory = Annotated[int, BeforeValidator(at_least(LEAST_GUEST)), _WRITTEN]
DiskSize = Annotated[int, BeforeValidator(at_least(LEAST_DISK)), _WRITTEN]
#: Types of what is written as a size.
SIZES = (Memory, DiskSize)


class FilePath:
    """A field that is written as the path of a file, or several: the reader puts what it read there."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(_paths)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        path = {"type": "string", "minLength": 1}
        return {"anyOf": [path, {"type": "array", "items": path, "minItems": 1}]}


def _paths(value: Any) -> Any:
    paths = value if isinstance(value, list) else [value]
    if not paths:
        raise ValueError("[] names no file; write the path of one, or leave the key out")
    if not all(isinstance(path, str) and path for path in paths):
        raise ValueError("it must be the path of a file, or a list of paths")
    return value
