# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that run, while the keys that open them are not (any more) in the state folder; on libvirt's test driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import kvm_lab
import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import converge
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.ssh import RefusedError
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress


@pytest.fixture
def now(hypervisor: Any) -> Iterator[converge.Running]:
    """The guest `web`, running, and no folder of its environment."""
    environment = kvm_lab.environment(guests=["web"])
    kvm_lab.converge(hypervisor, environment)
    there = replace(environment, hypervisor=replace(environment.hypervisor, uri=hypervisor.uri))
    with converge.running(there, kvm_lab.INPUTS, hypervisor.folders, Progress()) as now:
        yield now
    with suppress(libvirt.libvirtError):
        hypervisor.connection.lookupByName("lab-web").destroy()


def test_the_engine_of_a_guest_without_keys_is_refused_with_advice_and_nothing_is_made(now: converge.Running) -> None:
    with pytest.raises(RefusedError, match=r"(?s)guest web: .*STRATA_STATE.* bring the environment down and up again"):
        now.session.engine("web")
    assert not now.session.hypervisor.folders.environment("lab").exists()


def test_a_guest_without_keys_is_told_as_one_that_was_not_reached(now: converge.Running) -> None:
    """That makes a fingerprint incomplete."""
    reached, silent = now.reached()
    assert (now.guests, reached.guests, list(silent)) == (("web",), (), ["web"])
