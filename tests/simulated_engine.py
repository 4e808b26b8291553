# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that is not there: what a real one shows of a container that was created from a body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Network, Project, Service
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.replicas import Replica
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.addresses import fixed_addresses
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_spec import container_spec
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal

IDENTITY = "0123456789ab" + "0" * 52
SOURCE = "recipe:1"


def project(*services: Service, **fields: Any) -> Project:
    networks = {"default": Network(name="p_default")}
    return Project(
        name="p",
        file="/nowhere/compose.yaml",
        **{"services": {service.name: service for service in services}, "networks": networks, **fields},
    )


def spec(service: Service, index: int = 1, **fields: Any) -> dict[str, Any]:
    """The canonical tree of a replica of *service* in a project of its own."""
    mine = project(service, **fields)
    return container_spec(Replica(project=mine, service=service, index=index), SOURCE, fixed_addresses(mine), Seal())


def inspected(body: Mapping[str, Any], endpoints: Mapping[str, Any], running: bool = True) -> dict[str, Any]:
    """What an engine shows of a container: *body*, defaults of image and engine, and what it adds by itself.

    *endpoints*: configurations of all its networks, of which a body has the first one only.
    """
    return {
        "Id": IDENTITY,
        "Name": "/p-app-1",
        "Image": "sha256:1",
        "Config": _config(body),
        "HostConfig": _host_config(body["HostConfig"]),
        "NetworkSettings": {"Networks": {name: _endpoint(found, body, running) for name, found in endpoints.items()}},
        "State": {"Status": "running" if running else "created", "Running": running, "Paused": False},
    }


def _config(body: Mapping[str, Any]) -> dict[str, Any]:
    entrypoint = body.get("Entrypoint")
    return {
        "Domainname": "",
        "User": "",
        "WorkingDir": "",
        "Cmd": ["of", "image"],
        "Healthcheck": None,
        **{key: value for key, value in body.items() if key not in ("HostConfig", "NetworkingConfig")},
        "Hostname": body.get("Hostname") or IDENTITY[:12],
        "Entrypoint": ["/of-image"] if entrypoint is None else None if entrypoint == [""] else entrypoint,
        "Env": [*body["Env"], "PATH=/of/image"],
        "Labels": {"of": "image", "strata.source": SOURCE, **body["Labels"]},
        "ExposedPorts": {"1/tcp": {}, **body["ExposedPorts"]},
    }


def _host_config(host: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {
        "IpcMode": "private",
        "PidMode": "",
        "ShmSize": 64 * 1024**2,
        "LogConfig": {"Type": "json-file", "Config": {}},
    }
    label = ["label=disable"] if host["Privileged"] else []
    return {
        **defaults,
        **host,
        "PidsLimit": host["PidsLimit"] or None,
        "MemorySwap": host.get("MemorySwap") or 2 * host["Memory"],
        "CapAdd": [f"CAP_{name}" for name in host.get("CapAdd") or ()] or None,
        "SecurityOpt": [*(host["SecurityOpt"] or ()), *label] or None,
        "PortBindings": host["PortBindings"] or None,
        "Binds": host["Binds"] or None,
        "Mounts": host["Mounts"] or None,
    }


def _endpoint(config: Mapping[str, Any], body: Mapping[str, Any], running: bool) -> dict[str, Any]:
    added = [IDENTITY[:12], body.get("Hostname")] if running else []
    address = config.get("MacAddress") or body.get("MacAddress") or "02:42:00:00:00:01"
    return {
        "IPAMConfig": config.get("IPAMConfig"),
        "Aliases": [*config.get("Aliases", ()), *filter(None, added)] or None,
        "NetworkID": "n1" if running else "",
        "MacAddress": address if running else "",
        "DriverOpts": config.get("DriverOpts"),
    }
