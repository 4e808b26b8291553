# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of a module that declares one network, volume or image -> the model that a Compose file makes. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar

from ..errors import DeclarationError, Problem
from ..naming import LABEL_PREFIX
from .check_shared import PREDEFINED
from .compose import Build, IpamConfig, Network, Service, Volume
from .node import as_text
from .scalars import REFERENCE, WORDS

T = TypeVar("T")

_FILE = "options"
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]+"


def network_of(options: Mapping[str, Any]) -> Network:
    """The network; raises :class:`DeclarationError`."""
    ipam = options["ipam"] or {"driver": "default", "config": []}
    _check_name(options)
    if options["name"] in PREDEFINED:
        raise _wrong("name", f"{options['name']!r} is a network of the engine's own; take another name")
    return Network(
        name=options["name"],
        driver=options["driver"],
        driver_opts=_texts(options["driver_opts"]),
        ipam_driver=ipam["driver"],
        ipam=tuple(_subnet(index, config) for index, config in enumerate(ipam["config"])),
        internal=options["internal"],
        attachable=options["attachable"],
        enable_ipv6=options["enable_ipv6"],
        labels=_labels(options["labels"], "labels"),
    )


def volume_of(options: Mapping[str, Any]) -> Volume:
    """The volume; raises :class:`DeclarationError`."""
    _check_name(options)
    return Volume(
        name=options["name"],
        driver=options["driver"],
        driver_opts=_texts(options["driver_opts"]),
        labels=_labels(options["labels"], "labels"),
        recreate=options["recreate"],
        keep=options["keep"],
    )


def image_service(options: Mapping[str, Any]) -> Service:
    """A service that needs the image and that nobody runs; raises :class:`DeclarationError`."""
    name, build = options["name"], options["build"]
    if not re.fullmatch(REFERENCE, name):
        raise _wrong("name", f"it must be {WORDS[REFERENCE]}; it is {name!r}")
    return Service(name="image", image=name, build=_build(build) if build else None)


def _build(build: Mapping[str, Any]) -> Build:
    if build["dockerfile_inline"] is not None and build["dockerfile"] != "Dockerfile":
        raise _wrong("build.dockerfile", "dockerfile and dockerfile_inline exclude each other; keep one of them")
    return Build(
        context=build["context"],
        dockerfile=build["dockerfile"],
        dockerfile_inline=build["dockerfile_inline"],
        args=_texts(build["args"]),
        target=build["target"],
        labels=_labels(build["labels"], "build.labels"),
    )


def _check_name(options: Mapping[str, Any]) -> None:
    if not re.fullmatch(_NAME, options["name"]):
        form = "at least two characters, letters, digits, _ . -, the first one a letter or digit"
        raise _wrong("name", f"it must be a name for the engine: {form}; it is {options['name']!r}")


def _subnet(index: int, config: Mapping[str, Any]) -> IpamConfig:
    """In the form in which the engine shows it."""
    path = f"ipam.config.{index}"
    subnet = _parsed(ip_network, config["subnet"], f"{path}.subnet")
    inside = {key: config[key] for key in ("gateway", "ip_range") if config[key]}
    found = {key: _parsed(ip_network, value, f"{path}.{key}") for key, value in inside.items()}
    for key, part in found.items():
        if part.version != subnet.version or not part.subnet_of(subnet):  # type: ignore[arg-type] # one version
            raise _wrong(f"{path}.{key}", f"{inside[key]} is outside of {subnet}")
    auxiliary = _texts(config["aux_addresses"])
    return IpamConfig(
        subnet=str(subnet),
        gateway=str(found["gateway"][0]) if "gateway" in found else None,
        ip_range=str(found["ip_range"]) if "ip_range" in found else None,
        aux_addresses={
            key: str(_parsed(ip_address, value, f"{path}.aux_addresses")) for key, value in auxiliary.items()
        },
    )


def _parsed(parse: Callable[[str], T], text: str, path: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise _wrong(path, str(error)) from error


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): "" if value is None else as_text(value) for key, value in values.items()}


def _labels(values: Mapping[str, Any], path: str) -> dict[str, str]:
    if any(key.startswith(LABEL_PREFIX) for key in values):
        raise _wrong(path, f"labels that begin with {LABEL_PREFIX} are ours; take another name")
    return _texts(values)


def _wrong(path: str, message: str) -> DeclarationError:
    return DeclarationError([Problem(_FILE, 0, path, message)])
