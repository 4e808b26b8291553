# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pulumi brings a project up on a real engine: what it makes is what the core would make, now and later."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import lab
import pulumi_tools
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.image_marks import mark
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Plan
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import RESOURCES, effect, plan
from docker_program import KINDS, SOURCE, engine_of, environment_of
from packages import busybox_program

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "docker"))

from container_lab import import_image  # noqa: E402 - the path is set just above

pytestmark = [pytest.mark.lab, pytest.mark.pulumi]

IMAGES = {
    "busybox": ['ENTRYPOINT ["/bin/busybox"]', "ENV FROM=image"],
    "plain": [],
    "volumes": ['VOLUME ["/of-image"]'],
}
MINE = {"label": "strata.environment=lab"}
#: What differs between any two that are made alike: by chance, by time, by id.
BY_CHANCE = {
    *("Id", "Created", "CreatedAt", "Pid", "StartedAt", "FinishedAt", "SandboxID", "SandboxKey", "EndpointID"),
    *("NetworkID", "HostnamePath", "HostsPath", "LogPath", "ResolvConfPath", "GraphDriver", "Health", "Containers"),
    *("Gateway", "IPAddress", "MacAddress"),
}
#: In any order; the client of the provider puts CAP_ before capabilities.
UNORDERED = {"Env", "Binds", "SecurityOpt", "CapAdd", "CapDrop", "Mounts", "Devices", "Ulimits", "Aliases"}


@dataclass(frozen=True, slots=True)
class Stack:
    """The project of ``compose.yaml`` in ``folder``, as stack ``lab``."""

    folder: Path
    client: docker.APIClient

    @property
    def compose(self) -> Path:
        return self.folder / "compose.yaml"

    def pulumi(self, *argv: str) -> str:
        return pulumi_tools.Project(self.folder).pulumi(*argv, "--stack", "lab")

    def up(self) -> None:
        self.pulumi("up", "--yes", "--skip-preview")

    def unchanged(self) -> None:
        self.pulumi("preview", "--expect-no-changes")

    def declare(self, before: str, after: str) -> None:
        text = self.compose.read_text()
        assert text.count(before) == 1
        self.compose.write_text(text.replace(before, after))

    def plan(self) -> Plan:
        engine = engine_of(json.loads((self.folder / "request.json").read_text()))
        kinds = [RESOURCES[kind] for kind in KINDS]
        declared = [item for kind in kinds for item in kind.declare(environment_of(engine), engine.inputs)]
        return plan(declared, [item for kind in kinds for item in kind.observe(engine, "lab")], effect)

    def apply(self) -> None:
        """As the core does without Pulumi."""
        engine = engine_of(json.loads((self.folder / "request.json").read_text()))
        for change in self.plan():
            for need in change.needs:
                RESOURCES[need.key.kind].settle(engine, need.key, need.condition, Progress())
            RESOURCES[change.key.kind].apply(engine, change, Progress())

    def ids(self) -> dict[str, str]:
        return {row["Names"][0][1:]: row["Id"] for row in self.client.containers(all=True, filters=MINE)}

    def inspected(self) -> dict[str, Any]:
        """What two builds have in common, of everything of the environment."""
        names = {identity: name for name, identity in self.ids().items()}
        containers = {name: self.client.inspect_container(name) for name in names.values()}
        networks = {
            found["Name"]: self.client.inspect_network(found["Id"]) for found in self.client.networks(filters=MINE)
        }
        volumes = {found["Name"]: found for found in self.client.volumes(filters=MINE)["Volumes"] or ()}
        return {kind: common(found, names) for kind, found in {"c": containers, "n": networks, "v": volumes}.items()}

    def remove(self) -> None:
        for identity in self.ids().values():
            self.client.remove_container(identity, force=True, v=True)
        for network in self.client.networks(filters=MINE):
            self.client.remove_network(network["Id"])
        for volume in self.client.volumes(filters=MINE)["Volumes"] or ():
            self.client.remove_volume(volume["Name"])


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
    lab_engine: lab.LabEngine, engine_client: docker.APIClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Everything, brought up once."""
    folder = tmp_path_factory.mktemp("twins")
    busybox = busybox_program()
    for name, changes in IMAGES.items():
        reference = f"strata-test/{name}:1"
        import_image(engine_client, busybox, reference, changes)
        repository, _colon, tag = mark("lab", reference, SOURCE).rpartition(":")
        engine_client.tag(reference, repository, tag)
    made = Stack(folder, engine_client)
    made.compose.write_text((HERE / "everything.compose.yaml").read_text())
    (folder / "Pulumi.yaml").write_text("name: twins\nruntime: python\noptions: {refresh: always}\n")
    (folder / "__main__.py").write_text("import docker_program\n\ndocker_program.main()\n")
    request = {"socket": f"unix://{lab_engine.socket}", "environment": "lab", "compose": str(made.compose)}
    (folder / "request.json").write_text(json.dumps(request))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", f"{HERE}:{os.environ.get('PYTHONPATH', '')}")
        made.pulumi("stack", "init")
        made.up()
        yield made
        made.pulumi("destroy", "--yes", "--skip-preview")
        assert made.ids() == {}


def test_a_second_up_has_nothing_to_do_nor_has_the_core(stack: Stack) -> None:
    stack.unchanged()
    assert stack.plan().changes == ()


def test_no_secret_is_in_the_state(stack: Stack) -> None:
    assert "s3cret-4711" not in next((stack.folder / ".pulumi/stacks").rglob("lab.json")).read_text()


def test_a_changed_label_replaces_that_container_only(stack: Stack) -> None:
    before = stack.ids()
    stack.declare("memswap_limit: 96m", "labels: {new: '1'}\n    memswap_limit: 96m")
    stack.up()
    after = stack.ids()
    assert {name for name in after if after[name] != before[name]} == {"p-alone-1"}
    assert stack.plan().changes == ()


def test_a_changed_limit_changes_in_place(stack: Stack) -> None:
    before = stack.ids()
    stack.declare("mem_limit: 64m", "mem_limit: 80m")
    stack.up()
    assert stack.ids() == before
    assert stack.client.inspect_container("p-full-1")["HostConfig"]["Memory"] == 80 * 1024**2
    stack.unchanged()


def test_drift_is_found_and_put_right(stack: Stack) -> None:
    stack.client.update_container("p-full-1", cpu_shares=300)
    stack.client.stop("p-hostly-1", timeout=1)
    stack.client.remove_container("p-alone-1", force=True)
    with pytest.raises(AssertionError, match="no changes were expected"):
        stack.unchanged()
    stack.up()
    assert stack.plan().changes == ()
    stack.unchanged()


def test_a_replaced_network_replaces_what_is_on_it_and_no_volume(stack: Stack) -> None:
    before, volumes = stack.ids(), stack.client.volumes(filters=MINE)["Volumes"]
    stack.declare('enable_icc: "true"', 'enable_icc: "false"')
    stack.up()
    after = stack.ids()
    sharing = {"p-full-1", "p-small-1", "p-small-2", "p-shared-1"}
    assert {name for name in after if after[name] != before[name]} == sharing
    made = {volume["Name"]: volume["CreatedAt"] for volume in stack.client.volumes(filters=MINE)["Volumes"]}
    assert made == {volume["Name"]: volume["CreatedAt"] for volume in volumes}
    assert stack.plan().changes == ()


def test_what_pulumi_makes_is_what_the_core_makes(stack: Stack) -> None:
    """At the end: Pulumi then finds all of it gone."""
    by_pulumi = stack.inspected()
    stack.remove()
    stack.apply()
    assert stack.inspected() == by_pulumi
    stack.remove()
