# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often an environment is looked at until it rests."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import kvm_lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity import take
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import Leaf

HEALTH = "containers/web/app/State/Health/Status"


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Looks and pauses in their order."""
    found: list[Any] = []
    monkeypatch.setattr(time, "sleep", found.append)
    return found


def rested(monkeypatch: pytest.MonkeyPatch, events: list[Any], unhealthy: list[tuple[str, ...]]) -> take._Taking:
    """After looks that found *unhealthy* containers, one after the other."""
    looks = iter(unhealthy)

    def sample(_self: Any, _now: Any) -> take._Sample:
        events.append("look")
        leaf = Leaf("guests/web/boot/hostname", "web", "content", 3)
        return take._Sample(looks=(), leaves={leaf.path: leaf}, unhealthy=next(looks))

    monkeypatch.setattr(take._Taking, "_sample", sample)
    nothing: Any = None
    taking = take._Taking(
        environment=kvm_lab.environment("lab"),
        folders=Folders(Path("/nowhere")),
        level=3,
        inputs=nothing,
        lock=nothing,
        assembly=nothing,
    )
    taking._rested(nothing)
    return taking


def test_what_rests_is_looked_at_twice_without_a_pause(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    assert rested(monkeypatch, events, [(), ()]).moving == []
    assert events == ["look", "look"]


def test_while_health_is_waited_for_guests_have_time_for_it(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    assert rested(monkeypatch, events, [(HEALTH,), (HEALTH,), (HEALTH,), ()]).moving == []
    assert events == ["look", "look", take.PAUSE, "look", take.PAUSE, "look"]


def test_what_does_not_get_healthy_is_told(monkeypatch: pytest.MonkeyPatch, events: list[Any]) -> None:
    monkeypatch.setattr(take, "SETTLE", -1.0)
    assert rested(monkeypatch, events, [(HEALTH,), (HEALTH,)]).moving == [HEALTH]
    assert events == ["look", "look"]
