# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services as canonical trees, and the trees as what the Docker API takes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    FileReference,
    FileSource,
    Healthcheck,
    Mount,
    PublishedPort,
    Service,
    ServiceNetwork,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container import Container
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.container_body import (
    create_body,
    endpoint,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.limits import update_bodies
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import EngineError, StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Difference, Effect
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import sensitive
from simulated_engine import spec

APP = Service(name="app", image="app:1", networks={"default": ServiceNetwork()})
OLD, NEW = (1, 41), (1, 45)


def test_a_host_name_is_always_given_unless_it_is_shared() -> None:
    assert spec(APP)["Config"]["Hostname"] == "p-app-1"
    assert spec(replace(APP, hostname="own"))["Config"]["Hostname"] == "own"
    assert len(spec(replace(APP, container_name="n" * 80))["Config"]["Hostname"]) == 63
    assert "Hostname" not in spec(replace(APP, network_mode="host"))["Config"]


def test_each_replica_gets_its_port_of_a_range() -> None:
    ports = (PublishedPort(target=80, published="8001-8002", host_ip="127.0.0.1"),)
    two = replace(APP, replicas=2, ports=ports)
    assert spec(two, 1)["HostConfig"]["PortBindings"] == {"80/tcp": ["127.0.0.1:8001"]}
    assert spec(two, 2)["HostConfig"]["PortBindings"] == {"80/tcp": ["127.0.0.1:8002"]}


def test_a_range_that_is_too_short_is_refused() -> None:
    with pytest.raises(StrataError, match="ports 8001-8002 are too few for 3 replicas"):
        spec(replace(APP, replicas=3, ports=(PublishedPort(target=80, published="8001-8002"),)), 3)


def test_an_empty_value_is_not_an_absent_one() -> None:
    config = spec(replace(APP, environment={"EMPTY": ""}, labels={"empty": ""}))["Config"]
    assert config["Env"] == {"EMPTY": "EMPTY="}
    assert config["Labels"] == {"empty": "empty="}


def test_the_service_is_an_alias_unless_it_is_the_host_name() -> None:
    assert spec(APP)["Networking"]["Endpoints"]["p_default"]["Aliases"] == ["app"]
    assert spec(replace(APP, hostname="app"))["Networking"]["Endpoints"]["p_default"]["Aliases"] == []


def test_the_network_of_highest_priority_comes_first() -> None:
    networks = {"a": ServiceNetwork(), "b": ServiceNetwork(priority=5), "c": ServiceNetwork(priority=5)}
    assert spec(replace(APP, networks=networks))["HostConfig"]["NetworkMode"] == "b"


def test_another_service_s_namespace_is_its_first_container_s() -> None:
    shares = Service(name="side", image="app:1", network_mode="service:app", ipc="service:app")
    host = spec(shares, services={"app": APP, "side": shares})["HostConfig"]
    assert (host["NetworkMode"], host["IpcMode"]) == ("container:p-app-1", "container:p-app-1")


def test_a_secret_is_a_file_named_by_a_digest_of_its_content() -> None:
    service = replace(APP, secrets=(FileReference(source="key", target="key"),))
    trees = [spec(service, secrets={"key": FileSource(name="key", content=content)}) for content in ("s3cret", "other")]
    mounts = [tree["HostConfig"]["Mounts"]["/run/secrets/key"] for tree in trees]
    assert mounts[0]["Source"] != mounts[1]["Source"]
    assert mounts[0]["Source"].startswith("/var/lib/strata/p/p-app-1/key-")
    assert mounts[0]["ReadOnly"]
    assert "s3cret" not in json.dumps(trees[0])


def test_what_the_engine_takes_for_the_image_s_own_is_left_open() -> None:
    check = Healthcheck(test=(), interval=10, timeout=0, retries=0)
    service = replace(APP, user="", working_dir="", shm_size=0, healthcheck=check)
    tree = spec(service)
    assert tree["Config"].keys().isdisjoint({"User", "WorkingDir"})
    assert "ShmSize" not in tree["HostConfig"]
    assert tree["Config"]["Healthcheck"] == {"Interval": 10 * 10**9}


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "API_TOKEN", "secret", "AWS_KEY", "AUTH", "MYSQL_PWD", "OPENAI_APIKEY"]
)
def test_a_variable_that_is_named_like_a_secret_is_sensitive(name: str) -> None:
    assert sensitive(spec(replace(APP, environment={name: "x"}))) == {("Config", "Env", name)}


def test_a_url_with_a_password_is_sensitive_and_an_ordinary_variable_is_not() -> None:
    environment = {"DATABASE": "postgres://app:pw@db/app", "HOME": "http://app:80/", "KEYBOARD": "us"}
    assert sensitive(spec(replace(APP, environment=environment))) == {("Config", "Env", "DATABASE")}


def test_binds_make_their_folder_and_files_of_ours_must_be_there() -> None:
    mounts = (Mount(type="bind", source="/srv", target="/srv"), Mount(type="bind", source="/a:b", target="/ab"))
    service = replace(APP, mounts=mounts, secrets=(FileReference(source="key", target="key"),))
    host = create_body(spec(service, secrets={"key": FileSource(name="key", content="x")}), {}, NEW)["HostConfig"]
    assert host["Binds"] == ["/srv:/srv:rw"]
    assert [mount["Target"] for mount in host["Mounts"]] == ["/ab", "/run/secrets/key"]


def test_a_container_is_created_on_its_first_network() -> None:
    networks = {"default": ServiceNetwork(), "lan": ServiceNetwork(aliases=("web",))}
    tree = spec(replace(APP, networks=networks))
    assert list(create_body(tree, {}, NEW)["NetworkingConfig"]["EndpointsConfig"]) == ["p_default"]
    assert endpoint(tree, "lan", NEW) == {"Aliases": ["app", "web"]}


def test_a_hardware_address_goes_where_the_engine_s_api_has_it() -> None:
    tree = spec(replace(APP, networks={"default": ServiceNetwork(mac_address="02:42:00:00:00:09")}))
    assert create_body(tree, {}, OLD)["MacAddress"] == "02:42:00:00:00:09"
    assert create_body(tree, {}, NEW)["MacAddress"] is None
    assert endpoint(tree, "p_default", NEW)["MacAddress"] == "02:42:00:00:00:09"


@pytest.mark.parametrize(
    "service",
    [
        replace(APP, healthcheck=Healthcheck(test=("CMD", "true"), start_interval=1)),
        replace(APP, mounts=(Mount(type="volume", source="v", target="/v", subpath="s"),)),
        replace(APP, networks={"default": ServiceNetwork(), "lan": ServiceNetwork(mac_address="02:42:00:00:00:09")}),
        replace(APP, annotations={"a": "b"}),
    ],
)
def test_what_an_old_engine_would_ignore_is_refused(service: Service) -> None:
    assert create_body(spec(service), {}, NEW)
    with pytest.raises(EngineError, match=r"needs an engine with API 1\.4[345]; this one has 1\.41"):
        create_body(spec(service), {}, OLD)


def updates(leaves: set[str], **limits: Any) -> list[dict[str, Any]]:
    return list(update_bodies(spec(replace(APP, **limits))["HostConfig"], leaves))


def test_swap_follows_a_memory_limit() -> None:
    assert updates({"Memory"}, mem_limit=64) == [{"Memory": 64, "MemorySwap": 128}]
    assert updates({"Memory"}, mem_limit=64, memswap_limit=-1) == [{"Memory": 64, "MemorySwap": -1}]
    assert updates({"MemorySwap"}, mem_limit=64) == [{"Memory": 64, "MemorySwap": 128}]


def test_a_limit_is_lifted_before_one_that_an_engine_refuses_beside_it_is_set() -> None:
    assert updates({"CpuQuota", "NanoCpus"}, cpus=0.5) == [{"CpuQuota": -1}, {"NanoCpus": 5 * 10**8}]


def test_only_limits_that_differ_are_updated() -> None:
    assert updates({"CpuShares", "Mounts"}, cpu_shares=5, cpus=1) == [{"CpuShares": 5}]


def test_a_swap_limit_that_an_engine_derives_from_memory_is_none_of_its_own() -> None:
    assert spec(replace(APP, mem_limit=64, memswap_limit=128)) == spec(replace(APP, mem_limit=64))


@pytest.mark.parametrize(
    ("path", "after", "effect"),
    [
        (("HostConfig", "Memory"), 64, Effect.IN_PLACE),
        (("HostConfig", "Memory"), 0, Effect.REPLACE),
        (("HostConfig", "NanoCpus"), 10**9, Effect.IN_PLACE),
        (("HostConfig", "NanoCpus"), None, Effect.REPLACE),
        (("HostConfig", "PidsLimit"), 0, Effect.IN_PLACE),
        (("HostConfig", "CpuQuota"), 0, Effect.IN_PLACE),
        (("HostConfig", "MemorySwap"), 0, Effect.IN_PLACE),
        (("HostConfig", "CpuShares"), 0, Effect.REPLACE),
        (("HostConfig", "CpusetCpus"), "0", Effect.IN_PLACE),
        (("HostConfig", "OomScoreAdj"), 5, Effect.REPLACE),
        (("Files", "/run/secrets/key"), "intact", Effect.IN_PLACE),
        (("HostConfig", "RestartPolicy", "Name"), "no", Effect.IN_PLACE),
        (("HostConfig", "Privileged"), True, Effect.REPLACE),
        (("Networking", "Names"), ["a"], Effect.IN_PLACE),
        (("Networking", "Endpoints", "a", "IPv4Address"), "10.0.0.1", Effect.IN_PLACE),
        (("Networking", "Endpoints", "a", "MacAddress"), "02:42:00:00:00:09", Effect.REPLACE),
        (("Networking", "Endpoints", "a", "DriverOpts", "b"), "c", Effect.REPLACE),
        (("Networking", "Endpoints", "Aliases", "MacAddress"), "02:42:00:00:00:09", Effect.REPLACE),
        (("Leftovers",), [], Effect.IN_PLACE),
        (("Config", "Env", "A"), "A=1", Effect.REPLACE),
        (("Image",), "recipe:2", Effect.REPLACE),
    ],
)
def test_only_what_an_engine_can_change_is_changed_in_place(
    path: tuple[str, ...], after: object, effect: Effect
) -> None:
    assert Container().effect(Difference(path, None, after, "declaration")) == effect
