# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a wait has to tell, beside the resource in Pulumi's own display."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import grpc
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc

#: Seconds for one line; nobody waits longer for a display.
_TIMEOUT = 1.0


class Log:
    """Speaks to the engine of Pulumi at :attr:`address` (``host:port``), if there is one; safe to use from threads."""

    def __init__(self, address: str = "") -> None:
        self.address = address

    def beside(self, urn: str) -> Callable[[Event], None]:
        """A sink of progress that shows each event, for as long as nothing follows, beside the resource *urn*."""
        return lambda event: self._tell(urn, event.message)

    def _tell(self, urn: str, message: str) -> None:
        if not self.address:
            return
        line = engine_pb2.LogRequest(severity=engine_pb2.INFO, message=message, urn=urn, ephemeral=True)
        with suppress(grpc.RpcError), grpc.insecure_channel(self.address) as channel:
            engine_pb2_grpc.EngineStub(channel).Log(line, timeout=_TIMEOUT)
