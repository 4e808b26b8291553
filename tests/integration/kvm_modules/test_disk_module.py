# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module disk on a real libvirt."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from docker_module import Modules, actions
from kvm_lab import MIB, empty_qcow2

pytestmark = pytest.mark.lab


@pytest.fixture
def web(modules: Modules, kvm: Hypervisor) -> dict[str, Any]:
    """Options of a guest that is there, made by modules."""
    image = kvm.folders.root / "empty.qcow2"
    empty_qcow2(image, 16 * MIB)
    modules.run("guest_network", name="lan", cidr="10.211.0.0/20", forward="isolated")
    networks = {"lan": {"address": "10.211.0.11"}}
    sizes = {"memory": "64 MiB", "disk": "64 MiB"}
    options = {"name": "web", "source": str(image), "networks": networks, **sizes, "virt_type": "qemu", "wait": "none"}
    modules.run("guest", **options)
    return options


def test_a_disk_lives_from_its_creation_to_its_end(modules: Modules, kvm: Hypervisor, web: dict[str, Any]) -> None:
    data = {"guest": "web", "name": "data"}
    made = modules.four_phases("disk", **data, size="8 MiB")
    assert actions(made) == ["create disk web.data", "update guest web"]
    assert (made["disk"]["size"], Path(made["disk"]["path"]).name) == (8 * MIB, "web.data.qcow2")
    assert "web.data.qcow2" in kvm.connection.lookupByName("lab-web").XMLDesc()
    modules.stands("guest", **web)
    assert actions(modules.four_phases("disk", **data, size="16 MiB")) == ["update disk web.data"]
    assert "cannot shrink" in modules.refused("disk", **data, size="8 MiB")
    gone = modules.four_phases("disk", **data, state="absent")
    assert "delete disk web.data" in actions(gone)
    assert "web.data.qcow2" not in kvm.connection.lookupByName("lab-web").XMLDesc()
    assert kvm.connection.lookupByName("lab-web").isActive()


def test_what_else_was_edited_of_the_guest_and_that_it_is_off_stays(
    modules: Modules, kvm: Hypervisor, web: dict[str, Any]
) -> None:
    domain = kvm.connection.lookupByName("lab-web")
    domain.destroy()
    domain.setAutostart(0)
    kept = {"guest": "web", "name": "kept", "size": "8 MiB", "keep": True}
    modules.four_phases("disk", **kept)
    assert not domain.isActive()
    taken = modules.four_phases("disk", guest="web", name="kept", state="absent")
    assert actions(taken) == ["update guest web"]
    Path(taken["disk"]["path"]).unlink()


def test_a_strangers_disk_is_left_alone_until_it_is_adopted(
    modules: Modules, kvm: Hypervisor, web: dict[str, Any]
) -> None:
    path = kvm.folders.pool("lab") / "web.data.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(path), "8M"], check=True)
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 1M 64k", str(path)], check=True)
    before = path.read_bytes()
    data = {"guest": "web", "name": "data"}
    for check in (True, False):
        assert "or give adopt: true" in modules.refused("disk", check=check, **data, size="16 MiB")
        assert "cannot shrink" in modules.refused("disk", check=check, **data, size="4 MiB", adopt=True)
    assert path.read_bytes() == before
    adopted = modules.four_phases("disk", **data, size="16 MiB", adopt=True)
    assert actions(adopted) == ["update disk web.data", "update guest web"]
    assert adopted["plan"][0]["reason"] == "adopted: somebody else made it"
    assert adopted["disk"]["size"] == 16 * MIB
    subprocess.run(["qemu-io", "-U", "-r", "-f", "qcow2", "-c", "read -P 0x5a 1M 64k", str(path)], check=True)
    modules.stands("disk", **data, size="16 MiB")
    assert "delete disk web.data" in actions(modules.four_phases("disk", **data, state="absent"))
    assert not path.exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": "much"}, "options: size: 'much' is not a size"),
        ({"guest": "nobody"}, "guest nobody: environment lab has none"),
        ({"name": "Data"}, "options: name: the key must be a name"),
        ({"mount": "/srv"}, "options: mount: is for the module environment"),
    ],
)
def test_bad_options_are_told_with_their_path(modules: Modules, options: dict[str, Any], words: str) -> None:
    assert words in modules.refused("disk", check=True, **{"guest": "web", "name": "data", "size": "1g", **options})
