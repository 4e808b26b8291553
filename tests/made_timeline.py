# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small run by hand: two guests boot, one has a slow volume, its container waits until it is healthy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import KINDS
from ansible_collections.strata.kvm_docker.plugins.module_utils.run_record import Ended, Recorder, RunRecord
from ansible_collections.strata.kvm_docker.plugins.module_utils.timeline.timeline import Timeline, timeline

BEGAN = datetime(2026, 11, 22, 14, 42, 7, tzinfo=UTC)
LAN, POOL, WEB, APPS = Key("network", "lan"), Key("pool", "lab"), Key("guest", "web"), Key("guest", "apps")
VOLUME, APP = Key("docker_volume", "data", "web"), Key("container", "app-1", "web")


def stage(key: Key | str, begin: float, end: float, what: str = "", *needs: Key, waits: bool = False) -> list[Event]:
    """Start and end of the stage of *key*, an object or a stage of the run."""
    told = key if isinstance(key, Key) else None
    needed = tuple(str(need) for need in needs)
    return [
        Event(begin, str(key), "start", what, None, told, needed, waits),
        Event(end, str(key), "done", f"{end - begin:.1f} s"),
    ]


def phase(key: Key, at: float, name: str) -> Event:
    return Event(at, str(key), "progress", phase=name)


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """As they are reported: what ends comes before what begins at that time."""
    order = ("done", "start", "progress")
    return tuple(sorted(events, key=lambda event: (event.at, order.index(event.status))))


def _events() -> Iterator[Event]:
    yield from stage("observe", 0.5, 1.0)
    yield from stage("plan", 1.0, 1.1)
    yield from stage(LAN, 1.1, 1.5, "create: not there")
    yield from stage(POOL, 1.1, 1.2, "create: not there")
    yield from stage(WEB, 1.5, 2.0, "create: not there", LAN)
    yield from stage(APPS, 1.5, 2.5, "create: not there", LAN)
    yield from stage(WEB, 2.0, 40.0, "waiting for its engine", WEB, waits=True)
    yield from (phase(WEB, 2.0, "SSH"), phase(WEB, 30.0, "the Docker engine"))
    yield from stage(VOLUME, 40.0, 50.0, "create: not there", WEB)
    yield from stage(APP, 50.0, 53.0, "create: not there", WEB, VOLUME)
    yield from stage(APP, 53.0, 60.0, "waiting until healthy", APP, waits=True)
    yield from stage("observe", 60.0, 61.0)


EVENTS = in_order(_events())


def record(events: Iterable[Event] = EVENTS, seconds: float = 61.5, ended: Ended = "done") -> RunRecord:
    return RunRecord(
        environment="lab", state="present", began=BEGAN, seconds=seconds, ended=ended, events=tuple(events)
    )


def drawn(events: Iterable[Event] = EVENTS, seconds: float = 61.5) -> Timeline:
    return timeline(record(events, seconds), tuple(KINDS))


def keep(folder: Path, events: Iterable[Event] = EVENTS, began: datetime = BEGAN, name: str = "lab") -> None:
    """Have a run in *folder*."""
    recorder = Recorder(name, "present", began)
    recorder.keep_in(folder)
    for event in events:
        recorder.take(event)
    recorder.end(61.5, "done")
