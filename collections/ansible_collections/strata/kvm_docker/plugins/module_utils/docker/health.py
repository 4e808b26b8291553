# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until a container is what others need of it, and fails at once when it cannot get there any more."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..declare.replicas import jobs
from ..errors import ContainerError
from ..plan.model import Condition, Declared, Key
from ..progress import Progress
from .engine import Engine
from .errors import engine_errors

#: Seconds between looks; one look is an answer of some milliseconds.
INTERVAL = 0.2
#: The engine restarts a crashing container after 0.1, 0.2, 0.4 s ...: so many restarts are a loop.
CRASH_LOOP = 3
LOG_LINES = 20


def settle(engine: Engine, key: Key, condition: Condition, progress: Progress) -> None:
    """Return once the container is in *condition*: ``healthy`` (without a health check: up) or ``completed``.

    Raises :class:`ContainerError`, ending with the container's last log lines, when it exits with an error, keeps
    crashing, turns unhealthy, or is not there after the ``wait_timeout`` of *engine*.
    """
    if condition == "applied":
        return
    job = condition == "completed" or key.name in jobs(engine.project)
    began, shown = time.monotonic(), ""
    while not (state := _look(engine, key, job)).done:
        if engine.wait_timeout and time.monotonic() - began >= engine.wait_timeout:
            raise ContainerError(
                f"{key} is not ready after {engine.wait_timeout} s ({state.text}). Mend {state.mend}, or raise "
                f"wait_timeout (0: no limit).{last_lines(engine, key.name)}"
            )
        if state.text != shown:
            progress.report(f"container {key.guest}/{key.name}", "progress", shown := state.text)
        time.sleep(INTERVAL)


@dataclass(frozen=True, slots=True)
class _State:
    """What one look saw: ``done``, or ``text`` says what is waited for, and ``mend`` what may keep it from coming."""

    done: bool
    text: str
    mend: str = "what it runs"


def _look(engine: Engine, key: Key, job: bool) -> _State:
    with engine_errors(str(key)):
        inspected = engine.client.inspect_container(key.name)
    state = inspected["State"]
    health = _health(inspected)
    problem = failure(inspected, job)
    if problem:
        raise ContainerError(f"{key} {problem}{last_lines(engine, key.name)}")
    if job:
        return _State(state["Status"] == "exited", "has not ended yet")
    if state["Status"] != "running":
        return _State(False, state["Status"])
    if health in ("starting", "unhealthy"):
        return _State(False, f"health: {health}", f"its health check, which says {_says(state) or 'nothing'}")
    return _State(bool(health) or not _fresh(engine, key.name), "has just started")


def failure(inspected: Mapping[str, Any], job: bool = False) -> str:
    """Why the container cannot get healthy (a *job*: complete) any more; empty while it still can.

    An engine calls a container that has exited, and is about to be restarted, unhealthy, and one that was paused until
    its next check: without a failed check that is no verdict.
    """
    state = inspected["State"]
    if state["Restarting"] and inspected.get("RestartCount", 0) >= CRASH_LOOP:
        return f"keeps crashing: restarted {inspected['RestartCount']} times, last exit code {state['ExitCode']}."
    if state["Status"] == "exited" and not (job and state["ExitCode"] == 0):
        killed = " (out of memory)" if state.get("OOMKilled") else ""
        return f"exited with code {state['ExitCode']}{killed}."
    if state["Status"] in ("created", "dead", "removing", "paused"):
        return f"is {state['Status']}, not started. Run again."
    failed = _health(inspected) == "unhealthy" and state["Health"].get("FailingStreak")
    if not job and state["Status"] == "running" and failed:
        return f"is unhealthy; its health check says: {_says(state)}"
    return ""


def _says(state: Mapping[str, Any]) -> str:
    """What the last health check wrote."""
    log = state["Health"].get("Log") or [{}]
    return str(log[-1].get("Output", "")).strip()[:500]


def _health(inspected: Mapping[str, Any]) -> str:
    """``starting``, ``healthy`` or ``unhealthy``; empty without a health check."""
    status = str((inspected["State"].get("Health") or {}).get("Status", ""))
    return "" if status == "none" else status


def _fresh(engine: Engine, name: str) -> bool:
    """Up for less than a second by the engine's clock, which need not be ours: it may exit yet."""
    with engine_errors(f"container {name} of {engine.where}"):
        rows = engine.client.containers(all=True, filters={"name": f"^/{name}$"})
    return any(_just_started(row) for row in rows)


def _just_started(row: Mapping[str, Any]) -> bool:
    return "Less than a second" in row["Status"]


def last_lines(engine: Engine, name: str) -> str:
    """The container's last log lines, for the end of a message."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        log = engine.client.logs(name, tail=LOG_LINES, stdout=True, stderr=True)
    except (DockerException, RequestException) as error:
        return f"\n(its log cannot be read: {error})"
    text = log.decode(errors="replace").rstrip()
    return f" Its last log lines:\n{text}" if text else " It logged nothing."


def unsettled(engine: Engine, declared: Iterable[Declared]) -> list[Key]:
    """The containers of *declared* on *engine* that are not up and healthy (a job: not done); one call.

    Not a verdict: :func:`settle` waits for them, or says what is wrong. As that call tells all containers of the engine
    at the end of a run, notes of those that are gone go with it.
    """
    wanted = [item.key for item in declared if item.key.kind == "container" and item.key.guest == engine.guest]
    noted = engine.notes.noted() if engine.notes else frozenset()
    with engine_errors(f"containers of {engine.where}"):
        listed = engine.client.containers(all=True)
    if engine.notes:
        engine.notes.drop(noted - {row["Id"] for row in listed})
    rows = {name[1:]: row for row in listed for name in row["Names"]}
    ending = jobs(engine.project)
    return [key for key in wanted if key.name not in rows or not _settled(rows[key.name], key.name in ending)]


def _settled(row: Mapping[str, Any], job: bool) -> bool:
    """``Status`` reads ``Up 3 minutes (healthy)``, ``Up 2 seconds (health: starting)`` or ``Exited (0) 1 hour ago``."""
    status = str(row["Status"])
    if job:
        return status.startswith("Exited (0)")
    if row["State"] != "running" or "(health: starting)" in status or "(unhealthy)" in status:
        return False
    return "(healthy)" in status or not _just_started(row)
