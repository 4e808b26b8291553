# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine and what observing and applying on it need: one client over one unix socket, open for the whole run."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..declare.compose import Project
from ..declare.environment import Environment
from ..errors import GuestError, StrataError
from ..inputs import Inputs
from .applied_notes import AppliedNotes
from .client import connect, ping
from .labels import origin
from .mount import declared_mounts

if TYPE_CHECKING:
    import docker

    from ..guest.machine import Machine
    from ..guest.ssh import Shell

#: Seconds that one container is waited for.
WAIT_TIMEOUT = 600


def check_wait(seconds: int) -> int:
    """*seconds*, if a container can be waited for so long. Raises :class:`StrataError`."""
    if seconds < 0:
        raise StrataError(f"wait_timeout must be a number of seconds, 0 for no limit; it is {seconds}.")
    return seconds


@dataclass(slots=True)
class Builds:
    """References that are being built. What their builds make must not be tidied away; *lock* is held by who tidies."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    under_way: set[str] = field(default_factory=set)

    @contextmanager
    def building(self, reference: str) -> Iterator[None]:
        with self.lock:
            self.under_way.add(reference)
        try:
            yield
        finally:
            self.under_way.discard(reference)


@dataclass(frozen=True, slots=True)
class Look:
    """An inspection of a container, ``at`` a moment of the monotonic clock, and the ``row`` that it was listed with."""

    at: float
    row: Mapping[str, Any]
    inspected: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Engine:
    """A guest's Docker engine and what observing and applying on it need.

    ``guest``: in the keys of its objects. ``address``: of an engine that is no guest's, in words.
    ``restart_command``: of one that systemd does not run. ``environment``: name in the ownership marks. ``shell``: the
    engine's machine, ``None`` where it cannot be had. ``project``: the Compose project to run on it.
    ``mounts``: where the guest's data disks are to be mounted, by name. ``remove_volumes``: what a container that goes
    had without a name goes with it. ``by_module``: a module of the Docker layer works on it. ``wait_timeout``: seconds
    that one container is waited for, 0: no limit. ``notes``: of what was applied to containers; without them their
    labels are believed. ``looks``: the last one at each container, by id.
    """

    guest: str
    environment: str
    client: docker.APIClient
    shell: Machine | None = None
    address: str = ""
    restart_command: str | None = None
    project: Project | None = None
    inputs: Inputs = field(default_factory=Inputs)
    mounts: Mapping[str, str] = field(default_factory=dict)
    remove_volumes: bool = True
    by_module: bool = False
    wait_timeout: int = WAIT_TIMEOUT
    builds: Builds = field(default_factory=Builds)
    notes: AppliedNotes | None = None
    looks: dict[str, Look] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """The engine in words, for messages."""
        return self.address or f"guest {self.guest}"

    @property
    def title(self) -> str:
        """The engine itself in words."""
        return self.address or f"engine of guest {self.guest}"

    @property
    def project_name(self) -> str:
        """Of the Compose project that its objects are of; empty for objects that stand by themselves."""
        return self.project.name if self.project else ""

    @property
    def origin(self) -> dict[str, str]:
        """Labels that say what declares its objects."""
        return origin(self.project_name, self.by_module)

    def version(self) -> str:
        """The engine's version, e.g. ``26.1.5+dfsg1``."""
        return ping(self.client)["Server"].removeprefix("Docker/").partition(" ")[0]

    def close(self) -> None:
        """Close the connections; the guest's shell goes with them."""
        self.client.close()
        if self.shell:
            self.shell.close()


def open_engine(
    shell: Shell,
    socket: Path,
    environment: Environment,
    inputs: Inputs,
    *,
    notes: AppliedNotes | None = None,
    wait_timeout: int = WAIT_TIMEOUT,
    remove_volumes: bool = True,
) -> Engine:
    """The engine of the guest behind *shell*; it answers at *socket* (see :func:`~..kvm.ready.wait_for_engine`)."""
    guest = environment.guests[shell.guest]
    return Engine(
        guest=shell.guest,
        environment=environment.name,
        client=connect(f"unix://{socket}", f"engine of guest {shell.guest}"),
        shell=shell,
        project=guest.compose,
        inputs=inputs,
        mounts=declared_mounts(guest),
        remove_volumes=remove_volumes,
        wait_timeout=wait_timeout,
        notes=notes,
    )


def journal(shell: Machine, lines: int = 20) -> str:
    """The last *lines* of the engine's journal, for an error message."""
    try:
        return shell.run(f"journalctl --unit docker.service --lines {lines} --output cat --no-pager").decode(
            errors="replace"
        )
    except GuestError as error:
        return f"(its journal cannot be read: {error})"
