# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container's canonical tree -> what the Docker API takes to create, update and connect it. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import EngineError
from ..plan.model import Tree
from .devices import device_lists
from .labels import values
from .limits import UPDATABLE, creation

#: First API version that takes a hardware address for each endpoint, and ``start_interval`` of a health check.
API_ENDPOINT_MAC = API_START_INTERVAL = (1, 44)
#: First API version that mounts a part of a volume.
API_SUBPATH = (1, 45)
#: First API version that keeps annotations.
API_ANNOTATIONS = (1, 43)


def create_body(spec: Tree, labels: Mapping[str, str], api: tuple[int, ...]) -> dict[str, Any]:
    """Body of ``POST /containers/create``; *labels* are our marks, *api* the engine's API version.

    The container is created on its first network only, as engines before API 1.44 do; see :func:`endpoint`.
    """
    require_api(spec, api)
    config = dict(spec["Config"])
    body = {
        **config,
        "Env": list(config.get("Env", {}).values()),
        "Labels": {**values(config.get("Labels")), **labels},
        "ExposedPorts": {port: {} for port in config.get("ExposedPorts", {})},
        "HostConfig": host_config(spec["HostConfig"]),
    }
    primary = spec["HostConfig"]["NetworkMode"]
    if primary in spec["Networking"].get("Endpoints", {}):
        body["NetworkingConfig"] = {"EndpointsConfig": {primary: endpoint(spec, primary, api)}}
        body["MacAddress"] = _legacy_mac(spec, primary, api)
    return body


def require_api(spec: Tree, api: tuple[int, ...]) -> None:
    """Raise :class:`EngineError` for what this engine would ignore without a word."""
    mounts = spec["HostConfig"].get("Mounts", {}).values()
    endpoints = spec["Networking"].get("Endpoints", {})
    needed = {
        "healthcheck.start_interval": (API_START_INTERVAL, "StartInterval" in spec["Config"].get("Healthcheck", {})),
        "volume.subpath": (API_SUBPATH, any("Subpath" in mount for mount in mounts)),
        "annotations": (API_ANNOTATIONS, "Annotations" in spec["HostConfig"]),
        "mac_address on a second network": (
            API_ENDPOINT_MAC,
            any(
                "MacAddress" in found for name, found in endpoints.items() if name != spec["HostConfig"]["NetworkMode"]
            ),
        ),
    }
    if any("SELinux" in mount and "MustExist" in mount for mount in mounts):
        raise EngineError("bind.selinux: engines cannot relabel with create_host_path: false, nor a path with a colon.")
    for what, (version, used) in needed.items():
        if used and api < version:
            raise EngineError(f"{what} needs an engine with API {_dotted(version)}; this one has {_dotted(api)}.")


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _legacy_mac(spec: Tree, network: str, api: tuple[int, ...]) -> str | None:
    found: str | None = spec["Networking"]["Endpoints"][network].get("MacAddress")
    return found if api < API_ENDPOINT_MAC else None


def host_config(spec: Tree) -> dict[str, Any]:
    """``HostConfig`` of *spec*, the canonical one."""
    mounts = spec.get("Mounts", {})
    return {
        **{leaf: value for leaf, value in spec.items() if leaf not in UPDATABLE},
        **creation(spec),
        **device_lists(spec),
        "Annotations": values(spec.get("Annotations")) or None,
        "MemorySwappiness": int(spec["MemorySwappiness"]) if "MemorySwappiness" in spec else None,
        "PortBindings": {
            port: [_binding(found) for found in bound] for port, bound in spec.get("PortBindings", {}).items()
        },
        "Init": spec["Init"] == "true" if "Init" in spec else None,
        "SecurityOpt": list(spec.get("SecurityOpt", {})) or None,
        "Ulimits": [_ulimit(name, limit) for name, limit in spec.get("Ulimits", {}).items()] or None,
        "Binds": [_bind(target, mount) for target, mount in mounts.items() if _makes_its_source(mount)],
        "Mounts": [_mount(target, mount) for target, mount in mounts.items() if not _makes_its_source(mount)],
    }


def _binding(found: str) -> dict[str, str]:
    address, _colon, port = found.rpartition(":")
    return {"HostIp": address, "HostPort": port}


def _ulimit(name: str, limit: str) -> dict[str, Any]:
    soft, _colon, hard = limit.partition(":")
    return {"Name": name, "Soft": int(soft), "Hard": int(hard)}


def _makes_its_source(mount: Tree) -> bool:
    return mount["Type"] == "bind" and not mount.get("MustExist")


def _bind(target: str, mount: Tree) -> str:
    options = [mount[leaf] for leaf in ("Propagation", "SELinux") if leaf in mount]
    return f"{mount['Source']}:{target}:{','.join(['ro' if mount['ReadOnly'] else 'rw', *options])}"


def _mount(target: str, mount: Tree) -> dict[str, Any]:
    options = {
        "VolumeOptions": _some(mount, "NoCopy", "Subpath"),
        "BindOptions": _some(mount, "Propagation"),
        "TmpfsOptions": _some(mount, "SizeBytes", "Mode"),
    }
    given = {name: option for name, option in options.items() if option}
    return {
        "Type": mount["Type"],
        "Source": mount.get("Source", ""),
        "Target": target,
        "ReadOnly": mount["ReadOnly"],
        **given,
    }


def _some(mount: Tree, *leaves: str) -> dict[str, Any]:
    return {leaf: mount[leaf] for leaf in leaves if leaf in mount}


def endpoint(spec: Tree, network: str, api: tuple[int, ...]) -> dict[str, Any]:
    """``EndpointConfig`` of *network*."""
    found = spec["Networking"].get("Endpoints", {}).get(network, {})
    addresses = {leaf: found[leaf] for leaf in ("IPv4Address", "IPv6Address") if found.get(leaf)}
    config = {
        "Aliases": found.get("Aliases"),
        "DriverOpts": found.get("DriverOpts"),
        "IPAMConfig": addresses or None,
        "MacAddress": found.get("MacAddress") if api >= API_ENDPOINT_MAC else None,
    }
    return {leaf: value for leaf, value in config.items() if value}
