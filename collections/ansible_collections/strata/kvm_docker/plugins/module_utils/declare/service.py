# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service of a Compose file, normalised to the long form (Compose Specification, "services")."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from .build import read_build
from .compose import Dependency, FileReference, Healthcheck, Logging, Service, Ulimit
from .deploy import read_limits, read_replicas, read_restart, read_update_config
from .devices import read_blkio, read_devices
from .endpoints import read_endpoints
from .env_file import read_env_files, read_label_files
from .mounts import read_mounts
from .node import Node
from .ports import read_ports
from .scalars import REFERENCE, WORDS

HEALTHCHECK = ("test", "interval", "timeout", "retries", "start_period", "start_interval", "disable")
DEPENDENCY = ("condition", "restart", "required")
FILE_REFERENCE = ("source", "target", "uid", "gid", "mode")
_NAMESPACE = r"host|private|shareable|none|(service|container):[A-Za-z0-9._-]+"
_CAPABILITY = r"[A-Z_]+"


def read_service(name: str, node: Node, project: str) -> Service:
    """The service *name*; what is wrong is among the findings of *node*, and missing in the result."""
    fields = node.fields(KNOWN, UNSUPPORTED)
    values: dict[str, Any] = {
        _FIELDS.get(key, key): READERS[key](field) for key, field in fields.items() if key in READERS
    }
    if "image" not in fields and "build" not in fields and isinstance(node.value, Mapping):
        node.wrong("'image' or 'build' is required")
    values.setdefault("image", f"{project}-{name}")
    values["replicas"] = read_replicas(fields)
    values["restart"] = read_restart(fields)
    values["update_config"] = read_update_config(fields)
    values |= read_limits(fields)
    values["environment"] = {**read_env_files(fields.get("env_file")), **values.get("environment", {})}
    values["labels"] = {**read_label_files(fields.get("label_file")), **values.get("labels", {})}
    values["mounts"] = read_mounts(fields.get("volumes"), fields.get("tmpfs"))
    values["networks"] = read_endpoints(fields)
    _check_memory(values, fields)
    return Service(name=name, **values)


def _check_memory(values: Mapping[str, Any], fields: Mapping[str, Node]) -> None:
    """What an engine refuses together."""
    swap, memory, reserved = (values.get(key) for key in ("memswap_limit", "mem_limit", "mem_reservation"))
    if swap is not None and swap > 0 and (not memory or swap < memory):
        fields["memswap_limit"].wrong("it is memory and swap together: it needs a mem_limit, and must not be below it")
    if memory and reserved and reserved > memory:
        place = fields.get("mem_reservation") or fields["deploy"]
        place.wrong("the reservation of memory is above its limit; lower it")
    for key in ("cpu_period", "cpu_quota"):
        if "cpus" in values and key in fields:
            fields[key].wrong(f"cpus says the same as {key}; keep one of them")


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
    fields = node.fields(DEPENDENCY)
    values: dict[str, Any] = {key: fields[key].boolean() for key in ("restart", "required") if key in fields}
    if "condition" in fields:
        values["condition"] = fields["condition"].one_of(
            "service_started", "service_healthy", "service_completed_successfully"
        )
    return Dependency(**values)


def _healthcheck(node: Node) -> Healthcheck:
    fields = node.fields(HEALTHCHECK)
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
    fields = node.fields(FILE_REFERENCE)
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


def _pull_policy(node: Node) -> str:
    """``if_not_present`` is an older name."""
    policy = node.one_of("always", "missing", "if_not_present", "never")
    return "missing" if policy == "if_not_present" else policy


def _microseconds(node: Node) -> int:
    """A whole number, or a duration like ``50ms``."""
    if isinstance(node.value, str) and not node.value.lstrip("-").isdigit():
        return round(node.duration() * 1_000_000)
    return node.integer(-1)


def _each_matching(pattern: str, what: str) -> Callable[[Node], tuple[str, ...]]:
    return lambda node: tuple(item.matching(pattern, what) for item in node.items())


READERS: Mapping[str, Callable[[Node], Any]] = {
    "image": lambda node: node.matching(REFERENCE, WORDS[REFERENCE]),
    "build": read_build,
    "pull_policy": _pull_policy,
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
    "memswap_limit": lambda node: -1 if str(node.value) == "-1" else node.size(),
    "mem_swappiness": lambda node: node.integer(0, 100),
    "oom_kill_disable": Node.boolean,
    "oom_score_adj": lambda node: node.integer(-1000, 1000),
    "cpu_shares": Node.integer,
    "cpu_period": _microseconds,
    "cpu_quota": _microseconds,
    "cpu_rt_period": _microseconds,
    "cpu_rt_runtime": _microseconds,
    "cpuset": lambda node: node.matching(r"\d+(-\d+)?(,\d+(-\d+)?)*", "processors like 0-2,4"),
    "blkio_config": read_blkio,
    "devices": read_devices,
    "device_cgroup_rules": _each_matching(r"[acb] (\d+|\*):(\d+|\*) [rwm]{1,3}", 'a rule like "c 1:3 mr"'),
    "cgroup": lambda node: node.one_of("host", "private"),
    "cgroup_parent": Node.filled,
    "userns_mode": lambda node: node.one_of("host"),
    "uts": lambda node: node.one_of("host"),
    "runtime": Node.filled,
    "storage_opt": Node.pairs,
    "annotations": Node.labels,
}
#: Fields of the model that are named otherwise.
_FIELDS = {"blkio_config": "blkio"}
#: Read together with others, above or in deploy.py and read_compose.py.
_TOGETHER = (
    "volumes",
    "tmpfs",
    "networks",
    "mac_address",
    "env_file",
    "label_file",
    "deploy",
    "restart",
    "scale",
    "cpus",
    "mem_limit",
    "mem_reservation",
    "pids_limit",
    "profiles",
    "extends",
)
KNOWN = frozenset({*READERS, *_TOGETHER})
_BY_NAME = "services of one network find each other by name"
_WINDOWS = "it is for Windows only"
UNSUPPORTED = {
    "attach": "containers run in the background; docker logs shows what they say",
    "cpu_count": _WINDOWS + "; use cpus",
    "cpu_percent": _WINDOWS + "; use cpus",
    "credential_spec": _WINDOWS,
    "develop": "run the play again after a change: only what changed is built and replaced",
    "external_links": _BY_NAME,
    "gpus": "guests have no GPU to pass on",
    "isolation": _WINDOWS,
    "links": _BY_NAME + "; a second name goes into aliases of the network",
    "models": "run the model as a service",
    "platform": "a guest's engine runs images of its own platform",
    "post_start": "let the entrypoint do it, or a service with depends_on",
    "pre_stop": "let the process do it on its stop_signal",
    "provider": "only containers are run; declare what it provides elsewhere",
    "pull_refresh_after": "use pull_policy, or another tag",
    "restart_policy": "use restart",
    "use_api_socket": "mount /var/run/docker.sock if you mean it",
    "volumes_from": "name the same volumes in both services",
}
