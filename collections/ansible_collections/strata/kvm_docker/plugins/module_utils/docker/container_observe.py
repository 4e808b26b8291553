# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A container as the engine shows it -> the same canonical tree as :mod:`.container_spec` makes. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..naming import LABEL_SOURCE
from ..plan.model import Tree
from .container_spec import DEFAULT_GRACE, ENGINE_NETWORKS, NO_ENTRYPOINT, capability, compact
from .devices import observed_devices
from .file_mounts import INTACT, FilesFound, is_file_mount
from .image_marks import ListedImage
from .labels import declared_labels, pairs
from .limits import observed_limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the inspection of one container does not tell.

    ``environment``: whose images count as ours. ``names``: container id -> name. ``networks``: ids of the networks
    that there are. ``images``: by id. ``sources``: image reference -> declared source (see
    :class:`~..inputs.ImageInput`). ``limits_swap``: the engine can. ``files``: what there is
    of the files of secrets and configs.
    """

    environment: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    networks: frozenset[str] = frozenset()
    images: Mapping[str, ListedImage] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    limits_swap: bool = True
    files: FilesFound = field(default_factory=FilesFound)


def observed_spec(
    inspected: Mapping[str, Any], around: Surroundings, made_as: Tree, leftovers: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The canonical tree of *inspected*, the answer to ``GET /containers/{id}/json``.

    *made_as*: what was applied. *leftovers*: names of containers that an interrupted replacement left beside it.
    """
    host = compact(_host_config(inspected["HostConfig"], around, made_as.get("HostConfig", {})))
    return {
        "Image": image_source(inspected, around),
        "Config": compact(_config(inspected["Config"], made_as)),
        "HostConfig": host,
        "Networking": compact(_networking(inspected, made_as)),
        "Files": {
            target: around.files.states.get(mount["Source"], INTACT)
            for target, mount in host.get("Mounts", {}).items()
            if is_file_mount(mount)
        },
        "Leftovers": list(leftovers),
    }


def image_source(inspected: Mapping[str, Any], around: Surroundings) -> str:
    """What the image that the container runs was made from; its id where we did not put it there.

    An image that the engine lists no more, as others are built on it, is known by the label that the container has
    of it.
    """
    config = inspected["Config"]
    image = around.images.get(inspected["Image"])
    unknown = f"image:{inspected['Image']}"
    if image is None:
        return str((config["Labels"] or {}).get(LABEL_SOURCE, unknown))
    reference = config["Image"]
    return image.origin(around.environment, reference, around.sources.get(reference, "")) or unknown


def _config(config: Mapping[str, Any], made_as: Tree) -> dict[str, Any]:
    """*made_as* tells a cleared entrypoint from none, which look the same."""
    cleared = made_as.get("Config", {}).get("Entrypoint") == NO_ENTRYPOINT
    plain = ("Image", "Cmd", "User", "WorkingDir", "Hostname", "Domainname", "Tty", "OpenStdin")
    return {
        **{leaf: config.get(leaf) for leaf in (*plain, "StopSignal")},
        "StopTimeout": DEFAULT_GRACE if config.get("StopTimeout") is None else config["StopTimeout"],
        "Entrypoint": config.get("Entrypoint") or (NO_ENTRYPOINT if cleared else None),
        "Env": {pair.partition("=")[0]: pair for pair in config.get("Env") or ()},
        "Labels": declared_labels(config.get("Labels")),
        "ExposedPorts": dict.fromkeys(config.get("ExposedPorts") or (), True),
        "Healthcheck": config.get("Healthcheck") or {},
    }


def _host_config(host: Mapping[str, Any], around: Surroundings, made_as: Tree) -> dict[str, Any]:
    plain = (
        "Privileged",
        "ReadonlyRootfs",
        "Init",
        "GroupAdd",
        "Dns",
        "DnsSearch",
        "DnsOptions",
        "ExtraHosts",
        "ShmSize",
        "UTSMode",
        "UsernsMode",
        "CgroupnsMode",
        "CgroupParent",
        "Runtime",
        "OomScoreAdj",
        "OomKillDisable",
    )
    logging, swappiness = host.get("LogConfig") or {}, host.get("MemorySwappiness")
    return {
        **{leaf: host.get(leaf) for leaf in plain},
        **observed_limits(host, made_as, around.limits_swap),
        **observed_devices(host),
        **{leaf: _by_name(host.get(leaf), around) for leaf in ("NetworkMode", "PidMode", "IpcMode")},
        **{leaf: sorted(map(capability, host.get(leaf) or ())) for leaf in ("CapAdd", "CapDrop")},
        "Init": None if host.get("Init") is None else str(host["Init"]).lower(),
        "PortBindings": {port: _bindings(bound) for port, bound in (host.get("PortBindings") or {}).items()},
        "Mounts": _mounts(host, around.files.former),
        "SecurityOpt": dict.fromkeys(host.get("SecurityOpt") or (), True),
        "Sysctls": host.get("Sysctls") or {},
        "Ulimits": {limit["Name"]: f"{limit['Soft']}:{limit['Hard']}" for limit in host.get("Ulimits") or ()},
        "LogConfig": {"Type": logging.get("Type"), "Config": logging.get("Config") or {}},
        "StorageOpt": host.get("StorageOpt") or {},
        "Annotations": pairs(host.get("Annotations")),
        "MemorySwappiness": None if swappiness is None or swappiness < 0 else str(swappiness),
    }


def _by_name(mode: str | None, around: Surroundings) -> str | None:
    """``container:<id>`` -> ``container:<name>``; an id that is gone stays, which differs from any declared name."""
    kind, _colon, identity = (mode or "").partition(":")
    return f"container:{around.names.get(identity, identity)}" if kind == "container" else mode


def _bindings(bound: list[dict[str, str]] | None) -> list[str]:
    return sorted(f"{binding.get('HostIp', '')}:{binding.get('HostPort', '')}" for binding in bound or ())


def _mounts(host: Mapping[str, Any], former: Mapping[str, str]) -> dict[str, Any]:
    """*former*: paths of files that are called otherwise now."""
    binds = (bind.split(":") for bind in host.get("Binds") or ())
    found = {
        **{target: _bind(source, *options) for source, target, *options in binds},
        **{mount["Target"]: _mount(mount) for mount in host.get("Mounts") or ()},
    }
    return {
        target: {**mount, "Source": former.get(mount["Source"], mount["Source"])} for target, mount in found.items()
    }


def _bind(source: str, options: str = "") -> dict[str, Any]:
    words = options.split(",")
    propagation = next((word for word in words if word.lstrip("r") in ("shared", "slave", "private")), None)
    relabelled = next((word for word in words if word in ("z", "Z")), None)
    return {
        "Type": "bind",
        "Source": source,
        "ReadOnly": "ro" in words,
        "Propagation": propagation,
        "SELinux": relabelled,
    }


def _mount(mount: Mapping[str, Any]) -> dict[str, Any]:
    options = [mount.get(name) or {} for name in ("VolumeOptions", "BindOptions", "TmpfsOptions")]
    flat = {leaf: value for option in options for leaf, value in option.items()}
    given = {leaf: flat.get(leaf) for leaf in ("NoCopy", "Subpath", "Propagation", "SizeBytes", "Mode")}
    return {
        "Type": mount["Type"],
        "Source": mount.get("Source") or None,
        "ReadOnly": mount.get("ReadOnly", False),
        "MustExist": mount["Type"] == "bind" or None,
        **given,
    }


def _networking(inspected: Mapping[str, Any], made_as: Tree) -> dict[str, Any]:
    found = endpoints(inspected, made_as)
    return {"Names": sorted(found), "Endpoints": found if _custom(inspected) else {}}


def endpoints(inspected: Mapping[str, Any], made_as: Tree) -> dict[str, Any]:
    """The container's endpoints by name of their network, in canonical form; *made_as*: what was applied."""
    attached = inspected["NetworkSettings"]["Networks"] or {}
    last = made_as.get("Networking", {}).get("Endpoints", {})
    return {name: _endpoint(found, inspected, last.get(name, {})) for name, found in attached.items()}


def _custom(inspected: Mapping[str, Any]) -> bool:
    """Its networks have endpoints that a declaration speaks of."""
    return inspected["HostConfig"]["NetworkMode"] not in ("default", *ENGINE_NETWORKS)


def broken(inspected: Mapping[str, Any], around: Surroundings) -> str:
    """Why the container can only be replaced; empty when it can be worked on.

    A container that was never started has no network ids yet. One that is attached to a network that was removed, even
    if another of that name is there now, cannot be started and (on some engines) not be detached.
    """
    if inspected["State"]["Status"] in ("dead", "removing"):
        return f"it is {inspected['State']['Status']}"
    for name, found in (inspected["NetworkSettings"]["Networks"] or {}).items():
        if found.get("NetworkID") and found["NetworkID"] not in around.networks:
            return f"its network {name} was removed"
    return ""


def running(inspected: Mapping[str, Any]) -> bool:
    """Whether it is up."""
    state = inspected["State"]
    return bool(state["Running"]) and not state["Paused"]


def succeeded(inspected: Mapping[str, Any]) -> bool:
    """Whether it ran to its end without an error."""
    return bool(inspected["State"]["Status"] == "exited" and inspected["State"]["ExitCode"] == 0)


def _endpoint(found: Mapping[str, Any], inspected: Mapping[str, Any], made_as: Tree) -> dict[str, Any]:
    """A container that does not run shows no hardware address: what was applied stands for it."""
    ipam = found.get("IPAMConfig") or {}
    own = {inspected["Id"][:12], inspected["Config"]["Hostname"]}
    return {
        "Aliases": sorted(set(found.get("Aliases") or ()) - own),
        "IPv4Address": ipam.get("IPv4Address", ""),
        "IPv6Address": ipam.get("IPv6Address", ""),
        "MacAddress": found.get("MacAddress") or made_as.get("MacAddress"),
        "DriverOpts": found.get("DriverOpts") or {},
    }
