# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes of containers on a real engine: those without a name, and those that are made anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    Mount,
    Network,
    ServiceNetwork,
    Volume,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.unnamed_volumes import volume_name
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from container_lab import GUEST, Make, sleeper

pytestmark = pytest.mark.lab


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
