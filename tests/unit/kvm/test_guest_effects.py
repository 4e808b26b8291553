# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a difference of a guest or a disk takes follows from the difference alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.disk import Disk
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.guest import Guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Difference, Effect

IN_PLACE, RESTART, REPLACE = Effect.IN_PLACE, Effect.RESTART, Effect.REPLACE


@pytest.mark.parametrize(
    ("path", "before", "after", "expected"),
    [
        ("memory", 64, 128, IN_PLACE),
        ("memory", 128, 64, IN_PLACE),
        ("memory_max", 64, 128, RESTART),
        ("vcpus", 1, 2, IN_PLACE),
        ("vcpus", 2, 1, RESTART),
        ("vcpus_max", 2, 4, RESTART),
        ("description", "", "a web server", IN_PLACE),
        ("autostart", True, False, IN_PLACE),
        ("persistent", False, True, RESTART),
        ("firmware", "bios", "uefi", RESTART),
        ("virt_type", "qemu", "kvm", RESTART),
        ("authorized_key", "a", "b", RESTART),
        ("disks.data.serial", None, "data", IN_PLACE),
        ("disks.data.serial", "data", None, IN_PLACE),
        ("interfaces.dmz.mac", None, "52:54:00:00:00:01", IN_PLACE),
        ("interfaces.dmz.mac", "52:54:00:00:00:01", None, IN_PLACE),
        ("interfaces.lan.mac", "52:54:00:00:00:01", "52:54:00:00:00:02", RESTART),
        ("interfaces.lan.address", "10.0.0.1/24", "10.0.0.2/24", RESTART),
        ("interfaces.lan.position", 1, 2, RESTART),
        ("interfaces.lan.link", "up", "down", IN_PLACE),
        ("edited.cpu", ["cpu/model is Nehalem, not qemu64"], [], RESTART),
        ("image", "a", "b", REPLACE),
    ],
)
def test_a_difference_of_a_guest_takes_no_more_than_it_must(
    path: str, before: Any, after: Any, expected: Effect
) -> None:
    assert Guest().effect(Difference(tuple(path.split(".")), before, after, "declaration")) is expected


@pytest.mark.parametrize(
    ("path", "before", "after", "expected"),
    [("size", 1, 2, IN_PLACE), ("keep", True, False, IN_PLACE), ("image", "a", "b", REPLACE)],
)
def test_a_difference_of_a_disk_keeps_its_data_where_it_can(
    path: str, before: Any, after: Any, expected: Effect
) -> None:
    assert Disk().effect(Difference((path,), before, after, "declaration")) is expected


@pytest.mark.parametrize(
    ("path", "before", "after", "words"),
    [("size", 2, 1, "cannot shrink"), ("pool", "", "fast", "it is in pool of the environment and does not move")],
)
def test_a_difference_that_would_lose_data_is_refused(path: str, before: Any, after: Any, words: str) -> None:
    with pytest.raises(StrataError, match=words):
        Disk().effect(Difference((path,), before, after, "declaration"))
