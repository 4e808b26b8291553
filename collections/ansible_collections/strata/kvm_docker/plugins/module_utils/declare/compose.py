# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The typed model of a Compose project: the Compose Specification's terms, in its long form. No I/O.

Durations are in seconds, sizes in bytes, CPU shares in CPUs. Source of every field: the Compose Specification,
sections "services", "networks", "volumes", "secrets" and "configs".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """How an image is built from a context folder."""

    context: str
    """Absolute path of the folder."""
    dockerfile: str = "Dockerfile"
    """Path relative to the context."""
    dockerfile_inline: str | None = None
    args: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPort:
    """A container port on the guest: ``published`` is a port or a range ``8001-8002``, one of it for each replica."""

    target: int
    published: str | None = None
    host_ip: str | None = None
    protocol: Literal["tcp", "udp", "sctp"] = "tcp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A volume (``source`` names one, or nothing for an anonymous one), a bind mount or a tmpfs of a service."""

    type: Literal["volume", "bind", "tmpfs"]
    target: str
    source: str | None = None
    read_only: bool = False
    nocopy: bool = False
    subpath: str | None = None
    propagation: str | None = None
    tmpfs_size: int | None = None
    tmpfs_mode: int | None = None
    selinux: Literal["z", "Z"] | None = None
    """Of a bind mount: relabelled for sharing (``z``) or for this container alone (``Z``)."""
    create_host_path: bool = True
    """Of a bind mount: a missing folder is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceNetwork:
    """A service's endpoint on a network."""

    aliases: tuple[str, ...] = ()
    ipv4_address: str | None = None
    ipv6_address: str | None = None
    mac_address: str | None = None
    priority: int = 0
    driver_opts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """What a service waits for before it starts."""

    condition: Literal["service_started", "service_healthy", "service_completed_successfully"] = "service_started"
    restart: bool = False
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Healthcheck:
    """``test`` as the engine takes it: ``("CMD", ...)``, ``("CMD-SHELL", line)`` or ``("NONE",)``."""

    test: tuple[str, ...]
    interval: float | None = None
    timeout: float | None = None
    retries: int | None = None
    start_period: float | None = None
    start_interval: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateConfig:
    """How replicas are replaced: ``parallelism`` at once, then ``delay`` seconds of rest."""

    parallelism: int = 1
    delay: float = 0.0
    order: Literal["stop-first", "start-first"] = "stop-first"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReference:
    """A secret or config as a service sees it: a file at ``target``."""

    source: str
    target: str
    uid: str | None = None
    gid: str | None = None
    mode: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ulimit:
    soft: int
    hard: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    driver: str
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device of the engine's host, as the container sees it; ``permissions``: of ``r``, ``w`` and ``m``."""

    source: str
    target: str
    permissions: str = "rwm"


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockIo:
    """Shares and limits of block devices. By device path: weights (10 to 1000), bytes or operations a second."""

    weight: int | None = None
    weight_device: Mapping[str, int] = field(default_factory=dict)
    device_read_bps: Mapping[str, int] = field(default_factory=dict)
    device_read_iops: Mapping[str, int] = field(default_factory=dict)
    device_write_bps: Mapping[str, int] = field(default_factory=dict)
    device_write_iops: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service, normalised. ``image`` is the reference it runs; with ``build`` the tag that the build gets."""

    name: str
    image: str
    build: Build | None = None
    replicas: int = 1
    container_name: str | None = None
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[PublishedPort, ...] = ()
    expose: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    """Of ``volumes`` and ``tmpfs``, in their order."""
    networks: Mapping[str, ServiceNetwork] = field(default_factory=dict)
    network_mode: str | None = None
    depends_on: Mapping[str, Dependency] = field(default_factory=dict)
    healthcheck: Healthcheck | None = None
    restart: str = "no"
    """``no``, ``always``, ``unless-stopped``, ``on-failure`` or ``on-failure:3``."""
    update_config: UpdateConfig = field(default_factory=UpdateConfig)
    secrets: tuple[FileReference, ...] = ()
    configs: tuple[FileReference, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    privileged: bool = False
    read_only: bool = False
    init: bool | None = None
    user: str | None = None
    group_add: tuple[str, ...] = ()
    working_dir: str | None = None
    hostname: str | None = None
    domainname: str | None = None
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    dns_opt: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    """``name:address`` pairs."""
    sysctls: Mapping[str, str] = field(default_factory=dict)
    ulimits: Mapping[str, Ulimit] = field(default_factory=dict)
    logging: Logging | None = None
    stop_signal: str | None = None
    stop_grace_period: float | None = None
    stdin_open: bool = False
    tty: bool = False
    pid: str | None = None
    ipc: str | None = None
    shm_size: int | None = None
    cpus: float | None = None
    """Limit, of ``cpus`` or ``deploy.resources.limits.cpus``."""
    mem_limit: int | None = None
    mem_reservation: int | None = None
    memswap_limit: int | None = None
    """Memory and swap together; -1 for no limit of swap."""
    mem_swappiness: int | None = None
    pids_limit: int | None = None
    cpu_shares: int | None = None
    cpu_period: int | None = None
    """Microseconds, as ``cpu_quota``, ``cpu_rt_period`` and ``cpu_rt_runtime``."""
    cpu_quota: int | None = None
    cpu_rt_period: int | None = None
    cpu_rt_runtime: int | None = None
    cpuset: str | None = None
    oom_kill_disable: bool = False
    oom_score_adj: int = 0
    blkio: BlockIo = field(default_factory=BlockIo)
    devices: tuple[Device, ...] = ()
    device_cgroup_rules: tuple[str, ...] = ()
    cgroup: str | None = None
    """Namespace of control groups: ``host`` or ``private``."""
    cgroup_parent: str | None = None
    userns_mode: str | None = None
    uts: str | None = None
    runtime: str | None = None
    storage_opt: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    pull_policy: Literal["always", "missing", "never"] = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class IpamConfig:
    subnet: str | None = None
    gateway: str | None = None
    ip_range: str | None = None
    aux_addresses: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """``name``: on the engine, ``{project}_{key}`` unless the file says otherwise."""

    name: str
    driver: str = "bridge"
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    ipam_driver: str = "default"
    ipam: tuple[IpamConfig, ...] = ()
    internal: bool = False
    attachable: bool = False
    enable_ipv6: bool = False
    external: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """``name``: on the engine, ``{project}_{key}`` unless the file says otherwise."""

    name: str
    driver: str = "local"
    driver_opts: Mapping[str, str] = field(default_factory=dict)
    external: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    recreate: bool = False
    """A change makes the volume anew, with its data copied; otherwise it is refused."""
    keep: bool = False
    """It is never removed: not as an orphan, not with its project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSource:
    """A secret or config: its content. ``repr`` never shows it."""

    name: str
    content: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A Compose file, read, merged, interpolated and normalised."""

    name: str
    """Prefix of container, network and volume names; the guest's name unless the file has ``name``."""
    file: str
    """Absolute path of the Compose file."""
    services: Mapping[str, Service] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    secrets: Mapping[str, FileSource] = field(default_factory=dict)
    configs: Mapping[str, FileSource] = field(default_factory=dict)
