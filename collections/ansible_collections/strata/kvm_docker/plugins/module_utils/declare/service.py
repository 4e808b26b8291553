# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service of a Compose file, normalised to the long form (Compose Specification, "services"). No I/O."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from .build import read_build
from .compose import Dependency, FileReference, Healthcheck, Logging, Service, ServiceNetwork, Ulimit
from .deploy import read_limits, read_replicas, read_update_config
from .mounts import read_mounts
from .node import Node
from .ports import read_ports

_IMAGE = r"[a-z0-9][A-Za-z0-9._/:-]*(@sha256:[0-9a-f]{64})?"
_NAMESPACE = r"host|private|shareable|none|(service|container):[A-Za-z0-9._-]+"
_CAPABILITY = r"[A-Z_]+"


def read_service(name: str, node: Node, project: str) -> Service:
    """The service *name*; what is wrong is among the findings of *node*, and missing in the result."""
    fields = node.fields(KNOWN, UNSUPPORTED)
    values: dict[str, Any] = {key: READERS[key](field) for key, field in fields.items() if key in READERS}
    if "image" not in fields and "build" not in fields and isinstance(node.value, Mapping):
        node.wrong("'image' or 'build' is required")
    values.setdefault("image", f"{project}-{name}")
    values["replicas"] = read_replicas(fields)
    values["update_config"] = read_update_config(fields)
    values |= read_limits(fields)
    values["environment"] = {**_env_file(fields), **values.get("environment", {})}
    values["mounts"] = read_mounts(fields.get("volumes"), fields.get("tmpfs"))
    values["networks"] = _networks(fields)
    return Service(name=name, **values)


def _networks(fields: Mapping[str, Node]) -> dict[str, ServiceNetwork]:
    """A service without networks of its own is on ``default``."""
    mode, networks = fields.get("network_mode"), fields.get("networks")
    if mode and networks:
        mode.wrong("network_mode and networks exclude each other; remove one of them")
    if mode and "ports" in fields and mode.string() != "bridge":
        mode.wrong(f"ports cannot be published with network_mode {mode.string()}; remove one of them")
    if mode:
        return {}
    if networks is None:
        return {"default": ServiceNetwork()}
    if isinstance(networks.value, list):
        return {item.filled(): ServiceNetwork() for item in networks.items()}
    return {key: _endpoint(item) for key, item in networks.mapping().items()}


def _endpoint(node: Node) -> ServiceNetwork:
    if node.value is None:
        return ServiceNetwork()
    fields = node.fields(("aliases", "ipv4_address", "ipv6_address", "mac_address", "priority", "driver_opts"))
    readers: Mapping[str, Callable[[Node], Any]] = {
        "aliases": Node.strings,
        "ipv4_address": Node.ipv4,
        "ipv6_address": Node.ipv6,
        "mac_address": lambda item: item.matching(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", "a hardware address").lower(),
        "priority": lambda item: item.integer(None),
        "driver_opts": Node.pairs,
    }
    return ServiceNetwork(**{key: readers[key](item) for key, item in fields.items()})


def _env_file(fields: Mapping[str, Node]) -> dict[str, str]:
    """What the reader found in the files of ``env_file``, which it read before."""
    return dict(fields["env_file"].value) if "env_file" in fields else {}


def _words(node: Node) -> tuple[str, ...]:
    """A command line, split as a shell does, or a list of words."""
    if isinstance(node.value, list):
        return node.strings()
    try:
        return tuple(shlex.split(node.string()))
    except ValueError as error:
        node.wrong(f"the command line cannot be split into words: {error}")
        return ()


def _depends_on(node: Node) -> dict[str, Dependency]:
    if isinstance(node.value, list):
        return {item.filled(): Dependency() for item in node.items()}
    return {key: _dependency(item) for key, item in node.mapping().items()}


def _dependency(node: Node) -> Dependency:
    if node.value is None:
        node.expected("a mapping with 'condition'")
        return Dependency()
    fields = node.fields(("condition", "restart", "required"))
    values: dict[str, Any] = {key: fields[key].boolean() for key in ("restart", "required") if key in fields}
    if "condition" in fields:
        values["condition"] = fields["condition"].one_of(
            "service_started", "service_healthy", "service_completed_successfully"
        )
    return Dependency(**values)


def _healthcheck(node: Node) -> Healthcheck:
    fields = node.fields(
        ("test", "interval", "timeout", "retries", "start_period", "start_interval", "disable"),
    )
    durations = ("interval", "timeout", "start_period", "start_interval")
    values: dict[str, Any] = {key: fields[key].duration() for key in durations if key in fields}
    if "retries" in fields:
        values["retries"] = fields["retries"].integer()
    if "disable" in fields and fields["disable"].boolean():
        return Healthcheck(test=("NONE",))
    return Healthcheck(test=_health_test(fields["test"]) if "test" in fields else (), **values)


def _health_test(node: Node) -> tuple[str, ...]:
    """Without a test the image's own is kept: the engine takes an empty list for that."""
    if not isinstance(node.value, list):
        return ("CMD-SHELL", node.filled())
    test = node.strings()
    if test[:1] not in (("CMD",), ("CMD-SHELL",), ("NONE",)):
        node.wrong("the list must start with CMD, CMD-SHELL or NONE")
    return test


def _file_references(node: Node, folder: str) -> tuple[FileReference, ...]:
    return tuple(_file_reference(item, folder) for item in node.items())


def _file_reference(node: Node, folder: str) -> FileReference:
    """*folder*: of targets that are relative or not given."""
    if isinstance(node.value, str):
        return FileReference(source=node.filled(), target=f"{folder}{node.value}")
    fields = node.fields(("source", "target", "uid", "gid", "mode"))
    if "source" not in fields:
        node.wrong("'source' is required")
    source = fields["source"].filled() if "source" in fields else ""
    target = fields["target"].filled() if "target" in fields else source
    return FileReference(
        source=source,
        target=target if target.startswith("/") else f"{folder}{target}",
        uid=fields["uid"].string() if "uid" in fields else None,
        gid=fields["gid"].string() if "gid" in fields else None,
        mode=fields["mode"].mode() if "mode" in fields else None,
    )


def _extra_hosts(node: Node) -> tuple[str, ...]:
    """``name:address``, in a list (also ``name=address``) or as a mapping of one address or several."""
    if isinstance(node.value, list):
        return tuple(
            item.matching(r"[^:=\s]+[:=]\S+", 'text like "name:address"').replace("=", ":", 1) for item in node.items()
        )
    return tuple(f"{name}:{address}" for name, item in node.mapping().items() for address in item.one_or_more())


def _ulimits(node: Node) -> dict[str, Ulimit]:
    return {name: _ulimit(item) for name, item in node.mapping().items()}


def _ulimit(node: Node) -> Ulimit:
    if not isinstance(node.value, Mapping):
        return Ulimit(soft=node.integer(-1), hard=node.integer(-1))
    fields = node.fields(("soft", "hard"))
    if len(fields) < 2:
        node.wrong("'soft' and 'hard' are required")
        return Ulimit(soft=0, hard=0)
    return Ulimit(soft=fields["soft"].integer(-1), hard=fields["hard"].integer(-1))


def _logging(node: Node) -> Logging:
    fields = node.fields(("driver", "options"))
    if "driver" not in fields:
        node.wrong("'driver' is required")
    return Logging(
        driver=fields["driver"].filled() if "driver" in fields else "",
        options=fields["options"].pairs() if "options" in fields else {},
    )


def _restart(node: Node) -> str:
    if node.value is False:  # `restart: no`, as readers of YAML 1.1 see it
        return "no"
    what = "no, always, unless-stopped, on-failure or on-failure:3"
    return node.matching(r"no|always|unless-stopped|on-failure(:\d+)?", what)


def _each_matching(pattern: str, what: str) -> Callable[[Node], tuple[str, ...]]:
    return lambda node: tuple(item.matching(pattern, what) for item in node.items())


READERS: Mapping[str, Callable[[Node], Any]] = {
    "image": lambda node: node.matching(_IMAGE, "an image reference, e.g. redis:7"),
    "build": read_build,
    "container_name": lambda node: node.matching(r"[A-Za-z0-9][A-Za-z0-9_.-]+", "a name of a container"),
    "command": _words,
    "entrypoint": _words,
    "environment": Node.pairs,
    "labels": Node.labels,
    "ports": read_ports,
    "expose": _each_matching(r"\d+(-\d+)?(/(tcp|udp|sctp))?", "a port of the container"),
    "network_mode": lambda node: node.matching(
        r"none|host|bridge|(service|container):[A-Za-z0-9._-]+", "none, host, bridge, service:name or container:name"
    ),
    "depends_on": _depends_on,
    "healthcheck": _healthcheck,
    "restart": _restart,
    "secrets": lambda node: _file_references(node, "/run/secrets/"),
    "configs": lambda node: _file_references(node, "/"),
    "cap_add": _each_matching(_CAPABILITY, "a capability in upper case, e.g. NET_ADMIN"),
    "cap_drop": _each_matching(_CAPABILITY, "a capability in upper case, e.g. NET_ADMIN"),
    "security_opt": Node.strings,
    "privileged": Node.boolean,
    "read_only": Node.boolean,
    "init": Node.boolean,
    "user": Node.string,
    "group_add": Node.strings,
    "working_dir": Node.filled,
    "hostname": Node.filled,
    "domainname": Node.filled,
    "dns": lambda node: tuple(item.address() for item in (node.items() if isinstance(node.value, list) else [node])),
    "dns_search": Node.one_or_more,
    "dns_opt": Node.strings,
    "extra_hosts": _extra_hosts,
    "sysctls": Node.pairs,
    "ulimits": _ulimits,
    "logging": _logging,
    "stop_signal": Node.filled,
    "stop_grace_period": Node.duration,
    "stdin_open": Node.boolean,
    "tty": Node.boolean,
    "pid": lambda node: node.matching(_NAMESPACE, "host, service:name or container:name"),
    "ipc": lambda node: node.matching(_NAMESPACE, "host, private, shareable, none, service:name or container:name"),
    "shm_size": Node.size,
}
#: Read together with others, above or in deploy.py.
_TOGETHER = (
    "volumes",
    "tmpfs",
    "networks",
    "env_file",
    "deploy",
    "scale",
    "cpus",
    "mem_limit",
    "mem_reservation",
    "pids_limit",
)
KNOWN = frozenset({*READERS, *_TOGETHER})
UNSUPPORTED = {
    "extends": "write the service out, or use a YAML anchor and <<",
    "profiles": "every service of the file runs; remove those that should not",
    "links": "services of one network find each other by name",
    "external_links": "services of one network find each other by name",
    "mac_address": "write it below the service's network",
    "pull_policy": "an image is pulled when the engine does not have it",
    "platform": "a guest's engine runs images of its own platform",
    "mem_swappiness": "the engine's default is used",
    "develop": "run the play again after a change: only what changed is built and replaced",
    "restart_policy": "use restart",
    "devices": "guests have no devices to pass on",
}
