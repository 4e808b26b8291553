# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that come out of a checkpoint: their processors run again, with the right time and fresh random numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import StrataError
from ..kvm.domain import cut_power, find_domain
from ..kvm.errors import libvirt_errors
from ..kvm.wake import wake
from ..parallel import at_once
from . import domains, under_way
from .under_way import UnderWay

if TYPE_CHECKING:
    from ..kvm.hypervisor import Hypervisor
    from ..progress import Progress


def resume_all(hypervisor: Hypervisor, environment: str, guests: Iterable[str]) -> None:
    """One right after the other: they have been suspended so, and wait for each other's answers."""
    for guest in guests:
        with libvirt_errors(f"guest {guest}"):
            domain = find_domain(hypervisor, environment, guest)
            if domain:
                domains.resume(domain)


def finish(hypervisor: Hypervisor, environment: str, left: UnderWay, progress: Progress) -> None:
    """Do what a killed run had not come to for guests that run already; one that does not answer is switched off, and
    the plan starts it."""

    def each(guest: str) -> None:
        with libvirt_errors(f"guest {guest}"):
            domain = find_domain(hypervisor, environment, guest)
            if domain is None or not domain.isActive():
                return
            try:
                domains.resume(domain)
                wake(hypervisor, environment, guest, progress)
            except StrataError:
                cut_power(domain)

    at_once(each, left.guests)
    under_way.clear(environment, hypervisor.folders)
