# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data disks and limits that a guest cannot have."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare import check_disks
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.checks import check
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Disk
from ansible_collections.strata.kvm_docker.plugins.module_utils.naming import disk_serial, disk_target
from kvm_lab import MIB, environment, with_guest


def problems(**changes: Any) -> list[str]:
    return [
        f"{problem.path}: {problem.message}"
        for problem in check(with_guest(environment(), "web", **changes))
        if "image" not in problem.path
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"vcpus": 3, "vcpus_max": 2}, "guests.web.vcpus_max: 2 is less than vcpus (3)"),
        ({"memory": 2 * MIB, "memory_max": MIB}, "guests.web.memory_max: is less than memory"),
        ({"disks": {"data": Disk(size=1, pool="fast")}}, "guests.web.disks.data.pool: unknown pool 'fast'"),
        ({"disks": {"strata-seed": Disk(size=1)}}, "guests.web.disks.strata-seed: begins with strata-"),
        ({"disks": {"data": Disk(size=1, mount="/usr")}}, "/usr is a folder of the system; mount it elsewhere"),
        (
            {"disks": {"a": Disk(size=1, mount="/srv"), "b": Disk(size=1, mount="/srv")}},
            "guests.web.disks.b.mount: /srv is where disk a is mounted already",
        ),
    ],
)
def test_what_a_guest_cannot_have_is_told_where_it_is_declared(changes: dict[str, Any], expected: str) -> None:
    (problem,) = problems(**changes)
    assert expected in problem


def test_disks_that_would_share_a_device_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_disks, "disk_target", lambda name: "vdaaa")
    (problem,) = problems(disks={"one": Disk(size=1), "two": Disk(size=1)})
    assert "guests.web.disks.two: has the device name of disk one; rename one of them" in problem


def test_limits_and_disks_that_fit_are_no_problem() -> None:
    disks = {"data": Disk(size=1, mount="/srv/data"), "raw": Disk(size=1)}
    assert problems(vcpus=2, vcpus_max=4, memory=MIB, memory_max=2 * MIB, disks=disks) == []


def test_a_serial_number_fits_into_what_virtio_carries() -> None:
    assert disk_serial("data") == "data"
    assert len(disk_serial("a-name-of-more-than-twenty-characters")) == 20


def test_device_names_follow_from_names_alone_and_are_none_of_our_own() -> None:
    assert disk_target("data") == disk_target("data") != disk_target("other")
    assert len(disk_target("data")) == 5
