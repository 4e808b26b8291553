# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our project in the words of ``docker compose config --format json``, without what is a default there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    BlockIo,
    Build,
    FileReference,
    Mount,
    Network,
    Project,
    PublishedPort,
    Service,
    Volume,
)

#: Fields of a service that have another name or form there; all others are alike.
_OTHERWISE = frozenset(
    (
        *("name", "blkio", "build", "configs", "depends_on", "devices", "extra_hosts", "healthcheck", "logging"),
        *("mounts", "networks", "ports", "secrets", "ulimits", "update_config"),
    )
)


def as_compose(project: Project) -> dict[str, Any]:
    return {
        "name": project.name,
        "services": {name: _service(service) for name, service in project.services.items()},
        "networks": {name: _network(network) for name, network in project.networks.items()},
        "volumes": {name: _volume(volume) for name, volume in project.volumes.items()},
        "secrets": {name: source.content for name, source in project.secrets.items()},
        "configs": {name: source.content for name, source in project.configs.items()},
    }


def _plain(item: Any, *without: str) -> dict[str, Any]:
    """Fields of a dataclass; tuples as lists."""
    found = {field.name: getattr(item, field.name) for field in fields(item) if field.name not in without}
    return {
        key: list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value
        for key, value in found.items()
    }


def _service(service: Service) -> dict[str, Any]:
    health = service.healthcheck
    return {
        **_plain(service, *_OTHERWISE),
        "blkio_config": _blkio(service.blkio),
        "build": _build(service.build) if service.build else None,
        "configs": [_reference(reference) for reference in service.configs],
        "secrets": [_reference(reference) for reference in service.secrets],
        "depends_on": {name: _plain(dependency) for name, dependency in service.depends_on.items()},
        "devices": [_plain(device) for device in service.devices],
        "extra_hosts": sorted(host.replace(":", "=", 1) for host in service.extra_hosts),
        "healthcheck": _plain(health) if health else None,
        "logging": _plain(service.logging) if service.logging else None,
        "volumes": [_mount(mount) for mount in service.mounts],
        "networks": {name: _plain(endpoint) for name, endpoint in service.networks.items()},
        "ports": [_port(port) for port in service.ports],
        "ulimits": {name: _plain(limit) for name, limit in service.ulimits.items()},
        "update_config": _plain(service.update_config),
    }


def _blkio(blkio: BlockIo) -> dict[str, Any]:
    rates = {
        key: [{"Path": path, "Rate": rate} for path, rate in value.items()]
        for key, value in _plain(blkio).items()
        if key.startswith("device_")
    }
    weights = [{"Path": path, "Weight": weight} for path, weight in blkio.weight_device.items()]
    return {"weight": blkio.weight, "weight_device": weights, **rates}


def _build(build: Build) -> dict[str, Any]:
    return _plain(build, "dockerfile") if build.dockerfile_inline else _plain(build)


def _reference(reference: FileReference) -> dict[str, Any]:
    return _plain(reference)


def _port(port: PublishedPort) -> dict[str, Any]:
    return _plain(port)


def _mount(mount: Mount) -> dict[str, Any]:
    bind = {"propagation": mount.propagation, "create_host_path": mount.create_host_path, "selinux": mount.selinux}
    return {
        "type": mount.type,
        "source": mount.source,
        "target": mount.target,
        "read_only": mount.read_only,
        "bind": bind if mount.type == "bind" else None,
        "volume": {"nocopy": mount.nocopy, "subpath": mount.subpath},
        "tmpfs": {"size": mount.tmpfs_size, "mode": mount.tmpfs_mode},
    }


def _network(network: Network) -> dict[str, Any]:
    ipam = {"driver": network.ipam_driver, "config": [_plain(config) for config in network.ipam]}
    return {**_plain(network, "ipam_driver"), "ipam": ipam}


def _volume(volume: Volume) -> dict[str, Any]:
    return _plain(volume)
