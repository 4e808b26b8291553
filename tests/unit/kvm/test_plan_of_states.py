# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module plan tells of every state what the module environment tells of it in check mode, on libvirt's test driver.

Each module is a process of its own, forked from this one, which has what the driver keeps in memory.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import ansible.module_utils.basic  # noqa: F401 - every process that is forked has it
import kvm_lab
import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import State
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment, GuestImage
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import GuestError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access, guest_image, image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import ready
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "integration" / "docker_modules"))

from docker_module import Modules, actions

GUESTS = ("web", "apps")


@dataclass(frozen=True, kw_only=True)
class Case:
    """``there``: guests that were made, and whether each runs. ``declared``: guests with their memory in MiB."""

    there: dict[str, bool]
    network: bool
    declared: dict[str, int]
    options: dict[str, Any]


CASES = st.builds(
    Case,
    there=st.dictionaries(st.sampled_from(GUESTS), st.booleans()),
    network=st.booleans(),
    declared=st.dictionaries(st.sampled_from(GUESTS), st.sampled_from([64, 96])),
    options=st.fixed_dictionaries(
        {"state": st.sampled_from(get_args(State))},
        optional={"orphans": st.sampled_from(["report", "remove"]), "adopt": st.booleans()},
    ),
)


@dataclass(frozen=True)
class Lab:
    """The environment `lab` on the test driver; guests have an image of an empty disk, and an engine in none."""

    hypervisor: Any
    inputs: Inputs

    @property
    def declaration(self) -> Path:
        return Path(self.hypervisor.folders.root) / "lab.environment.yml"

    def make(self, case: Case) -> None:
        """Have what is there of *case*, and what it declares written."""
        kvm_lab.converge(self.hypervisor, kvm_lab.environment(guests=sorted(case.there)), self.inputs)
        for guest, running in case.there.items():
            if not running:
                self.hypervisor.connection.lookupByName(f"lab-{guest}").destroy()
        if not case.network:
            with suppress(libvirt.libvirtError):
                self.hypervisor.connection.networkLookupByName("lab-lan").destroy()
        self.declaration.write_text(json.dumps(self.declared(case.declared)))

    def leave_off(self) -> None:
        """Have the declaration leave guests off that somebody has stopped."""
        rule = {"object": "guest *", "path": "running", "policy": "ignore"}
        self.declaration.write_text(json.dumps({**json.loads(self.declaration.read_text()), "drift": [rule]}))

    def declared(self, guests: dict[str, int]) -> dict[str, Any]:
        alike = {"image": "debian", "disk": "64 MiB"}
        addresses = {name: {"lan": {"address": f"10.211.0.{11 + place}"}} for place, name in enumerate(sorted(guests))}
        return {
            "plugin": "strata.kvm_docker.environment",
            "name": "lab",
            "hypervisor": {"uri": "test:///default", "virt_type": "qemu"},
            "images": {"debian": {"source": "empty.qcow2"}},
            "networks": {"lan": {"cidr": "10.211.0.0/20", "forward": "isolated"}},
            "guests": {
                name: {**alike, "memory": f"{memory} MiB", "networks": addresses[name]}
                for name, memory in guests.items()
            },
        }

    def ran(self, module: str, check: bool, **options: Any) -> dict[str, Any]:
        """What the module returns."""
        folder = str(self.hypervisor.folders.root)
        modules = Modules(defaults={"declaration": str(self.declaration), "state_folder": folder})
        result: dict[str, Any] = modules.ran(module, check, **options)
        return result

    def told(self, module: str, check: bool, **options: Any) -> dict[str, Any]:
        """What the module tells of the environment, but for what the other one does not have."""
        only = ("invocation", "warnings", "changed", "guests", "seconds", "summary")
        return {key: value for key, value in self.ran(module, check, **options).items() if key not in only}


@pytest.fixture
def lab(hypervisor: Any, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The lab with its keys and its image in the store."""

    def unreachable(*_arguments: object) -> None:
        raise GuestError("nobody answers")

    monkeypatch.setattr(ready, "await_shell", unreachable)
    folders = hypervisor.folders
    kvm_lab.empty_qcow2(folders.root / "empty.qcow2", 16 * kvm_lab.MIB)
    digest = guest_image.recipe_digest(GuestImage(source="empty.qcow2"), str(folders.root))
    with image_store.making(folders, digest) as staging:
        kvm_lab.empty_qcow2(staging / image_store.DISK, 16 * kvm_lab.MIB)
        image_store.store(folders, digest, staging)
    key = access.have_keys(Environment(name="lab", folder="/"), folders).public_key
    return Lab(hypervisor, replace(kvm_lab.INPUTS, guest_images={"debian": digest}, authorized_key=key))


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CASES, st.booleans())
def test_plan_tells_of_every_state_what_environment_tells_in_check_mode(lab: Lab, case: Case, check: bool) -> None:
    lab.make(case)
    assert lab.told("plan", check, **case.options) == lab.told("environment", True, **case.options)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("present", ["start guest web"]),
        ("started", ["start guest web"]),
        ("stopped", []),
        ("absent", ["delete guest web", "delete disk web", "delete network lan", "delete pool lab"]),
    ],
)
def test_a_guest_that_is_off_is_planned_to_each_state(lab: Lab, state: str, expected: list[str]) -> None:
    lab.make(Case(there={"web": False}, network=True, declared={"web": 64}, options={}))
    assert sorted(actions(lab.told("plan", False, state=state))) == sorted(expected)


def test_a_guest_that_a_policy_leaves_off_is_told_and_warned_of(lab: Lab) -> None:
    lab.make(Case(there={"web": False}, network=True, declared={"web": 64}, options={}))
    lab.leave_off()
    result = lab.ran("environment", check=True)
    assert (result["plan"], result["unobserved"]) == ([], ["web"])
    assert "guest web: left as it is, so what is on its engine was not looked at." in str(result["warnings"])
    assert lab.told("plan", check=False) == lab.told("environment", check=True)


def test_a_guest_that_runs_is_planned_to_be_stopped_and_runs_on(lab: Lab) -> None:
    lab.make(Case(there={"web": True}, network=True, declared={"web": 64}, options={}))
    assert actions(lab.told("plan", False, state="stopped")) == ["stop guest web"]
    assert lab.hypervisor.connection.lookupByName("lab-web").isActive()


def test_what_is_not_there_is_planned_by_no_start(lab: Lab) -> None:
    lab.make(Case(there={}, network=True, declared={"web": 64}, options={}))
    assert lab.told("plan", False, state="started") == lab.told("environment", True, state="started")
    assert "not there, so it cannot be started" in lab.told("plan", False, state="started")["msg"]
