# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that come out of a checkpoint: their processors run again, with the right time and fresh random numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..docker.proof import prove_health
from ..errors import StrataError
from ..kvm.domain import cut_power, find_domain
from ..kvm.errors import libvirt_errors
from ..kvm.wake import wake
from ..parallel import at_once
from . import domains
from .under_way import UnderWay

if TYPE_CHECKING:
    from ..convergence import Convergence
    from ..kvm.hypervisor import Hypervisor
    from ..progress import Progress


def resume_all(hypervisor: Hypervisor, environment: str, guests: Iterable[str]) -> None:
    """One right after the other: they have been suspended so, and wait for each other's answers."""
    for guest in guests:
        with libvirt_errors(f"guest {guest}"):
            domain = find_domain(hypervisor, environment, guest)
            if domain:
                domains.resume(domain)


def prove(run: Convergence, guest: str) -> None:
    """Run the health checks of *guest*, which is awake; raises :class:`~..errors.ContainerError`."""
    engine = run.session.engine(guest)
    with run.progress.stage(f"guest {guest}", "proving the health of its containers"):
        prove_health(engine)


def finish(hypervisor: Hypervisor, environment: str, left: UnderWay, progress: Progress) -> list[str]:
    """Wake those guests that run already when a killed run had not come to that, and tell which are awake; one that
    does not answer is switched off, and the plan starts it."""

    def each(guest: str) -> bool:
        with libvirt_errors(f"guest {guest}"):
            domain = find_domain(hypervisor, environment, guest)
            if domain is None or not domain.isActive():
                return False
            try:
                domains.resume(domain)
                wake(hypervisor, environment, guest, progress)
            except StrataError:
                cut_power(domain)
                return False
            return True

    awake = at_once(each, left.guests)
    return [guest for guest, answers in zip(left.guests, awake, strict=True) if answers]
