# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A replica as declared -> the canonical tree in which declared, applied and observed containers are compared. No I/O.

The tree has the leaves of the Docker API's container, so a reader finds each in ``docker inspect``. Lists that have a
key are mappings by it (environment, labels, ports, mounts, ulimits), so that each entry is a leaf of its own. A leaf
that is not declared is left open: the image's or the engine's default holds. What an update changes in place is always
given (see :mod:`.limits`). ``Files`` tells whether the files of secrets and configs are as they were written.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..declare.compose import Healthcheck, Mount, Project, Service, ServiceNetwork
from ..declare.replicas import Replica
from ..plan.secrets import Seal
from .devices import declared_devices
from .file_mounts import INTACT, FileMount, file_mounts
from .labels import pairs
from .limits import declared_limits
from .ports import published

#: Modes of ``network_mode`` that are a network of the engine.
ENGINE_NETWORKS = ("bridge", "host", "none")
#: Clears the image's entrypoint (Docker API: an empty list would keep it); engines show it as none at all.
NO_ENTRYPOINT = [""]
#: Seconds that an engine waits between its stop signal and the end, unless told otherwise (Docker API, StopTimeout).
DEFAULT_GRACE = 10
_NANOSECONDS = 10**9


def container_spec(
    replica: Replica, source: str, addresses: Mapping[tuple[str, str], str], seal: Seal
) -> dict[str, Any]:
    """The canonical tree of *replica*.

    *source*: of its image (see :class:`~..inputs.ImageInput`); *addresses*: see :func:`~.addresses.fixed_addresses`;
    *seal*: names the files of secrets and configs.
    """
    files = tuple(file_mounts(replica, seal))
    return {
        "Image": source,
        "Config": compact(_config(replica)),
        "HostConfig": compact(_host_config(replica, files)),
        "Networking": compact(_networking(replica, addresses)),
        "Files": {file.target: INTACT for file in files},
        "Leftovers": [],
    }


def compact(tree: Mapping[str, Any]) -> dict[str, Any]:
    """*tree* without leaves that are left open (``None``) and without empty mappings."""
    shrunk = {key: compact(value) if isinstance(value, dict) else value for key, value in tree.items()}
    return {key: value for key, value in shrunk.items() if value is not None and value != {}}


def capability(name: str) -> str:
    """``cap_net_admin`` -> ``NET_ADMIN``: engines write it either way."""
    return name.upper().removeprefix("CAP_")


def primary_network(service: Service) -> str | None:
    """Key of the network that the container is created on: the one of highest priority, then the first."""
    return max(service.networks, key=lambda key: service.networks[key].priority, default=None)


def _config(replica: Replica) -> dict[str, Any]:
    service = replica.service
    return {
        "Image": service.image,
        "Cmd": list(service.command) if service.command else None,
        "Entrypoint": None if service.entrypoint is None else list(service.entrypoint) or NO_ENTRYPOINT,
        "Env": pairs(service.environment),
        "Labels": pairs(service.labels),
        "ExposedPorts": dict.fromkeys(_exposed(service), True),
        "User": service.user or None,
        "WorkingDir": service.working_dir or None,
        "Hostname": _hostname(replica),
        "Domainname": service.domainname,
        "Tty": service.tty,
        "OpenStdin": service.stdin_open,
        "Healthcheck": _healthcheck(service.healthcheck) if service.healthcheck else None,
        "StopSignal": service.stop_signal,
        "StopTimeout": DEFAULT_GRACE if service.stop_grace_period is None else math.ceil(service.stop_grace_period),
    }


def _hostname(replica: Replica) -> str | None:
    """Always given, because the engine's default is random; a container in another's network namespace has none."""
    mode = replica.service.network_mode or ""
    shared = "host" in (mode, replica.service.uts) or mode.partition(":")[0] in ("service", "container")
    return replica.service.hostname or (None if shared else replica.name[:63])


def _exposed(service: Service) -> Iterable[str]:
    declared = [f"{port.target}/{port.protocol}" for port in service.ports]
    return declared + [port if "/" in port else f"{port}/tcp" for port in service.expose]


def _healthcheck(check: Healthcheck) -> dict[str, Any]:
    """Zero and an empty test mean the image's own (Docker API, HealthConfig): they are left open."""
    seconds = {
        "Interval": check.interval,
        "Timeout": check.timeout,
        "StartPeriod": check.start_period,
        "StartInterval": check.start_interval,
    }
    nanoseconds = {leaf: round(value * _NANOSECONDS) if value else None for leaf, value in seconds.items()}
    return {"Test": list(check.test) or None, "Retries": check.retries or None, **nanoseconds}


def _host_config(replica: Replica, files: Iterable[FileMount]) -> dict[str, Any]:
    service = replica.service
    return {
        "NetworkMode": _network_mode(replica),
        "PortBindings": published(replica),
        "Mounts": _mounts(replica, files),
        "CapAdd": sorted(map(capability, service.cap_add)) or None,
        "CapDrop": sorted(map(capability, service.cap_drop)) or None,
        "SecurityOpt": dict.fromkeys(service.security_opt, True),
        "Privileged": service.privileged,
        "ReadonlyRootfs": service.read_only,
        "Init": None if service.init is None else str(service.init).lower(),
        "GroupAdd": list(service.group_add) or None,
        "Dns": list(service.dns) or None,
        "DnsSearch": list(service.dns_search) or None,
        "DnsOptions": list(service.dns_opt) or None,
        "ExtraHosts": list(service.extra_hosts) or None,
        "Sysctls": dict(service.sysctls),
        "Ulimits": {name: f"{limit.soft}:{limit.hard}" for name, limit in service.ulimits.items()},
        "LogConfig": {"Type": service.logging.driver, "Config": dict(service.logging.options)}
        if service.logging
        else None,
        "PidMode": _shared(replica.project, service.pid),
        "IpcMode": _shared(replica.project, service.ipc),
        "ShmSize": service.shm_size or None,
        "UTSMode": service.uts or None,
        "UsernsMode": service.userns_mode or None,
        "CgroupnsMode": service.cgroup or None,
        "CgroupParent": service.cgroup_parent or None,
        "Runtime": service.runtime or None,
        "StorageOpt": dict(service.storage_opt),
        "Annotations": pairs(service.annotations),
        "OomScoreAdj": service.oom_score_adj or None,
        "OomKillDisable": service.oom_kill_disable,
        "MemorySwappiness": None if service.mem_swappiness is None else str(service.mem_swappiness),
        **declared_devices(service),
        **declared_limits(service),
    }


def _network_mode(replica: Replica) -> str:
    primary = primary_network(replica.service)
    if replica.service.network_mode or primary is None:
        return _shared(replica.project, replica.service.network_mode) or "none"
    return network_name(replica.project, primary)


def _shared(project: Project, mode: str | None) -> str | None:
    """``service:x`` -> ``container:<name of its first replica>``."""
    kind, _colon, name = (mode or "").partition(":")
    if kind != "service":
        return mode
    return f"container:{Replica(project=project, service=project.services[name], index=1).name}"


def network_name(project: Project, key: str) -> str:
    """Name on the engine of the network *key* of the file."""
    return project.networks[key].name if key in project.networks else key


def _mounts(replica: Replica, files: Iterable[FileMount]) -> dict[str, Any]:
    declared = {mount.target: _mount(replica.project, mount) for mount in replica.service.mounts}
    ours = {file.target: {"Type": "bind", "Source": file.path, "ReadOnly": True, "MustExist": True} for file in files}
    return {**declared, **ours}


def _mount(project: Project, mount: Mount) -> dict[str, Any]:
    """What distinguishes a mount; the options of the API's ``*Options`` are on one level with the rest."""
    source = mount.source
    if mount.type == "volume" and source and source in project.volumes:
        source = project.volumes[source].name
    return {
        "Type": mount.type,
        "Source": source or None,
        "ReadOnly": mount.read_only,
        "NoCopy": mount.nocopy or None,
        "Subpath": mount.subpath,
        "Propagation": mount.propagation,
        "SizeBytes": mount.tmpfs_size,
        "Mode": mount.tmpfs_mode,
        "SELinux": mount.selinux,
        "MustExist": (mount.type == "bind" and must_exist(mount.target, source or "", mount.create_host_path)) or None,
    }


def must_exist(target: str, source: str, created: bool) -> bool:
    """Of the API's two notations of a bind mount, ``Binds`` makes a missing folder, but has no escape for ``:``."""
    return not created or ":" in target + source


def _networking(replica: Replica, addresses: Mapping[tuple[str, str], str]) -> dict[str, Any]:
    service, project = replica.service, replica.project
    if service.network_mode or not service.networks:
        mode = service.network_mode or "none"
        return {"Names": [mode] if mode in ENGINE_NETWORKS else []}
    return {
        "Names": sorted(network_name(project, key) for key in service.networks),
        "Endpoints": {
            network_name(project, key): _endpoint(replica, endpoint, addresses.get((key, replica.name)))
            for key, endpoint in service.networks.items()
        },
    }


def _endpoint(replica: Replica, endpoint: ServiceNetwork, address: str | None) -> dict[str, Any]:
    """The engine resolves the host name without an alias, and lists it among the aliases or not: it does not count."""
    return {
        "Aliases": sorted({replica.service.name, *endpoint.aliases} - {_hostname(replica)}),
        "IPv4Address": address or "",
        "IPv6Address": endpoint.ipv6_address or "",
        "MacAddress": endpoint.mac_address,
        "DriverOpts": dict(endpoint.driver_opts),
    }
