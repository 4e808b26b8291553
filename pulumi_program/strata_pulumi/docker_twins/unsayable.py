# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a container's creation the provider has no argument for, or makes otherwise. No I/O.

Why each cannot be said, and what to do instead: docs/pulumi_docker.md.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_body import API_SUBPATH
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_creation import Creation
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.limits import UPDATABLE

from .container import CONFIG, primary_endpoint
from .host_config import LISTS, MEBIBYTE, SAME
from .provider_order import hosts_in_order, words_in_order

_TRAILING = ("Labels", "Healthcheck", "HostConfig", "NetworkingConfig", "ExposedPorts")
_HOST = (
    *(*UPDATABLE, *SAME, *LISTS),
    *("CapAdd", "CapDrop", "PortBindings", "ExtraHosts", "ShmSize", "Ulimits", "LogConfig"),
)


def _in_order(words: list[str]) -> bool:
    return words == words_in_order(words)


def _published(bindings: Mapping[str, list[Mapping[str, str]]]) -> bool:
    return all(binding["HostPort"] for bound in bindings.values() for binding in bound)


def _binds(binds: list[str]) -> bool:
    options = {word for bind in binds for word in bind.split(":")[2].split(",")}
    return options <= {"ro", "rw", "z", "Z"} and all(bind.startswith("/") for bind in binds)


#: Leaf -> whether the provider can say its value; it can say any of the others that it knows.
CONDITIONAL: Mapping[str, Callable[[Any], bool]] = {
    "Cmd": all,
    "HostConfig.Binds": _binds,
    "HostConfig.CapAdd": lambda words: len(set(words)) == len(words),
    "HostConfig.CapDrop": lambda words: len(set(words)) == len(words),
    "HostConfig.Dns": _in_order,
    "HostConfig.DnsOptions": _in_order,
    "HostConfig.DnsSearch": _in_order,
    "HostConfig.ExtraHosts": lambda hosts: hosts == hosts_in_order(hosts),
    "HostConfig.GroupAdd": _in_order,
    "HostConfig.PortBindings": _published,
    "HostConfig.SecurityOpt": lambda words: "systempaths=unconfined" not in words,
    "HostConfig.ShmSize": lambda size: size % MEBIBYTE == 0,
}


def unsayable(creation: Creation, api: tuple[int, ...]) -> tuple[str, ...]:
    """Leaves of the body of *creation* that the provider cannot say, such as ``HostConfig.Annotations``.

    None is a limit, as those are the core's own. *api*: the engine's API version.
    """
    body, host = creation.body, creation.body["HostConfig"]
    found = [
        *_of(body, {*CONFIG, *_TRAILING}, ""),
        *_of(host, _HOST, "HostConfig."),
        *(["StopTimeout"] if body.get("StopTimeout") == 0 else []),
        *(["ExposedPorts"] if {*body.get("ExposedPorts", {})} - {*host.get("PortBindings", {})} else []),
        *(["EndpointConfig.MacAddress"] if _has_address(creation) else []),
        *(["HostConfig.Mounts"] if api < API_SUBPATH and _volume_options(host) else []),
    ]
    return tuple(sorted(found))


def _has_address(creation: Creation) -> bool:
    endpoints = {**primary_endpoint(creation), **creation.endpoints}
    return any("MacAddress" in config for config in endpoints.values())


def _volume_options(host: Mapping[str, Any]) -> bool:
    return any("VolumeOptions" in mount for mount in host["Mounts"])


def _of(tree: Mapping[str, Any], known: Collection[str], prefix: str) -> Iterator[str]:
    """Zero, false and empty say nothing in all of them."""
    for leaf, value in tree.items():
        says = CONDITIONAL.get(f"{prefix}{leaf}", lambda _value: True)
        if value and not (leaf in known and says(value)):
            yield f"{prefix}{leaf}"
