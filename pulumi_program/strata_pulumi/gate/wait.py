# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits for an engine, looks at it, lets go of it: the core's own SSH connection and its watch over the guest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.client import connect
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.errors import engine_errors
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import GuestError, os_errors
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import ready
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.domain import find_domain
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import opened
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.watch import Watch
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress

from .engine import Facts, Place
from .site import Site

#: Seconds that a refresh gives an engine that should be up.
_LOOK = 10.0

Interrupt = Callable[[], None]


def wait(place: Place, address: str, site: Site, timeout: float, interrupt: Interrupt, progress: Progress) -> Facts:
    """Facts of the engine once it answers. *interrupt* is called every 0.1 s or so, and may raise.

    Raises :class:`~errors.StrataError` at once where waiting has become pointless, with the console's last lines.
    """
    with os_errors(), opened(site.hypervisor, site.folders) as hypervisor:
        _require_way(place, address, site)
        watch = Watch(hypervisor, place.environment, place.guest, progress, timeout, "readyTimeout", interrupt)
        return _ready(watch)


def look(place: Place, site: Site, interrupt: Interrupt) -> Facts | None:
    """Facts of the engine as it is; ``None`` where its guest is gone. Raises :class:`~errors.GuestError` or
    :class:`~errors.EngineError` where it is there and does not answer."""
    with os_errors():
        if place.guest not in access.guests(place.environment, site.folders):
            return None
        with opened(site.hypervisor, site.folders) as hypervisor:
            if find_domain(hypervisor, place.environment, place.guest) is None:
                return None
            limit = "a refresh waits no longer"
            return _ready(Watch(hypervisor, place.environment, place.guest, Progress(), _LOOK, limit, interrupt))


def address_of(place: Place, site: Site) -> str:
    """The address that the environment's SSH configuration has for the guest."""
    return access.shell(place.environment, place.guest, site.folders).leads_to()


def let_go(place: Place, site: Site) -> None:
    """End the connection to the guest, if there is one; the guest itself is left alone, and need not be there."""
    shell = access.shell(place.environment, place.guest, site.folders)
    if shell.config.exists():
        with os_errors():
            shell.disconnect()


def _ready(watch: Watch) -> Facts:
    shell = ready.await_shell(watch)
    socket = ready.await_engine(watch, shell)
    try:
        return _ask(socket, f"engine of guest {watch.guest}")
    finally:
        shell.close()


def _ask(socket: Path, what: str) -> Facts:
    with connect(f"unix://{socket}", what) as client, engine_errors(what):
        told = client.info()
        return Facts(version=told["ServerVersion"], api_version=client.api_version, id=told["ID"])


def _require_way(place: Place, address: str, site: Site) -> None:
    """What is missing now would be waited for in vain."""
    if place.guest not in access.guests(place.environment, site.folders):
        raise GuestError(
            f"guest {place.guest}: environment {place.environment} has no SSH keys for it in {site.folders.root}. "
            "Let the program make them before its engine, or set strata:stateFolder to where they are."
        )
    found = address_of(place, site)
    if found != address:
        raise GuestError(
            f"guest {place.guest}: the SSH configuration of environment {place.environment} leads to {found}, and the "
            f"property address to {address}. Take both from one declaration."
        )
