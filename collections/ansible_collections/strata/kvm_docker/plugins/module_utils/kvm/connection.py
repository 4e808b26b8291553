# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A libvirt connection that is there soon or not at all."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

from ..errors import HypervisorError
from ..requirements import require

if TYPE_CHECKING:
    import libvirt


def connect(uri: str, seconds: float = 10) -> libvirt.virConnect:
    """Open *uri*; :class:`HypervisorError` where it refuses, or does not answer within *seconds*.

    libvirt itself waits for ever on a server that accepts and says nothing, so the wait is done beside it.
    """
    require("libvirt")
    import libvirt

    libvirt.registerErrorHandler(_quiet, None)
    outcome: queue.Queue[libvirt.virConnect | libvirt.libvirtError] = queue.Queue()

    def attempt() -> None:
        try:
            outcome.put(libvirt.open(uri))
        except libvirt.libvirtError as error:
            outcome.put(error)

    threading.Thread(target=attempt, name=f"connect {uri}", daemon=True).start()
    try:
        found = outcome.get(timeout=seconds)
    except queue.Empty:
        raise HypervisorError(
            f"libvirt at {uri} does not answer within {seconds:g} s. Check that its daemon runs (and is reachable), "
            "or set hypervisor.uri to one that does."
        ) from None
    if isinstance(found, libvirt.libvirtError):
        raise HypervisorError(
            f"libvirt at {uri} cannot be used: {found.get_error_message() or found}. Start its daemon, or set "
            "hypervisor.uri to one that answers."
        )
    return found


def answers(uri: str, seconds: float = 10) -> bool:
    """Whether libvirt at *uri* accepts a connection within *seconds*."""
    try:
        connect(uri, seconds).close()
    except HypervisorError:
        return False
    return True


def _quiet(_context: object, _error: object) -> None:
    """libvirt writes each error to stderr as well; ours are raised."""
