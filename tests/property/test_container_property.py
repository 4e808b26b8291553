# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random services: what is declared of a container is what an engine shows of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

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
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container import Container
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_body import create_body, endpoint
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_observe import (
    Surroundings,
    observed_spec,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.labels import applied, marks
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.diff import UNSET, differences, leaves
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Difference, Key, Observed
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal
from hypothesis import given
from hypothesis import strategies as st
from simulated_engine import inspected, spec

FIELDS: dict[str, Any] = {
    "networks": {
        "default": Network(name="p_default"),
        "lan": Network(name="p_lan", ipam=(IpamConfig(subnet="10.0.0.0/24"),)),
    },
    "volumes": {"data": Volume(name="p_data")},
    "secrets": {"key": FileSource(name="key", content="s3cret")},
    "configs": {"conf": FileSource(name="conf", content="a")},
}

words = st.text("abcXYZ019_-. /=:", max_size=8)
names = st.text("abcXYZ", min_size=1, max_size=5)
tuples = st.lists(words, min_size=1, max_size=3).map(tuple)
mappings = st.dictionaries(names, words, max_size=3)
paths = names.map(lambda name: f"/{name}")
sizes = st.integers(1, 2**40)
capabilities = st.lists(st.sampled_from(["NET_ADMIN", "cap_chown", "ALL"]), unique_by=str.upper).map(tuple)

mounts = st.lists(
    st.one_of(
        st.builds(
            Mount,
            type=st.just("volume"),
            source=st.sampled_from(["data", None]),
            target=paths,
            read_only=st.booleans(),
            nocopy=st.booleans(),
            subpath=st.none() | names,
        ),
        st.builds(
            Mount,
            type=st.just("bind"),
            source=st.sampled_from(["/srv", "/with:colon"]),
            target=paths,
            read_only=st.booleans(),
            propagation=st.sampled_from([None, "rslave", "shared"]),
            create_host_path=st.booleans(),
        ),
        st.builds(Mount, type=st.just("tmpfs"), target=paths, tmpfs_size=st.none() | sizes, tmpfs_mode=st.just(0o1777)),
    ),
    unique_by=lambda mount: mount.target,
    max_size=3,
).map(tuple)
networks = st.dictionaries(
    st.sampled_from(["default", "lan"]),
    st.builds(
        ServiceNetwork,
        aliases=st.lists(names, max_size=2).map(tuple),
        ipv4_address=st.sampled_from([None, "10.0.0.9"]),
        mac_address=st.sampled_from([None, "02:42:0a:00:00:09"]),
        priority=st.integers(0, 2),
        driver_opts=mappings,
    ),
    min_size=1,
)
services = st.builds(
    Service,
    name=st.just("app"),
    image=st.just("app:1"),
    replicas=st.integers(1, 3),
    command=st.none() | tuples,
    entrypoint=st.none() | st.just(()) | tuples,
    environment=mappings,
    labels=mappings,
    ports=st.lists(
        st.builds(
            PublishedPort,
            target=st.integers(1, 9),
            published=st.sampled_from([None, "8000", "8001-8003"]),
            host_ip=st.sampled_from([None, "127.0.0.1"]),
            protocol=st.sampled_from(["tcp", "udp"]),
        ),
        max_size=3,
    ).map(tuple),
    expose=st.lists(st.sampled_from(["80", "90/udp"]), unique=True).map(tuple),
    mounts=mounts,
    networks=networks,
    network_mode=st.sampled_from([None, None, None, "host", "none", "bridge"]),
    healthcheck=st.none()
    | st.builds(
        Healthcheck, test=tuples, interval=st.none() | st.floats(0.001, 99), retries=st.none() | st.integers(1, 9)
    ),
    restart=st.sampled_from(["no", "always", "unless-stopped", "on-failure", "on-failure:3"]),
    secrets=st.sampled_from([(), (FileReference(source="key", target="key"),)]),
    configs=st.sampled_from([(), (FileReference(source="conf", target="/conf", mode=0o400),)]),
    cap_add=capabilities,
    cap_drop=capabilities,
    security_opt=st.sampled_from([(), ("no-new-privileges:true",)]),
    privileged=st.booleans(),
    read_only=st.booleans(),
    init=st.sampled_from([None, True, False]),
    user=st.none() | names,
    group_add=st.lists(names, max_size=2).map(tuple),
    working_dir=st.none() | paths,
    hostname=st.none() | names,
    domainname=st.none() | names,
    dns=st.sampled_from([(), ("10.0.0.53", "10.0.0.54")]),
    extra_hosts=st.sampled_from([(), ("one:10.0.0.1",)]),
    sysctls=mappings,
    ulimits=st.dictionaries(names, st.builds(Ulimit, soft=st.integers(0, 9), hard=st.integers(0, 9)), max_size=2),
    logging=st.none() | st.builds(Logging, driver=names, options=mappings),
    stop_signal=st.none() | st.just("SIGUSR1"),
    stop_grace_period=st.none() | st.floats(0, 99),
    stdin_open=st.booleans(),
    tty=st.booleans(),
    pid=st.sampled_from([None, "host"]),
    ipc=st.sampled_from([None, "host", "shareable"]),
    shm_size=st.none() | sizes,
    cpus=st.none() | st.floats(0.01, 8),
    mem_limit=st.none() | sizes,
    mem_reservation=st.none() | sizes,
    memswap_limit=st.sampled_from([None, -1, 2**41]),
    mem_swappiness=st.none() | st.integers(0, 100),
    pids_limit=st.none() | st.integers(-1, 99),
    cpu_shares=st.none() | st.integers(2, 4096),
    cpu_period=st.sampled_from([None, 50000]),
    cpu_quota=st.sampled_from([None, -1, 25000]),
    cpuset=st.sampled_from([None, "0", "0-1"]),
    oom_kill_disable=st.booleans(),
    oom_score_adj=st.integers(-1000, 1000),
    blkio=st.builds(
        BlockIo,
        weight=st.none() | st.integers(10, 1000),
        weight_device=st.dictionaries(paths, st.integers(10, 1000), max_size=2),
        device_read_bps=st.dictionaries(paths, sizes, max_size=2),
        device_write_iops=st.dictionaries(paths, sizes, max_size=2),
    ),
    devices=st.lists(
        st.builds(Device, source=paths, target=paths, permissions=st.sampled_from(["r", "rwm"])),
        unique_by=lambda device: device.target,
        max_size=2,
    ).map(tuple),
    device_cgroup_rules=st.sampled_from([(), ("c 1:3 mr",)]),
    cgroup=st.sampled_from([None, "host", "private"]),
    cgroup_parent=st.none() | names,
    userns_mode=st.sampled_from([None, "host"]),
    uts=st.sampled_from([None, "host"]),
    runtime=st.sampled_from([None, "runc"]),
    storage_opt=st.sampled_from([{}, {"size": "1G"}]),
    annotations=mappings,
)
versions = st.sampled_from([(1, 45), (1, 51)])


def declared(service: Service) -> Declared:
    return Declared(Key("container", "p-app-1", "apps"), spec(service, **FIELDS))


def shown(made_as: dict[str, Any], api: tuple[int, ...], running: bool) -> Observed:
    """What an engine shows of the container of *made_as*."""
    key = Key("container", "p-app-1", "apps")
    body = create_body(made_as, marks("lab", Declared(key, made_as), Seal()), api)
    names = made_as["Networking"].get("Names", ())
    found = inspected(body, {name: endpoint(made_as, name, api) for name in names}, running)
    last = applied(found["Config"]["Labels"])
    return Observed(key, observed_spec(found, Surroundings(), last or {}), last)


def found_differences(item: Declared, now: Observed) -> tuple[Difference, ...]:
    return differences(item, now, Container().effect)


@given(services)
def test_a_spec_is_plain_data_and_always_the_same(service: Service) -> None:
    first = spec(service, **FIELDS)
    assert json.loads(json.dumps(first)) == first
    assert json.dumps(first) == json.dumps(spec(service, **FIELDS))


@given(services, versions, st.booleans())
def test_what_was_created_as_declared_has_no_differences(service: Service, api: tuple[int, ...], running: bool) -> None:
    item = declared(service)
    assert found_differences(item, shown(dict(item.spec), api, running)) == ()


@given(services, services, st.sampled_from(sorted(Service.__dataclass_fields__)), versions)
def test_a_change_of_one_field_is_noticed_if_the_engine_is_asked_for_something_else(
    before: Service, other: Service, field: str, api: tuple[int, ...]
) -> None:
    item = declared(replace(before, **{field: getattr(other, field)}))
    now = shown(dict(declared(before).spec), api, True)
    bodies = [create_body(made_as, {}, api) for made_as in (declared(before).spec, item.spec)]
    assert bool(found_differences(item, now)) or bodies[0] == bodies[1] or _by_default(*bodies)


def _by_default(before: dict[str, Any], after: dict[str, Any]) -> bool:
    """The bodies differ only in leaves that mean the default either way."""
    first, second = dict(leaves(before)), dict(leaves(after))
    changed = [path for path in first.keys() | second.keys() if first.get(path) != second.get(path)]
    return all(first.get(path) in UNSET and second.get(path) in UNSET for path in changed)


@given(services)
def test_no_secret_is_in_a_spec(service: Service) -> None:
    assert "s3cret" not in json.dumps(spec(replace(service, command=("x",)), **FIELDS))
