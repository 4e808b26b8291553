# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest that really boots, made, asked, stopped, started and removed by modules alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from docker_module import Modules, actions

pytestmark = [pytest.mark.lab, pytest.mark.guests]


@pytest.fixture
def modules(hypervisor: Hypervisor, monkeypatch: pytest.MonkeyPatch) -> Iterator[Modules]:
    """Modules on the environment `booted`, with the images that all labs share."""
    monkeypatch.setenv("STRATA_IMAGES", str(hypervisor.folders.images))
    made = Modules(
        defaults={"environment": "booted", "uri": hypervisor.uri, "state_folder": str(hypervisor.folders.root)}
    )
    yield made
    made.ran("guest", name="web", state="absent")
    made.ran("guest_network", name="lan", state="absent")


def test_a_guest_is_up_with_its_engine_when_the_module_ends(modules: Modules, hypervisor: Hypervisor) -> None:
    web = {
        "name": "web",
        "build": {"suite": "trixie"},
        "memory": "768 MiB",
        "networks": {"lan": {"address": "10.214.0.11"}},
    }
    modules.run("guest_network", name="lan", cidr="10.214.0.0/24", domain="booted.internal")
    made = modules.run("guest", **web)
    assert "create guest web" in actions(made)
    config = hypervisor.folders.environment("booted") / "ssh_config"
    asked = ["ssh", "-F", str(config), "web", "hostname && docker info --format {{.ServerVersion}}"]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=120).stdout.split()
    assert (said[0], len(said)) == ("web", 2)
    modules.stands("guest", **web)
    on_guest = Modules(defaults={"environment": "booted", "guest": "web", "state_folder": str(hypervisor.folders.root)})
    assert actions(on_guest.four_phases("docker_volume", name="data")) == ["create docker_volume data"]
    (told,) = modules.run("guest_info")["guests"]
    assert (told["running"], told["drift"]) == (True, [])
    assert actions(modules.run("guest", name="web", state="stopped")) == ["stop guest web"]
    assert actions(modules.run("guest", name="web", state="started")) == ["start guest web"]
    modules.run("guest", name="web", state="absent")
    assert modules.run("guest_info")["guests"] == []
