# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spellings of an image's reference."""

from __future__ import annotations

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.reference import familiar, split

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("spelled", "name"),
    [
        ("redis", "redis:latest"),
        ("docker.io/library/redis", "redis:latest"),
        ("library/redis:7", "redis:7"),
        ("docker.io/org/app", "org/app:latest"),
        ("localhost:5000/app", "localhost:5000/app:latest"),
        ("localhost:5000/app:2", "localhost:5000/app:2"),
        (f"redis:7@{DIGEST}", f"redis@{DIGEST}"),
    ],
)
def test_spellings_of_one_image_are_equal(spelled: str, name: str) -> None:
    assert familiar(spelled) == name
    assert familiar(name) == name


def test_the_port_of_a_registry_is_no_tag() -> None:
    assert split("localhost:5000/app") == ("localhost:5000/app", "")
    assert split("localhost:5000/app:2") == ("localhost:5000/app", "2")
