# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planning twice as many objects takes about twice the work, counted in function calls and not in seconds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import (
    Declared,
    Effect,
    Key,
    Need,
    Observed,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import plan
from call_count import calls

FEW = 200
NETWORK = Key("docker_network", "lan", "apps")


def containers(count: int, image: str) -> list[Declared]:
    """All of one service, each after the network."""
    needs = (Need(NETWORK, rebuilt_with=True),)
    network = Declared(NETWORK, {"driver": "bridge"})
    return [
        network,
        *(
            Declared(Key("container", f"app-{number}", "apps"), {"Image": image}, needs, rolling=("apps/app", 1))
            for number in range(count)
        ),
    ]


def as_observed(declared: list[Declared]) -> list[Observed]:
    return [Observed(item.key, item.spec, item.spec) for item in declared]


def created(count: int) -> int:
    wanted = containers(count, "one")
    return calls(lambda: plan(wanted, [], lambda key, difference: Effect.REPLACE))


def unchanged(count: int) -> int:
    wanted = containers(count, "one")
    found = as_observed(wanted)
    return calls(lambda: plan(wanted, found, lambda key, difference: Effect.REPLACE))


def replaced(count: int) -> int:
    wanted, found = containers(count, "two"), as_observed(containers(count, "one"))
    return calls(lambda: plan(wanted, found, lambda key, difference: Effect.REPLACE))


def deleted(count: int) -> int:
    found = as_observed(containers(count, "one"))
    return calls(lambda: plan([], found, lambda key, difference: Effect.REPLACE, remove_orphans=True))


@pytest.mark.parametrize("work", [created, unchanged, replaced, deleted])
def test_planning_twice_as_many_objects_takes_about_twice_the_work(work: Callable[[int], int]) -> None:
    assert work(2 * FEW) < 2.5 * work(FEW)
