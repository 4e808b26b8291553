# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers, networks and volumes on a real engine: drift, replacement, dependencies."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    Dependency,
    FileReference,
    FileSource,
    IpamConfig,
    Mount,
    Network,
    PublishedPort,
    ServiceNetwork,
    UpdateConfig,
    Volume,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.replicas import replicas
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import file_mounts
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.health import unsettled
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.unnamed_volumes import volume_name
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import (
    EngineError,
    ForeignObjectError,
    StrataError,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from container_lab import GUEST, HEALTHY, IMAGE, LocalShell, Stack, sleeper

pytestmark = pytest.mark.lab

Make = Callable[..., Stack]


def limited(stack: Stack, name: str) -> None:
    stack.client.update_container(name, mem_limit="32m", memswap_limit="64m")


def joined(stack: Stack, name: str) -> None:
    stack.client.create_network("drift_other", labels={"strata.environment": "drift"})
    stack.client.connect_container_to_network(name, "drift_other")


def detached(stack: Stack, name: str) -> None:
    stack.client.disconnect_container_from_network(name, "drift_default")


def moved(stack: Stack, name: str) -> None:
    stack.client.disconnect_container_from_network(name, "drift_lan")
    stack.client.connect_container_to_network(name, "drift_lan", ipv4_address="10.94.0.200")


def restarting(stack: Stack, name: str) -> None:
    stack.client.update_container(name, restart_policy={"Name": "always"})


def stopped(stack: Stack, name: str) -> None:
    stack.kill(name)


def paused(stack: Stack, name: str) -> None:
    stack.client.pause(name)


def removed(stack: Stack, name: str) -> None:
    stack.client.remove_container(name, force=True)


@pytest.mark.parametrize(
    ("drift", "action"),
    [
        (limited, "update"),
        (joined, "update"),
        (detached, "update"),
        (moved, "update"),
        (restarting, "update"),
        (stopped, "start"),
        (paused, "start"),
        (removed, "create"),
    ],
)
def test_drift_is_noticed_and_taken_back(drift: Callable[[Stack, str], None], action: str, stack: Make) -> None:
    mine = stack(
        "drift",
        sleeper(
            networks={"default": ServiceNetwork(aliases=("web",)), "lan": ServiceNetwork()}, mem_limit=64 * 1024**2
        ),
        networks={"lan": Network(name="drift_lan", ipam=(IpamConfig(subnet="10.94.0.0/24"),))},
    )
    mine.run()
    before = mine.inspect("drift-app-1")["Id"]
    drift(mine, "drift-app-1")
    (change,) = mine.run()
    assert change.action == action
    assert all(difference.cause == "drift" for difference in change.differences)
    assert not mine.plan()
    assert (mine.inspect("drift-app-1")["Id"] == before) is (action != "create")


def test_a_container_that_was_paused_is_healthy_when_its_next_check_says_so(stack: Make) -> None:
    mine = stack("paused", sleeper(healthcheck=HEALTHY))
    mine.run()
    mine.settle("paused-app-1")
    mine.client.pause("paused-app-1")
    assert mine.inspect("paused-app-1")["State"]["Health"]["Status"] == "unhealthy"
    assert {change.action for change in mine.run()} == {"start"}
    mine.settle("paused-app-1")
    assert mine.inspect("paused-app-1")["State"]["Health"]["Status"] == "healthy"


def test_a_published_port_answers_again_after_its_network_was_lost(stack: Make, lab_engine: Any) -> None:
    server = sleeper(
        command=("httpd", "-f", "-p", "80", "-h", "/bin"),
        ports=(PublishedPort(target=80, published="18200"),),
        stop_signal="SIGKILL",
    )
    mine = stack("lost", server)
    mine.run()
    mine.client.disconnect_container_from_network("lost-app-1", "lost_default")
    mine.run()
    mine.settle("lost-app-1")
    fetch = lab_engine.inside(
        ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/18200; echo 'GET /none HTTP/1.0\n' >&3; cat <&3"]
    )
    assert b"404" in subprocess.run(fetch, capture_output=True, check=True).stdout


def test_a_stranger_with_a_declared_name_is_refused_and_not_touched(stack: Make) -> None:
    mine = stack("mine", sleeper())
    stranger = mine.client.create_container(IMAGE, name="mine-app-1")["Id"]
    try:
        with pytest.raises(ForeignObjectError, match="container apps/mine-app-1"):
            mine.run()
        assert mine.inspect("mine-app-1")["Id"] == stranger
    finally:
        mine.client.remove_container(stranger)


def test_a_stranger_without_a_declared_name_is_left_alone(stack: Make) -> None:
    mine = stack("mine", sleeper())
    stranger = mine.client.create_container(IMAGE, name="stranger")["Id"]
    try:
        mine.run(remove_orphans=True)
        assert mine.inspect("stranger")["Id"] == stranger
        assert not mine.plan().orphans
    finally:
        mine.client.remove_container(stranger)


def test_another_replica_runs_while_one_is_replaced(stack: Make) -> None:
    mine = stack("roll", sleeper(replicas=2, healthcheck=HEALTHY))
    mine.run()
    for name in mine.containers():
        mine.settle(name)
    send, up = mine.client.send, []

    def watched(request: Any, **options: Any) -> Any:
        answer = send(request, **options)
        if request.method != "GET":
            rows = mine.client.containers(filters={"label": "strata.environment=roll"})
            up.append(sum("(healthy)" in row["Status"] for row in rows))
        return answer

    mine.change("app", environment={"VERSION": "2"}, update_config=UpdateConfig(delay=0.1))
    mine.client.send = watched
    try:
        planned = mine.run()
    finally:
        del mine.client.send  # the class's own is seen again
    assert [change.action for change in planned] == ["replace", "replace"]
    assert min(up) == 1
    assert not mine.plan()


def test_two_containers_swap_their_ports_and_addresses(stack: Make) -> None:
    def service(name: str, port: int, address: str) -> Any:
        return sleeper(
            name,
            ports=(PublishedPort(target=80, published=str(port)),),
            networks={"lan": ServiceNetwork(ipv4_address=address)},
        )

    lan = {"lan": Network(name="swap_lan", ipam=(IpamConfig(subnet="10.95.0.0/24"),))}
    mine = stack("swap", service("a", 18301, "10.95.0.11"), service("b", 18302, "10.95.0.12"), networks=lan)
    mine.run()
    swapped = (service("a", 18302, "10.95.0.12"), service("b", 18301, "10.95.0.11"))
    mine.project = replace(mine.project, services={item.name: item for item in swapped})
    mine.run()
    assert not mine.plan()
    again = [
        replace(item, networks={"lan": ServiceNetwork(ipv4_address=f"10.95.0.{last}")})
        for item, last in zip(swapped, (11, 12), strict=True)
    ]
    mine.project = replace(mine.project, services={item.name: item for item in again})
    assert {change.action for change in mine.run()} == {"update"}
    assert not mine.plan()


def test_a_job_runs_once_and_before_who_waits_for_it(stack: Make) -> None:
    job = sleeper("job", command=("sh", "-c", "sleep 0.5"))
    waits = sleeper(depends_on={"job": Dependency(condition="service_completed_successfully")})
    mine = stack("jobs", job, waits)
    mine.run()
    assert mine.inspect("jobs-job-1")["State"]["Status"] == "exited"
    assert not mine.plan(), "it is not run again"
    assert mine.inspect("jobs-job-1")["State"]["FinishedAt"] < mine.inspect("jobs-app-1")["State"]["StartedAt"]


def test_a_container_that_shares_a_namespace_is_made_anew_with_its_host(stack: Make) -> None:
    mine = stack("share", sleeper("host"), sleeper("guest", network_mode="service:host", pid="service:host"))
    mine.run()
    mine.settle("share-guest-1")
    mine.change("host", environment={"VERSION": "2"})
    planned = mine.run()
    assert {change.key.name: change.action for change in planned} == {
        "share-host-1": "replace",
        "share-guest-1": "replace",
    }
    assert not mine.plan()
    assert (
        mine.inspect("share-guest-1")["HostConfig"]["NetworkMode"] == f"container:{mine.inspect('share-host-1')['Id']}"
    )
    mine.client.remove_container("share-host-1", force=True)
    mine.run()
    assert not mine.plan()
    assert mine.containers() == {"share-host-1": "running", "share-guest-1": "running"}


def test_an_image_of_another_source_replaces_the_container(stack: Make) -> None:
    mine = stack("source", sleeper())
    mine.run()
    mine.source = "recipe:2"
    (change,) = mine.plan()
    assert change.action == "replace"
    assert [difference.path for difference in change.differences] == [("Image",)]
    mine.mark_image()
    assert not mine.plan()


def test_secrets_are_private_files_and_appear_nowhere_else(
    stack: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_mounts, "ROOT", tmp_path / "files")
    reference = FileReference(source="key", target="key", uid="7", mode=0o440)
    mine = stack("secret", sleeper(secrets=(reference,)), secrets={"key": FileSource(name="key", content="s3cret")})
    mine.shell = LocalShell()
    mine.run()
    folder = tmp_path / "files/secret/secret-app-1"
    (file,) = folder.iterdir()
    assert (file.read_text(), file.stat().st_mode & 0o7777, file.stat().st_uid) == ("s3cret", 0o440, 7)
    assert (folder.stat().st_mode & 0o777, folder.parent.stat().st_mode & 0o777) == (0o700, 0o700)
    assert (
        mine.client.exec_start(mine.client.exec_create("secret-app-1", ["cat", "/run/secrets/key"])["Id"]) == b"s3cret"
    )
    assert "s3cret" not in str(mine.inspect("secret-app-1"))
    mine.project = replace(mine.project, secrets={"key": FileSource(name="key", content="other")})
    (change,) = mine.run()
    assert change.action == "replace"
    assert "other" not in str(change)
    assert [found.read_text() for found in folder.iterdir()] == ["other"]
    mine.project = replace(mine.project, services={})
    mine.run(remove_orphans=True)
    assert not folder.exists()


def test_a_replica_beyond_the_declared_number_goes_and_the_others_run_on(stack: Make) -> None:
    mine = stack("scale", sleeper(replicas=3), sleeper("old"))
    mine.run()
    before = mine.inspect("scale-app-1")["State"]
    mine.project = replace(mine.project, services={"app": replace(mine.project.services["app"], replicas=1)})
    planned = mine.run()
    assert [str(change) for change in planned] == [
        f"delete container apps/scale-app-{index}: app has 1 replica now" for index in (2, 3)
    ]
    assert planned.orphans == (Key("container", "scale-old-1", GUEST),)
    assert mine.containers() == {"scale-app-1": "running", "scale-old-1": "running"}
    assert mine.inspect("scale-app-1")["State"] == before
    assert not mine.plan()
    mine.change("app", replicas=0)
    assert [change.reason for change in mine.run()] == ["app has 0 replicas now"]


@pytest.mark.parametrize(
    "fields", [{"replicas": 2}, {"container_name": "scale-other"}, {"container_name": None}], ids=str
)
def test_a_container_of_another_name_gives_its_port_and_address_to_those_of_the_new_one(
    fields: dict[str, Any], stack: Make
) -> None:
    lan = {"lan": Network(name="scale_lan", ipam=(IpamConfig(subnet="10.97.0.0/29"),))}
    ports = (PublishedPort(target=80, published="18310-18311"),)
    mine = stack(
        "scale", sleeper(container_name="scale-app", ports=ports, networks={"lan": ServiceNetwork()}), networks=lan
    )
    mine.run()
    mine.change("app", **fields)
    made = replicas(mine.project)
    assert [(change.action, change.key.name) for change in mine.run()] == [
        ("delete", "scale-app"),
        *(("create", name) for name in made),
    ]
    assert mine.containers() == dict.fromkeys(made, "running")
    assert not mine.plan()


def test_a_container_that_somebody_renamed_is_an_orphan_whatever_its_number(stack: Make) -> None:
    mine = stack("scale", sleeper(replicas=2))
    mine.run()
    for index in (1, 2):
        mine.client.rename(f"scale-app-{index}", f"aside-{index}")
    mine.change("app", replicas=1)
    planned = mine.run()
    assert [str(change) for change in planned] == ["create container apps/scale-app-1: not there"]
    assert [key.name for key in planned.orphans] == ["aside-1", "aside-2"]
    mine.run(remove_orphans=True)
    assert mine.containers() == {"scale-app-1": "running"}


def test_a_volume_without_a_name_keeps_its_data_until_its_container_goes(stack: Make) -> None:
    mine = stack(
        "keep",
        sleeper(command=("sh", "-c", "echo data >> /d/f; sleep 3600"), mounts=(Mount(type="volume", target="/d"),)),
    )
    mine.run()
    mine.settle("keep-app-1")
    mine.change("app", environment={"VERSION": "2"})
    mine.run()
    mine.settle("keep-app-1")
    read = mine.client.exec_create("keep-app-1", ["cat", "/d/f"])["Id"]
    assert mine.client.exec_start(read) == b"data\ndata\n"
    mine.project = replace(mine.project, services={})
    mine.run(remove_orphans=True)
    assert not mine.client.volumes()["Volumes"]


def test_a_volume_without_a_name_that_a_replacement_has_no_use_for_is_an_orphan(stack: Make) -> None:
    mine = stack("left", sleeper(mounts=(Mount(type="volume", target="/d"),)))
    mine.run()
    mine.change("app", mounts=())
    assert {change.action for change in mine.run()} == {"replace"}
    (left,) = mine.plan().orphans
    assert left == Key("docker_volume", volume_name("left-app-1", "/d"), GUEST)
    assert mine.client.inspect_volume(left.name)
    mine.change("app", mounts=(Mount(type="volume", target="/d"),))
    mine.run()
    assert not mine.plan().orphans
    mine.change("app", mounts=())
    mine.run()
    mine.run(remove_orphans=True)
    assert not mine.client.volumes()["Volumes"]


def test_a_preview_tells_of_the_volume_without_a_name_that_a_replacement_leaves(stack: Make) -> None:
    mine = stack("leaves", sleeper(mounts=(Mount(type="volume", target="/d"),)))
    mine.run()
    mine.change("app", mounts=())
    previewed = mine.layer.converge(check=True)
    assert [f"{change.action} {change.key.kind}" for change in previewed] == [
        "replace container",
        "delete docker_volume",
    ]
    assert mine.layer.converge().changes == previewed.changes
    assert not mine.client.volumes()["Volumes"]


def test_a_volume_without_a_name_that_is_found_again_is_not_removed(stack: Make) -> None:
    mine = stack("again", sleeper(mounts=(Mount(type="volume", target="/d"),)))
    mine.run()
    mine.change("app", mounts=())
    mine.run()
    mine.change("app", mounts=(Mount(type="volume", target="/d"),))
    assert {change.action for change in mine.run(remove_orphans=True)} == {"replace"}
    assert not mine.plan(remove_orphans=True)
    assert mine.client.inspect_volume(volume_name("again-app-1", "/d"))


def test_a_volume_and_a_network_are_made_anew_before_a_container_that_lets_go_of_them_is(stack: Make) -> None:
    data, lan = Volume(name="lets_data", recreate=True), Network(name="lets_lan")
    app = sleeper(mounts=(Mount(type="volume", source="data", target="/d"),), networks={"lan": ServiceNetwork()})
    mine = stack("lets", app, volumes={"data": data}, networks={"lan": lan})
    mine.run()
    mine.change("app", mounts=(), networks={"default": ServiceNetwork()})
    labels = {"a": "b"}
    mine.project = replace(
        mine.project,
        volumes={"data": replace(data, labels=labels)},
        networks={**mine.project.networks, "lan": replace(lan, labels=labels)},
    )
    previewed = mine.layer.converge(check=True)
    assert [str(change.key) for change in previewed] == [
        "docker_network apps/lets_lan",
        "docker_volume apps/lets_data",
        "container apps/lets-app-1",
    ]
    assert {need.key for need in previewed.changes[2].needs} >= {change.key for change in previewed.changes[:2]}
    assert mine.layer.converge().changes == previewed.changes
    assert not mine.plan(remove_orphans=True)


def test_a_volume_that_would_have_to_be_made_anew_is_refused_before_anything_is_touched(stack: Make) -> None:
    mine = stack("vol", volumes={"data": Volume(name="vol_data")})
    mine.run()
    mine.project = replace(mine.project, volumes={"data": Volume(name="vol_data", driver_opts={"type": "tmpfs"})})
    with pytest.raises(StrataError, match=r"Options\.type.*would lose its data. Give the volume recreate: true"):
        mine.run()
    assert not mine.client.inspect_volume("vol_data")["Options"]


LAN = Network(name="net_lan", ipam=(IpamConfig(subnet="10.96.0.0/24", ip_range="10.96.0.128/25"),))


def endpoints(stack: Stack) -> dict[str, tuple[Any, ...]]:
    """What must survive its network, by container: its id, and its endpoint on the network ``net_lan``."""
    found = {name: stack.inspect(name) for name in stack.containers()}
    return {name: (one["Id"], *_endpoint(one["NetworkSettings"]["Networks"]["net_lan"])) for name, one in found.items()}


def _endpoint(endpoint: dict[str, Any]) -> tuple[Any, ...]:
    kept = ("IPAddress", "MacAddress", "IPAMConfig", "DriverOpts")
    return (*(endpoint[leaf] for leaf in kept), sorted(endpoint["Aliases"]))


def lan_stack(stack: Make) -> Stack:
    """Two replicas of one service, a container with an address and names of its own, and one that does not run."""
    named = ServiceNetwork(aliases=("gate",), ipv4_address="10.96.0.7", mac_address="02:42:0a:60:00:07")
    mine = stack(
        "net",
        sleeper(
            replicas=2, networks={"lan": ServiceNetwork()}, ports=(PublishedPort(target=80, published="18410-18411"),)
        ),
        sleeper("gate", networks={"lan": named, "default": ServiceNetwork(priority=-1)}),
        sleeper("off", networks={"lan": ServiceNetwork()}),
        networks={"lan": LAN},
    )
    mine.run()
    mine.kill("net-off-1")
    return mine


def test_a_network_that_changes_is_made_anew_and_its_containers_run_on_at_their_addresses(stack: Make) -> None:
    mine = lan_stack(stack)
    before, network = endpoints(mine), mine.client.inspect_network("net_lan")["Id"]
    mine.project = replace(mine.project, networks={**mine.project.networks, "lan": replace(LAN, labels={"a": ""})})
    planned = mine.run()
    assert [(change.action, change.key.name) for change in planned] == [("replace", "net_lan"), ("start", "net-off-1")]
    assert not mine.plan()
    after = endpoints(mine)
    assert after.pop("net-off-1")[0] == before.pop("net-off-1")[0]
    assert after == before
    assert mine.client.inspect_network("net_lan")["Id"] != network
    assert mine.inspect("net-app-1")["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"] == "18410"


def test_a_network_that_moves_to_another_subnet_takes_its_containers_along(stack: Make) -> None:
    mine = stack("net", sleeper(replicas=2, networks={"lan": ServiceNetwork()}), networks={"lan": LAN})
    mine.run()
    before = {name: mine.inspect(name)["Id"] for name in mine.containers()}
    moved = replace(LAN, ipam=(IpamConfig(subnet="10.97.0.0/24"),))
    mine.project = replace(mine.project, networks={**mine.project.networks, "lan": moved})
    assert {change.action for change in mine.run()} == {"replace", "update"}
    assert not mine.plan()
    assert {name: mine.inspect(name)["Id"] for name in mine.containers()} == before
    assert all(found[1].startswith("10.97.0.") for found in endpoints(mine).values())


def test_a_network_that_the_engine_refuses_leaves_the_old_one_with_its_containers(stack: Make) -> None:
    mine = lan_stack(stack)
    before = endpoints(mine)
    refused = replace(LAN, driver_opts={"com.docker.network.bridge.name": "a-name-that-is-too-long-for-linux"})
    mine.project = replace(mine.project, networks={**mine.project.networks, "lan": refused})
    with pytest.raises(EngineError, match="net_lan"):
        mine.run()
    assert {name: found[:2] for name, found in endpoints(mine).items() if name != "net-off-1"} == {
        name: found[:2] for name, found in before.items() if name != "net-off-1"
    }
    mine.project = replace(mine.project, networks={**mine.project.networks, "lan": LAN})
    mine.run()
    assert not mine.plan()


def test_a_network_that_the_engine_does_not_let_go_keeps_its_containers(
    stack: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's container comes in between."""
    mine = lan_stack(stack)
    before = endpoints(mine)
    mine.client.create_container(IMAGE, ["sleep", "3600"], name="theirs")
    mine.client.start("theirs")
    client = type(mine.client)
    remove = client.remove_network

    def late(self: Any, network: str) -> Any:
        self.connect_container_to_network("theirs", network)
        return remove(self, network)

    try:
        mine.project = replace(mine.project, networks={**mine.project.networks, "lan": replace(LAN, labels={"a": ""})})
        monkeypatch.setattr(client, "remove_network", late)
        with pytest.raises(EngineError, match="active endpoints"):
            mine.run()
    finally:
        mine.client.remove_container("theirs", force=True)
    assert {name: (found[0], found[3]) for name, found in endpoints(mine).items()} == {
        name: (found[0], found[3]) for name, found in before.items()
    }
    monkeypatch.undo()
    mine.run()
    assert not mine.plan()


def test_a_run_that_is_killed_while_a_network_is_replaced_is_finished_by_the_next(
    stack: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = lan_stack(stack)
    before = {name: found[0] for name, found in endpoints(mine).items()}
    client = type(mine.client)
    for number, call in enumerate(("remove_network", "create_network", "_post_json")):
        changed = replace(LAN, labels={"n": str(number)})
        mine.project = replace(mine.project, networks={**mine.project.networks, "lan": changed})
        with monkeypatch.context() as patched:
            patched.setattr(client, call, killed)
            with pytest.raises(KeyboardInterrupt):
                mine.run()
        mine.run()
        assert not mine.plan()
        assert {name: mine.inspect(name)["Id"] for name in mine.containers()} == before


def killed(*_given: Any, **_named: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("edit", ["echo edited >> {0}", "chmod 0600 {0}", "rm {0}", "chown 5:5 {0}"])
def test_a_file_of_a_config_that_somebody_edits_is_drift_and_is_put_back_in_place(
    edit: str, stack: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_mounts, "ROOT", tmp_path / "files")
    conf = FileReference(source="conf", target="/conf", mode=0o644)
    mine = stack("files", sleeper(configs=(conf,)), configs={"conf": FileSource(name="conf", content="a=1\n")})
    mine.shell = LocalShell()
    mine.run()
    before = mine.inspect("files-app-1")["Id"]
    (path,) = (tmp_path / "files").glob("*/*/conf-*")
    mine.shell.run(edit.format(path))
    (change,) = mine.run()
    (difference,) = change.differences
    assert (change.action, difference.cause) == ("update", "drift")
    assert difference.path == ("Files", "/conf")
    assert not mine.plan()
    shown = subprocess.run(
        ["nsenter", "-t", str(mine.inspect("files-app-1")["State"]["Pid"]), "-m", "/bin/cat", "/conf"],
        capture_output=True,
        check=True,
    )
    assert shown.stdout == b"a=1\n"
    assert path.read_bytes() == b"a=1\n"
    assert mine.inspect("files-app-1")["Id"] == before


@pytest.mark.parametrize("runs", [True, False], ids=["runs", "is stopped"])
def test_a_network_with_somebody_else_s_container_is_left_as_it_is(runs: bool, stack: Make) -> None:
    mine = stack("guarded", sleeper())
    mine.run()
    endpoint = mine.client.create_networking_config({"guarded_default": mine.client.create_endpoint_config()})
    mine.client.create_container(IMAGE, ["sleep", "60"], name="theirs", networking_config=endpoint)
    try:
        mine.client.start("theirs")
        if not runs:
            mine.kill("theirs")
        network = Network(name="guarded_default", labels={"a": ""})
        mine.project = replace(mine.project, networks={"default": network})
        before = mine.client.inspect_network("guarded_default")
        with pytest.raises(EngineError, match="container theirs of somebody else is attached to it; detach it"):
            mine.run()
        assert mine.client.inspect_network("guarded_default") == before
        mine.client.disconnect_container_from_network("theirs", "guarded_default", force=True)
        assert {change.action for change in mine.run()} == {"replace"}
        assert not mine.plan()
    finally:
        mine.client.remove_container("theirs", force=True)


def test_what_is_external_must_be_there_and_is_not_touched(stack: Make) -> None:
    mine = stack(
        "ext",
        sleeper(
            networks={"theirs": ServiceNetwork()}, mounts=(Mount(type="volume", source="theirs", target="/theirs"),)
        ),
        networks={"theirs": Network(name="theirs", external=True)},
        volumes={"theirs": Volume(name="theirs", external=True)},
    )
    with pytest.raises(EngineError, match="external network theirs does not exist"):
        mine.run()
    network = mine.client.create_network("theirs")["Id"]
    with pytest.raises(EngineError, match="external volume theirs does not exist"):
        mine.run()
    mine.client.create_volume("theirs")
    try:
        mine.run()
        assert not mine.plan()
        mine.project = replace(mine.project, services={}, networks={}, volumes={})
        mine.run(remove_orphans=True)
        assert mine.client.inspect_network("theirs")["Id"] == network
    finally:
        mine.client.remove_network(network)
        mine.client.remove_volume("theirs")


def test_one_call_tells_which_containers_are_not_healthy_yet(stack: Make) -> None:
    slow = replace(HEALTHY, test=("CMD-SHELL", "test -e /tmp/ready || exit 1"), start_period=60)
    mine = stack(
        "wait", sleeper("plain"), sleeper("slow", healthcheck=slow, mounts=(Mount(type="tmpfs", target="/tmp"),))
    )
    mine.run()
    mine.settle("wait-plain-1")
    assert [key.name for key in unsettled(mine.engine, mine.declared())] == ["wait-slow-1"]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(mine.settle, "wait-slow-1")
        while "health: starting" not in mine.events:
            assert not waiting.done()
            time.sleep(0.05)
        mine.client.exec_start(mine.client.exec_create("wait-slow-1", ["sh", "-c", "echo > /tmp/ready"])["Id"])
        waiting.result(timeout=60)
    assert not unsettled(mine.engine, mine.declared())
    mine.kill("wait-plain-1")
    assert [key.name for key in unsettled(mine.engine, mine.declared())] == ["wait-plain-1"]
