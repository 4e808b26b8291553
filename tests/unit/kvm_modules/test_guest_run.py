# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of the module guest come to in the run that it makes."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment, Guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers import kvm_guest
from ansible_collections.strata.kvm_docker.plugins.module_utils.layers.kvm_guest import GuestRun
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Plan
from ansible_collections.strata.kvm_docker.plugins.modules import guest

#: As it is read back from what is there, which does not tell how long to wait.
THERE = Environment(name="lab", folder="/", guests={"web": Guest(name="web", image="i")})


@pytest.mark.parametrize(("given", "seconds"), [({}, 300), ({"boot_timeout": 900}, 900)])
def test_a_guest_that_is_only_started_is_waited_for_as_long_as_the_option_says(
    given: dict[str, int], seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[Any] = []
    site: Any = SimpleNamespace(check=False, hypervisor=None, progress=None)
    monkeypatch.setattr(kvm_guest.ready, "wait_for_shell", lambda *call: waited.append(call[-1]))
    monkeypatch.setattr(kvm_guest.ready, "wait_for_engine", lambda *call: waited.append(call[-1]))
    monkeypatch.setattr(guest, "site_of", lambda *_call, **_options: nullcontext(site))
    monkeypatch.setattr(guest, "described", lambda *_call: {})
    monkeypatch.setattr(GuestRun, "only", lambda run, _action: run._wait(THERE, True) or Plan())
    defaults = {name: spec.get("default") for name, spec in guest.ARGUMENT_SPEC.items()}
    module: Any = SimpleNamespace(params={**defaults, "name": "web", "state": "started", **given}, _diff=False)
    guest.run(module)
    assert waited == [seconds, seconds]
