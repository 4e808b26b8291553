# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is applied to a real engine is found again, field by field."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    BlockIo,
    Device,
    FileReference,
    FileSource,
    Healthcheck,
    IpamConfig,
    Logging,
    Mount,
    Network,
    PublishedPort,
    Service,
    ServiceNetwork,
    Ulimit,
    Volume,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import file_mounts, rollout
from container_lab import LocalShell, Stack, sleeper

pytestmark = pytest.mark.lab

LAN = Network(name="fields_lan", ipam=(IpamConfig(subnet="10.91.0.0/24"),))

#: Field -> values. Each is applied over the one before and found again; the last one is taken away.
FIELDS: dict[str, tuple[Any, ...]] = {
    "command": (("sleep", "1000"), ("sleep", "2000")),
    "entrypoint": (("sh", "-c", "sleep 1000"), ()),
    "environment": ({"A": "1", "EMPTY": "", "PASSWORD": "x=y"}, {"A": "2"}),
    "labels": ({"a": "1", "empty": ""}, {"a": "2"}),
    "ports": (
        (
            PublishedPort(target=80, published="18080-18081"),
            PublishedPort(target=53, published="18053-18054", protocol="udp"),
        ),
        (PublishedPort(target=80, published="18082-18083", host_ip="127.0.0.1"), PublishedPort(target=81)),
    ),
    "expose": (("80", "90/udp"), ("80",)),
    "mounts": (
        (
            Mount(type="volume", source="data", target="/data"),
            Mount(type="volume", target="/anonymous"),
            Mount(type="bind", source="/usr", target="/host", read_only=True, propagation="rprivate"),
            Mount(type="tmpfs", target="/scratch", tmpfs_size=1024**2, tmpfs_mode=0o1777),
        ),
        (
            Mount(type="volume", source="data", target="/data", read_only=True, nocopy=True),
            Mount(type="bind", source="/usr", target="/host"),
            Mount(type="tmpfs", target="/scratch"),
        ),
    ),
    "networks": (
        {"default": ServiceNetwork(aliases=("one", "two")), "lan": ServiceNetwork(ipv4_address="10.91.0.9")},
        {"lan": ServiceNetwork(mac_address="02:42:0a:5b:00:07", driver_opts={"a": "b"})},
    ),
    "network_mode": ("host", "none"),
    "healthcheck": (
        Healthcheck(test=("CMD", "true"), interval=1.5, timeout=1, retries=3, start_period=2),
        Healthcheck(test=("NONE",)),
    ),
    "restart": ("on-failure:3", "unless-stopped"),
    "cap_add": (("NET_ADMIN", "CAP_SYS_TIME"), ("net_admin",)),
    "cap_drop": (("ALL",), ("CHOWN",)),
    "security_opt": (("no-new-privileges:true",), ("seccomp=unconfined",)),
    "privileged": (True,),
    "read_only": (True,),
    "init": (True, False),
    "user": ("1000:1000", "1001"),
    "group_add": (("100", "101"), ("100",)),
    "working_dir": ("/bin", "/"),
    "hostname": ("other", "another"),
    "domainname": ("lan.example", "example"),
    "dns": (("10.0.0.53", "10.0.0.54"), ("10.0.0.54",)),
    "dns_search": (("example",), ("lan.example",)),
    "dns_opt": (("ndots:2",), ("ndots:3",)),
    "extra_hosts": (("one:10.0.0.1", "gate:host-gateway"), ("one:10.0.0.2",)),
    "sysctls": ({"net.core.somaxconn": "100"}, {"net.core.somaxconn": "200"}),
    "ulimits": (
        {"nofile": Ulimit(soft=100, hard=200), "core": Ulimit(soft=0, hard=0)},
        {"nofile": Ulimit(soft=200, hard=200)},
    ),
    "logging": (Logging(driver="json-file", options={"max-size": "1m"}), Logging(driver="none")),
    "stop_signal": ("SIGUSR1", "SIGTERM"),
    "stop_grace_period": (2.5, 0),
    "stdin_open": (True,),
    "tty": (True,),
    "pid": ("host",),
    "ipc": ("host", "shareable"),
    "shm_size": (2 * 1024**2, 3 * 1024**2),
    "cpus": (0.5, 1.0),
    "mem_limit": (64 * 1024**2, 128 * 1024**2),
    "mem_reservation": (8 * 1024**2, 16 * 1024**2),
    "pids_limit": (50, 100),
    "memswap_limit": (200 * 1024**2, -1),
    "mem_swappiness": (0, 10),
    "cpu_shares": (512, 1024),
    "cpu_period": (50_000, 100_000),
    "cpu_quota": (20_000, 40_000),
    "cpu_rt_period": (1_000_000, 2_000_000),
    "cpu_rt_runtime": (1000, 2000),
    "cpuset": ("0", "0,1"),
    "oom_kill_disable": (True,),
    "oom_score_adj": (300, 500),
    "blkio": (
        BlockIo(device_read_bps={"/dev/loop0": 1024**2}, device_write_iops={"/dev/loop0": 100}),
        BlockIo(device_read_bps={"/dev/loop0": 2 * 1024**2}),
    ),
    "devices": (
        (Device(source="/dev/null", target="/dev/nothing", permissions="rw"), Device(source="/dev/zero", target="/z")),
        (Device(source="/dev/zero", target="/dev/nothing"),),
    ),
    "device_cgroup_rules": (("c 1:3 mr", "b 7:* rmw"), ("c 1:3 mr",)),
    "cgroup": ("private", "host"),
    "cgroup_parent": ("/strata-fields", "/strata-fields/below"),
    "userns_mode": ("host",),
    "uts": ("host",),
    "runtime": ("runc", "io.containerd.runc.v2"),
    "storage_opt": ({"size": "1G"},),
    "annotations": ({"org.example.a": "1", "empty": ""}, {"org.example.a": "2"}),
    "container_name": ("named", "renamed"),
    "secrets": ((FileReference(source="key", target="key"),), (FileReference(source="key", target="/k", mode=0o400),)),
    "configs": (
        (FileReference(source="conf", target="/conf", uid="7", gid="8"),),
        (FileReference(source="conf", target="/c"),),
    ),
    "replicas": (2,),
}
#: What the test's machine cannot run (capabilities that it lacks, an init that is not installed), or not with the rest.
ALONE = {"privileged", "init", "network_mode", "replicas", "uts", "cpu_rt_period", "cpu_rt_runtime", "cgroup_parent"}
#: An engine takes them beside `cpus` (or without a limit of memory) no more than the Specification does.
EXCLUSIVE = {"cpu_period", "cpu_quota", "memswap_limit", "oom_kill_disable"}
#: What the test's engine cannot do: its API or its storage is older, which it says.
BEYOND = {"annotations": "needs an engine with API 1.43", "storage_opt": "storage-opt is supported only"}
#: What a field needs beside it.
BESIDE: dict[str, dict[str, Any]] = {
    "network_mode": {"networks": {}},
    "memswap_limit": {"mem_limit": 64 * 1024**2},
    "oom_kill_disable": {"mem_limit": 64 * 1024**2},
    "cpu_rt_runtime": {"cpu_rt_period": 1_000_000},
}
#: Not properties of a container: where its image comes from, and how it is waited for and replaced.
ELSEWHERE = {"name", "image", "build", "depends_on", "update_config", "pull_policy"}


def test_the_table_has_every_field_of_a_service() -> None:
    assert FIELDS.keys() | ELSEWHERE == set(Service.__dataclass_fields__)


@pytest.fixture
def app(stack: Callable[..., Stack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """One plain service, and what its fields may name."""
    monkeypatch.setattr(file_mounts, "ROOT", tmp_path / "files")
    mine = stack(
        "fields",
        sleeper(),
        networks={"lan": LAN},
        volumes={"data": Volume(name="fields_data")},
        secrets={"key": FileSource(name="key", content="s3cret")},
        configs={"conf": FileSource(name="conf", content="a=1")},
    )
    mine.shell = LocalShell()
    return mine


@pytest.mark.parametrize("field", [field for field in FIELDS if field not in BEYOND])
def test_a_field_is_found_again_and_its_change_and_removal_are_noticed(
    field: str, app: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On containers that are created only; the next test starts them."""
    monkeypatch.setattr(rollout, "start", lambda engine, name, spec: None)
    plain = app.project.services["app"]
    alone = BESIDE.get(field, {})
    for changes in (*({field: value, **alone} for value in FIELDS[field]), {}):
        before = app.project.services["app"]
        app.change("app", **{name: getattr(plain, name) for name in (field, "networks")} | changes)
        actions = {change.action for change in app.run(remove_orphans=True)}
        assert actions - {"start"} or before == plain, changes
        assert {change.action for change in app.plan()} == {"start"}, changes


def test_all_fields_at_once_are_found_again_on_a_container_that_runs(app: Stack) -> None:
    plain = app.project.services["app"]
    together = FIELDS.keys() - ALONE - EXCLUSIVE - BEYOND.keys()
    for changes in (
        {field: FIELDS[field][0] for field in together},
        {field: FIELDS[field][-1] for field in together},
        {},
    ):
        app.project = replace(app.project, services={"app": replace(plain, **changes)})
        assert app.run(remove_orphans=True)
        assert not app.plan(), changes
        for name in app.containers():
            app.settle(name)
