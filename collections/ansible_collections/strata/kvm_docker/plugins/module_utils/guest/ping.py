# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether somebody is at a unix socket, and the cheapest question that a Docker engine answers there: ``GET /_ping``
(Docker Engine API)."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_REQUEST = b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n"


def ping(path: Path, timeout: float, watch: Callable[[], None]) -> bool:
    """Whether an engine answers at *path* within *timeout* seconds; at once ``False`` when nobody listens there.

    systemd's socket holds the request back until the engine is up. *watch* is called every 0.1 s meanwhile and may
    raise to give up early.
    """
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client, suppress(OSError):
        client.settimeout(timeout)
        client.connect(str(path))
        client.sendall(_REQUEST)
        while not select.select([client], [], [], 0.1)[0]:
            watch()
            if time.monotonic() > deadline:
                return False
        return b" 200 " in client.recv(64)
    return False


def listening(path: Path) -> bool:
    """Whether somebody listens at *path*."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True
