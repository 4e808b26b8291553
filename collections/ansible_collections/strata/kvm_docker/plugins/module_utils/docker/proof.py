# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health proven anew: an engine whose memory is a copy still says what health checks had found then."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import ContainerError
from .engine import Engine
from .errors import engine_errors

#: Checks at once; in an emulated guest each is a process that starts slowly.
_AT_ONCE = 4
#: Seconds in which a container has to pass, however short its own limits are.
_PATIENCE = 60.0
_PAUSE = 0.5


def prove_health(engine: Engine) -> None:
    """Run the health check of every healthy container now, as the engine would at its next interval.

    Raises :class:`ContainerError` for one that does not pass.
    """
    with engine_errors(f"containers of {engine.where}"):
        running = [row["Id"] for row in engine.client.containers(filters={"health": "healthy"})]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda identity: _prove(engine, identity), running))


def check_of(test: Sequence[str], shell: Sequence[str]) -> list[str]:
    """The command of a health check (https://docs.docker.com/reference/dockerfile/#healthcheck); empty for none. Pure.

    *shell*: of the image.
    """
    kind, *words = test or ("NONE",)
    if kind == "CMD-SHELL":
        return [*(shell or ("/bin/sh", "-c")), *words]
    return list(words) if kind == "CMD" else []


def _prove(engine: Engine, identity: str) -> None:
    inspected = engine.client.inspect_container(identity)
    config = inspected["Config"]
    command = check_of((config.get("Healthcheck") or {}).get("Test") or (), config.get("Shell") or ())
    until = time.monotonic() + _PATIENCE
    while command:
        status, said = _run(engine, identity, command)
        if status == 0:
            return
        if time.monotonic() > until:
            name = inspected["Name"].lstrip("/")
            raise ContainerError(f"container {engine.guest}/{name} does not pass its health check: {said[:500]}")
        time.sleep(_PAUSE)


def _run(engine: Engine, identity: str, command: list[str]) -> tuple[int, str]:
    made: dict[str, Any] = engine.client.exec_create(identity, command)
    said = engine.client.exec_start(made["Id"])
    return int(engine.client.exec_inspect(made["Id"])["ExitCode"] or 0), said.decode(errors="replace").strip()
