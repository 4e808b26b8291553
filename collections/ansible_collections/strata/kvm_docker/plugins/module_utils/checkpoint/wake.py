# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Guests that come out of a checkpoint: their processors run again, with the right time and fresh random numbers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..errors import StrataError
from ..guest import inside
from ..kvm.domain import cut_power, find_domain
from ..kvm.errors import libvirt_errors
from ..kvm.ready import await_shell
from ..kvm.watch import Watch
from ..parallel import at_once
from . import domains, under_way
from .under_way import UnderWay

if TYPE_CHECKING:
    from ..kvm.hypervisor import Hypervisor
    from ..progress import Progress

#: Seconds that a guest has to answer by SSH once it runs again.
ANSWER_TIMEOUT = 120.0


def resume_all(hypervisor: Hypervisor, environment: str, guests: Iterable[str]) -> None:
    """One right after the other: they have been suspended so, and wait for each other's answers."""
    for guest in guests:
        with libvirt_errors(f"guest {guest}"):
            domain = find_domain(hypervisor, environment, guest)
            if domain:
                domains.resume(domain)


def wake(hypervisor: Hypervisor, environment: str, guests: Sequence[str], progress: Progress) -> None:
    """Have running *guests* answer, with the right time and random numbers that no other clone has.

    Raises :class:`~..errors.GuestError` where one does not.
    """
    at_once(lambda guest: _wake(hypervisor, environment, guest, progress), guests)


def _wake(hypervisor: Hypervisor, environment: str, guest: str, progress: Progress) -> None:
    with progress.stage(f"guest {guest}", "waiting for it to answer again"):
        watch = Watch(hypervisor, environment, guest, progress, ANSWER_TIMEOUT, limit="its memory is back")
        shell = await_shell(watch)
        inside.freshen(shell, time.time(), secrets.token_bytes(inside.ENTROPY))


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
                _wake(hypervisor, environment, guest, progress)
            except StrataError:
                cut_power(domain)

    at_once(each, left.guests)
    under_way.clear(environment, hypervisor.folders)
