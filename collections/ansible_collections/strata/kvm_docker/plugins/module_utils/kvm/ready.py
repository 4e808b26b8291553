# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for a guest: until its shell answers, and until its Docker engine does.

A wait ends the moment the guest answers, and the moment it cannot any more: its domain is off, crashed or paused, its
console shows that the boot is over, its engine's service has failed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..declare.environment import Environment, Guest
from ..errors import GuestError
from ..guest import access
from ..guest.ping import ping
from ..guest.ssh import ConnectError, Shell
from ..progress import Progress
from .watch import Watch

if TYPE_CHECKING:
    from .hypervisor import Hypervisor

#: Seconds between two tries: a refused one costs 20 ms of processor time here and nothing in the guest.
_PAUSE = 0.3
#: Seconds for one SSH handshake: a guest without hardware virtualization that is still booting takes several.
_HANDSHAKE = 30.0


def wait_for_shell(
    hypervisor: Hypervisor, environment: Environment, guest: Guest, progress: Progress, timeout: float | None = None
) -> Shell:
    """Return *guest*'s connected shell, within *timeout* seconds (``boot_timeout`` where not given).

    Raises :class:`GuestError`, which ends with the console's last lines.
    """
    return await_shell(Watch(hypervisor, environment.name, guest.name, progress, timeout or guest.boot_timeout))


def await_shell(watch: Watch) -> Shell:
    """As :func:`wait_for_shell`, as long as *watch* lets it."""
    shell = access.shell(watch.environment, watch.guest, watch.hypervisor.folders)
    with watch.waiting_for("SSH"):
        while not _connected(shell, watch):
            watch.pause(_PAUSE)
    return shell


def wait_for_engine(
    hypervisor: Hypervisor,
    environment: Environment,
    guest: Guest,
    shell: Shell,
    progress: Progress,
    timeout: float | None = None,
) -> Path:
    """Return the local socket of *guest*'s Docker engine once it answers there; raises as :func:`wait_for_shell`."""
    return await_engine(Watch(hypervisor, environment.name, guest.name, progress, timeout or guest.boot_timeout), shell)


def await_engine(watch: Watch, shell: Shell) -> Path:
    """As :func:`wait_for_engine`, as long as *watch* lets it."""
    with watch.waiting_for("the Docker engine"):
        while True:
            try:
                path = shell.forward()
                if ping(path, watch.left(), watch):
                    return path
                _check_service(shell)
            except ConnectError as error:
                watch.note(str(error))
            watch.pause(_PAUSE)


def _connected(shell: Shell, watch: Watch) -> bool:
    try:
        shell.connect(min(_HANDSHAKE, watch.left()), watch)
    except ConnectError as error:
        watch.note(str(error))
        return False
    return True


def _check_service(shell: Shell) -> None:
    """Raise when no engine will answer any more: its service has failed for good, or a stock image could not install
    it. With the last lines of the log."""
    said = shell.run("systemctl show --property=LoadState,ActiveState docker.service cloud-final.service || true")
    states = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in said.decode().split("\n\n")
    ]
    engine, cloud_init = [*states, {}, {}][:2]
    if engine.get("ActiveState") == "failed":
        log = shell.run("journalctl --unit docker.service --output cat --no-pager --lines 15")
        reason = "its Docker engine does not start. Correct engine.settings, then run again."
    elif engine.get("LoadState") == "not-found" and cloud_init.get("ActiveState") == "failed":
        log = shell.run("tail --lines 15 /var/log/cloud-init-output.log || true")
        reason = (
            "its image has no Docker, and its cloud-init could not install docker.io. Let the guest reach its mirror "
            "and make it anew, or take an image with Docker."
        )
    else:
        return
    raise GuestError(f"guest {shell.guest}: {reason} Its log ends with:\n{log.decode(errors='replace').strip()}")
