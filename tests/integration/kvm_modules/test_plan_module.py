# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module plan of states of an environment with a guest, on a real libvirt."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.converge import State
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from docker_module import Modules, actions
from kvm_lab import MIB, empty_qcow2

pytestmark = pytest.mark.lab

WEB: dict[str, Any] = {"memory": "64 MiB", "disk": "64 MiB", "networks": {"lan": {"address": "10.211.0.11"}}}
LAN = {"cidr": "10.211.0.0/20", "forward": "isolated"}


@pytest.fixture
def whole(modules: Modules, kvm: Hypervisor) -> Modules:
    """Modules of the whole environment `lab`, which one guest is of that runs, and boots nothing."""
    root = kvm.folders.root
    empty_qcow2(root / "planned.qcow2", 16 * MIB)
    modules.run("guest_network", name="lan", **LAN)
    modules.run("guest", name="web", source=str(root / "planned.qcow2"), virt_type="qemu", wait="none", **WEB)
    declaration = {
        "plugin": "strata.kvm_docker.environment",
        "name": "lab",
        "hypervisor": {"uri": kvm.uri, "virt_type": "qemu"},
        "images": {"empty": {"source": "planned.qcow2"}},
        "networks": {"lan": LAN},
        "guests": {"web": {"image": "empty", **WEB}},
    }
    (root / "lab.environment.yml").write_text(json.dumps(declaration))
    defaults = {"declaration": str(root / "lab.environment.yml"), "state_folder": str(root)}
    return Modules(defaults=defaults)


def told(modules: Modules, state: str) -> list[str]:
    """The plan of *state*, which is what a check of the environment tells."""
    planned = modules.run("plan", state=state)
    checked = modules.run("environment", check=True, state=state)
    assert planned["changed"] is False
    assert {key: planned[key] for key in ("plan", "orphans", "diff")} == {
        key: checked[key] for key in ("plan", "orphans", "diff")
    }
    return actions(planned)


def test_every_state_is_planned_as_it_is_then_brought_about(whole: Modules, kvm: Hypervisor) -> None:
    assert told(whole, "stopped") == ["stop guest web"]
    assert kvm.connection.lookupByName("lab-web").isActive()
    assert actions(whole.run("environment", state="stopped")) == ["stop guest web"]
    assert told(whole, "stopped") == []
    assert told(whole, "started") == told(whole, "present") == ["start guest web"]
    planned = told(whole, "absent")
    assert sorted(planned) == ["delete disk web", "delete guest web", "delete network lan", "delete pool lab"]
    assert actions(whole.run("environment", state="absent")) == planned
    assert told(whole, "absent") == told(whole, "stopped") == []
    assert "not there, so it cannot be started" in whole.refused("plan", state="started")


@pytest.mark.parametrize("state", get_args(State))
def test_a_plan_of_a_state_leaves_nothing_behind(whole: Modules, kvm: Hypervisor, state: str) -> None:
    kvm.connection.lookupByName("lab-web").destroy()
    before = sorted(kvm.folders.root.rglob("*"))
    whole.run("plan", state=state)
    assert sorted(kvm.folders.root.rglob("*")) == before
