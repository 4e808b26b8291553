# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulumi brings a project up on a real engine: what it makes is what the core would make, now and later.

The program is what a user writes; of its guest only the boot is missing.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import docker
import lab
import pulumi_stack
import pytest
import seeming_guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.diff import leaves
from environments import EnvironmentCopy, Lab
from packages import busybox_program

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "docker"))

from container_lab import import_image  # noqa: E402 - the path is set just above

pytestmark = [pytest.mark.lab, pytest.mark.pulumi]

COMPOSE = HERE / "everything.compose.yaml"
IMAGES = {
    "busybox": ['ENTRYPOINT ["/bin/busybox"]', "ENV FROM=image"],
    "plain": [],
    "volumes": ['VOLUME ["/of-image"]'],
}
DECLARATION = {
    "plugin": "strata.kvm_docker.environment",
    "name": "everything",
    "hypervisor": {"virt_type": "qemu"},
    "images": {"debian": {"build": {"suite": "trixie"}}},
    "container_images": {f"strata-test/{name}:1": {"archive": f"{name}.tar"} for name in IMAGES},
    "networks": {"lan": {"cidr": "10.211.0.0/24", "forward": "isolated"}},
    "guests": {
        "apps": {
            "image": "debian",
            "memory": "128 MiB",
            "disk": "64 MiB",
            "networks": {"lan": {"address": "10.211.0.11"}},
            "compose": "compose.yaml",
        }
    },
}
MINE = {"label": "strata.environment=everything"}
#: What differs between any two that are made alike: by chance, by time, by id.
BY_CHANCE = {
    *("Id", "Created", "CreatedAt", "Pid", "StartedAt", "FinishedAt", "SandboxID", "SandboxKey", "EndpointID"),
    *("NetworkID", "HostnamePath", "HostsPath", "LogPath", "ResolvConfPath", "GraphDriver", "Health", "Containers"),
    *("Gateway", "IPAddress", "MacAddress", "strata.provider"),
}
#: In any order; the client of the provider puts CAP_ before capabilities.
UNORDERED = {"Env", "Binds", "SecurityOpt", "CapAdd", "CapDrop", "Mounts", "Devices", "Ulimits", "Aliases"}


@dataclass
class Stack(pulumi_stack.Stack):
    """``client``: of the environment's engine. ``first``: leaves of what the first run has made there."""

    client: docker.APIClient = field(kw_only=True)
    first: Mapping[Any, Any] = field(default_factory=dict)

    def changes(self) -> list[str]:
        """What the core had to do, and did."""
        done: list[str] = self.copy.converge()["changes"]
        return done

    def declare(self, before: str, after: str) -> None:
        self.copy.edit(self.copy.folder / "compose.yaml", before, after)

    def registered(self, type_: str) -> set[str]:
        """The resources of that type that the stack has."""
        told = json.loads(self.pulumi("stack", "export"))["deployment"]["resources"]
        return {each["urn"].rpartition("/")[2] for each in told if each["type"] == type_}

    def ids(self) -> dict[str, str]:
        return {row["Names"][0][1:]: row["Id"] for row in self.client.containers(all=True, filters=MINE)}

    def inspected(self) -> dict[str, Any]:
        """What two builds have in common, of everything of the environment."""
        names = {identity: name for name, identity in self.ids().items()}
        containers = {name: self.client.inspect_container(name) for name in names.values()}
        networks = {
            found["Name"]: self.client.inspect_network(found["Id"]) for found in self.client.networks(filters=MINE)
        }
        found = {"c": containers, "n": networks, "v": self.volumes()}
        return {kind: common(each, names) for kind, each in found.items()}

    def volumes(self) -> dict[str, Any]:
        return {found["Name"]: found for found in self.client.volumes(filters=MINE)["Volumes"] or ()}

    def remove(self) -> None:
        for identity in self.ids().values():
            self.client.remove_container(identity, force=True, v=True)
        for network in self.client.networks(filters=MINE):
            self.client.remove_network(network["Id"])
        for volume in self.volumes():
            self.client.remove_volume(volume)


def common(tree: Any, names: Mapping[str, str], leaf: str = "") -> Any:
    if isinstance(tree, dict):
        kept = {key: common(value, names, key) for key, value in tree.items() if key not in BY_CHANCE}
        return {key: value for key, value in kept.items() if value}
    if isinstance(tree, list):
        found = [common(value, names) for value in tree if str(value) not in {name[:12] for name in names}]
        return sorted(str(value).removeprefix("CAP_") for value in found) if leaf in UNORDERED else found
    if isinstance(tree, str) and tree.startswith("container:"):
        return f"container:{names[tree.removeprefix('container:')]}"
    return tree


@pytest.fixture(scope="module")
def stack(
    hypervisor: Hypervisor,
    lab_engine: lab.LabEngine,
    engine_client: docker.APIClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Everything, brought up once."""
    kvm = replace(hypervisor, folders=Folders(root := hypervisor.folders.root, root / "images-of-everything"))
    home = tmp_path_factory.mktemp("pulumi")
    copy = EnvironmentCopy.written(Lab(kvm.folders), home / "everything", json.dumps(DECLARATION))
    shutil.copy(COMPOSE, copy.folder / "compose.yaml")
    for name, changes in IMAGES.items():
        save_image(engine_client, name, changes, copy.folder / f"{name}.tar")
    seeming_guest.store_images(kvm.folders, copy.declaration)
    made = Stack(copy, home, "s3cret-4711", client=engine_client)
    with seeming_guest.answering(kvm, copy.declaration, lab_engine):
        made.up()
        made.first = dict(leaves(made.inspected()))
        yield made
        made.destroy()
        made.remove()
    assert "everything-apps" not in [found.name() for found in hypervisor.connection.listAllDomains()]
    assert not kvm.folders.environment("everything").exists()


def save_image(client: docker.APIClient, name: str, changes: list[str], path: Path) -> None:
    """The archive of an image that the engine does not have then."""
    reference = f"strata-test/{name}:1"
    import_image(client, busybox_program(), reference, changes)
    path.write_bytes(b"".join(client.get_image(reference)))
    client.remove_image(reference)


def test_a_second_up_has_nothing_to_do_nor_has_the_core(stack: Stack) -> None:
    assert stack.registered("docker:index/container:Container") == set(stack.ids())
    stack.unchanged()
    assert stack.changes() == []


def test_a_changed_label_replaces_that_container_only_and_a_service_that_is_gone_goes(stack: Stack) -> None:
    before, compose = stack.ids(), stack.copy.folder / "compose.yaml"
    stack.declare("memswap_limit: 96m", "labels: {new: '1'}\n    memswap_limit: 96m")
    (hostly,) = re.findall(r"  hostly:\n(?:    .*\n)+", compose.read_text())
    stack.declare(hostly, "")
    stack.up()
    after = stack.ids()
    assert before.keys() - after.keys() == {"p-hostly-1"}
    assert {name for name in after if after[name] != before[name]} == {"p-alone-1"}
    assert stack.changes() == []


def test_a_limit_and_a_network_change_below_containers_that_run_on(stack: Stack) -> None:
    before, volumes = stack.ids(), stack.volumes()
    stack.declare("mem_limit: 64m", "mem_limit: 80m")
    stack.declare('enable_icc: "true"', 'enable_icc: "false"')
    stack.up()
    assert stack.ids() == before
    assert stack.client.inspect_container("p-full-1")["HostConfig"]["Memory"] == 80 * 1024**2
    (network,) = stack.client.networks(names=["p_lan"])
    assert network["Options"]["com.docker.network.bridge.enable_icc"] == "false"
    assert stack.volumes() == volumes
    stack.unchanged()


def test_drift_is_found_and_put_right(stack: Stack) -> None:
    stack.client.update_container("p-full-1", cpu_shares=300)
    stack.client.stop("p-small-2", timeout=1)
    stack.client.remove_container("p-alone-1", force=True)
    drifted = {"p-full-1", "p-small-2", "p-alone-1"}
    assert {name.rpartition("/")[2] for name in stack.foreseen()} == drifted
    stack.up()
    assert stack.changes() == []
    stack.unchanged()


def test_what_pulumi_makes_is_what_the_core_makes(stack: Stack) -> None:
    """At the end: Pulumi then finds what it has not made."""
    stack.remove()
    shutil.copy(COMPOSE, stack.copy.folder / "compose.yaml")
    stack.changes()
    by_core = dict(leaves(stack.inspected()))
    found = {path: (stack.first.get(path), by_core.get(path)) for path in {*stack.first, *by_core}}
    assert {path: both for path, both in found.items() if both[0] != both[1]} == {}
