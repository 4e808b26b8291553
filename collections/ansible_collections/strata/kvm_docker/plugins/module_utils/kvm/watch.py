# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches a guest while somebody waits for it, and ends the wait when it has become pointless."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from ..errors import GuestError, HypervisorError
from ..guest.console import console_path, given_up, read_console, tail
from ..progress import Progress
from .domain import find_domain

if TYPE_CHECKING:
    from .hypervisor import Hypervisor

#: Seconds between two looks at the domain and its console, and between two reports.
_LOOK = 0.5
_REPORT = 5.0

#: Reasons of VIR_DOMAIN_PAUSED (libvirt-domain.h, virDomainPausedReason) that nothing of ours ends; the others pass.
_PAUSED = {
    0: "QEMU has stopped it on an internal error",
    1: "somebody has paused it (virsh resume lets it go on)",
    5: "QEMU has paused it on a disk error (is the disk of the hypervisor full?)",
    6: "its watchdog has paused it",
    10: "its kernel has crashed",
}


def _nothing() -> None:
    """Nobody interrupts."""


@dataclass(slots=True)
class Watch:
    """Call it often: it looks every 0.5 s and raises :class:`GuestError` once *guest* cannot become ready any more, or
    *timeout* seconds after it was made.

    ``limit``: the option that sets *timeout*, as messages name it. ``interrupt``: called each time, i.e. about every
    0.1 s while somebody waits; what it raises ends the wait.
    """

    hypervisor: Hypervisor
    environment: str
    guest: str
    progress: Progress
    timeout: float
    limit: str = "boot_timeout"
    interrupt: Callable[[], None] = _nothing
    _began: float = field(default_factory=time.monotonic, init=False)
    _looked: float = field(default=0.0, init=False)
    _reported: float = field(default_factory=time.monotonic, init=False)
    _what: str = field(default="", init=False)
    _note: str = field(default="", init=False)
    _line: str = field(default="", init=False)

    def __call__(self) -> None:
        self.interrupt()
        now = time.monotonic()
        if now - self._looked < _LOOK:
            return
        self._looked = now
        console = read_console(console_path(self.hypervisor.folders, self.environment, self.guest))
        self._check(console)
        if now - self._reported >= _REPORT:
            self._reported = now
            self._report(tail(console, 1)[:100])

    @contextmanager
    def waiting_for(self, what: str) -> Iterator[None]:
        """Say in reports and errors that it is waiting for *what*."""
        self._what = what
        self.progress.phase(f"guest {self.guest}", what)
        yield

    def note(self, reason: str) -> None:
        """Why the last try failed; told when the time is up."""
        self._note = reason

    def pause(self, seconds: float) -> None:
        """Look, then sleep."""
        self()
        time.sleep(seconds)

    def left(self) -> float:
        """Seconds until the time is up, at least 1."""
        return max(1.0, self._began + self.timeout - time.monotonic())

    def _check(self, console: str) -> None:
        problem = domain_problem(self.hypervisor, self.environment, self.guest)
        if problem:
            self._fail(f"{problem} before {self._what} answered.", console)
        if given_up(console):
            console = self._to_its_end(console)
            self._fail(f"its boot has failed: {given_up(console)}", console)
        if time.monotonic() - self._began > self.timeout:
            why = f" Last try: {self._note}" if self._note else ""
            self._fail(f"{self._what} does not answer after {self.timeout:g} s ({self.limit}).{why}", console)

    def _to_its_end(self, console: str) -> str:
        """The console once a look's time has passed: it may have been read in the middle of the last line."""
        time.sleep(_LOOK)
        path = console_path(self.hypervisor.folders, self.environment, self.guest)
        later = read_console(path)
        return later if given_up(later) else console

    def _fail(self, reason: str, console: str) -> NoReturn:
        path = console_path(self.hypervisor.folders, self.environment, self.guest)
        said = tail(console) or "(nothing)"
        raise GuestError(f"guest {self.guest}: {reason}\nIts console ({path}) ends with:\n{said}")

    def _report(self, line: str) -> None:
        """The console's last *line* is news once."""
        news = f"; {line}" if line != self._line else ""
        self._line = line
        waited = f"waiting for {self._what} for {time.monotonic() - self._began:.0f} s"
        self.progress.report(f"guest {self.guest}", "progress", f"{waited}{news}")


def domain_problem(hypervisor: Hypervisor, environment: str, guest: str) -> str | None:
    """Why the domain of *guest* cannot become ready by itself; ``None`` while it can."""
    import libvirt

    try:
        domain = find_domain(hypervisor, environment, guest)
        if domain is None:
            return "its domain is gone"
        state, reason = domain.state()
    except libvirt.libvirtError as error:
        raise HypervisorError(f"libvirt does not tell the state of guest {guest}: {error}") from error
    if state == libvirt.VIR_DOMAIN_PAUSED:
        return _PAUSED.get(reason)
    return {
        libvirt.VIR_DOMAIN_SHUTOFF: "it has powered off",
        libvirt.VIR_DOMAIN_CRASHED: "it has crashed",
        libvirt.VIR_DOMAIN_PMSUSPENDED: "it has suspended itself",
    }.get(state)
