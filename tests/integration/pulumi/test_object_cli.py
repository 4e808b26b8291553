# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a declaration by Pulumi's own command line, on a real libvirt without any guest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kvm_lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from declared import Declaration
from pulumi_tools import Project

pytestmark = [pytest.mark.pulumi, pytest.mark.lab]

#: All networks and pools of the declaration; where a pool is, nobody is to know.
PROGRAM = """
import os
from dataclasses import replace

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import declared
from strata_pulumi.resources import Object, object_args

path = os.environ["DECLARATION"]
environment = read_environment(path)
for item in declared(("network", "pool"), environment, Inputs()):
    if item.key.kind == "pool":
        item = replace(item, sensitive=frozenset({("path",)}))
    Object(f"{item.key.kind}-{item.key.name}", object_args(item, path, environment.name))
"""
SECRET = "open-sesame-4711"
NETWORKS = {name: {"cidr": f"10.21{place}.0.0/24", "forward": "isolated"} for place, name in enumerate(("lan", "back"))}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for above in (folder, *folder.parents[:2]):
        above.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def declaration(home: Path, hypervisor: Hypervisor) -> Declaration:
    made = Declaration(path=home / "lab.environment.yml", folders=hypervisor.folders)
    made.write(networks=NETWORKS, pools={"fast": {"path": str(home / SECRET)}})
    return made


@pytest.fixture(scope="module")
def project(home: Path, declaration: Declaration, hypervisor: Hypervisor) -> Iterator[Project]:
    """A stack of the declaration, brought up once and removed at the end."""
    made = Project(home)
    (home / "Pulumi.yaml").write_text("name: shop\nruntime: python\noptions: {refresh: always}\n")
    (home / "__main__.py").write_text(PROGRAM)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DECLARATION", str(declaration.path))
        made.pulumi("stack", "init", "test")
        made.pulumi("config", "set", "strata:hypervisor", hypervisor.uri, "--stack", "test")
        made.pulumi("config", "set", "strata:stateFolder", str(hypervisor.folders.root), "--stack", "test")
        made.pulumi("up", "--yes", "--skip-preview", "--stack", "test")
        yield made
    kvm_lab.remove(hypervisor, "lab")


def steps(project: Project, *more: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Operation and detailed differences of all objects in a preview, by name."""
    told = json.loads(project.pulumi("preview", "--json", "--stack", "test", *more))
    found = {step["urn"].rpartition("::")[2]: step for step in told["steps"] if "strata:index:Object" in step["urn"]}
    return {name: (step["op"], step.get("detailedDiff") or {}) for name, step in found.items()}


def state(project: Project) -> str:
    return next((project.folder / ".pulumi/stacks").rglob("test.json")).read_text()


def test_objects_are_made_by_their_names(project: Project, hypervisor: Hypervisor) -> None:
    assert {"lab-lan", "lab-back"} <= {network.name() for network in hypervisor.connection.listAllNetworks()}
    assert '"id":"lab/network/lan"' in state(project)


def test_a_second_update_has_nothing_to_do(project: Project) -> None:
    assert "4 unchanged" in project.pulumi("up", "--yes", "--skip-preview", "--stack", "test")
    assert {operation for operation, _differences in steps(project).values()} <= {"same", "refresh"}


def test_what_is_secret_in_a_spec_is_not_in_the_state(project: Project) -> None:
    project.pulumi("refresh", "--yes", "--skip-preview", "--stack", "test")
    assert "strata:index:Object::pool-fast" in state(project)
    assert state(project).count('"type":"dir"') == 2
    assert SECRET not in state(project)


def test_drift_is_in_the_preview_and_put_right(project: Project, hypervisor: Hypervisor) -> None:
    network = hypervisor.connection.networkLookupByName("lab-lan")
    network.setAutostart(False)
    network.destroy()
    operation, differences = steps(project)["network-lan"]
    assert operation == "update"
    assert differences.keys() == {"spec.autostart", "due"}
    assert "1 updated" in project.pulumi("up", "--yes", "--skip-preview", "--stack", "test")
    assert network.isActive()
    assert network.autostart()


def test_what_somebody_removed_is_made_again(project: Project, hypervisor: Hypervisor) -> None:
    network = hypervisor.connection.networkLookupByName("lab-back")
    network.destroy()
    network.undefine()
    assert steps(project)["network-back"][0] == "create"
    project.pulumi("up", "--yes", "--skip-preview", "--stack", "test")
    assert hypervisor.connection.networkLookupByName("lab-back").isActive()


def test_what_leaves_the_declaration_is_removed_and_a_change_keeps_the_rest(
    project: Project, declaration: Declaration, hypervisor: Hypervisor, home: Path
) -> None:
    before = hypervisor.connection.networkLookupByName("lab-lan").UUIDString()
    lan = {**NETWORKS["lan"], "autostart": False}
    declaration.write(networks={"lan": lan}, pools={"fast": {"path": str(home / SECRET)}})
    planned = {name: operation for name, (operation, _differences) in steps(project).items()}
    assert planned["network-lan"] == "update"
    assert planned["network-back"] == "delete"
    project.pulumi("up", "--yes", "--skip-preview", "--stack", "test")
    assert hypervisor.connection.networkLookupByName("lab-lan").UUIDString() == before
    assert "lab-back" not in {network.name() for network in hypervisor.connection.listAllNetworks()}


def test_a_destroyed_stack_leaves_no_object_behind(project: Project, hypervisor: Hypervisor) -> None:
    project.pulumi("destroy", "--yes", "--skip-preview", "--stack", "test")
    names = {network.name() for network in hypervisor.connection.listAllNetworks()}
    assert not [name for name in names if name.startswith("lab-")]
    assert "lab-fast" not in {pool.name() for pool in hypervisor.connection.listAllStoragePools()}
