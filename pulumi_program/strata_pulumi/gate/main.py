# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``pulumi-resource-strata``: Pulumi starts it, reads the port that it prints, and speaks gRPC to it."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from importlib.metadata import version

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from .log import Log
from .provider import Provider

#: Seconds between two looks whether Pulumi still runs, and seconds that answers under way have at the end.
_LOOK = 1.0
_GRACE = 1.0


def main() -> None:
    """Serve until Pulumi ends the process, or is gone."""
    parser = argparse.ArgumentParser(
        prog="pulumi-resource-strata", description="Pulumi's provider strata; Pulumi starts it."
    )
    parser.add_argument("engine", nargs="?", default="", help="address of Pulumi's engine (host:port)")
    arguments, _logging = parser.parse_known_args()
    asyncio.run(serve(arguments.engine))
    os._exit(0)  # Pulumi waits; taking every module down would be a tenth of a second.


async def serve(engine: str) -> None:
    """Answer on a free port of the loopback, which is printed. *engine*: who started it, empty if somebody by hand."""
    provider, ended = Provider(version("strata-kvm-docker"), Log(engine)), asyncio.Event()
    server = grpc.aio.server()
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    orphaned = asyncio.ensure_future(_orphaned(os.getppid(), ended) if engine else ended.wait())
    print(port, flush=True)
    await ended.wait()
    orphaned.cancel()
    provider.operations.cancel()
    await server.stop(_GRACE)


async def _orphaned(parent: int, ended: asyncio.Event) -> None:
    """End when Pulumi, the process *parent*, was killed: nobody would hear what is waited for."""
    while os.getppid() == parent:
        await asyncio.sleep(_LOOK)
    ended.set()
