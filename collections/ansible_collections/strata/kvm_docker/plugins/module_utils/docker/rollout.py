# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a container and replaces one, so that a run that is killed at any call can be run again.

A replacement is created beside the old container, as creating is slow, then takes its place::

    create <name>.strata-next, attach it     the old one serves
    stop <name>                              -- from here
    rename <name> -> <name>.strata-old
    rename <name>.strata-next -> <name>
    start <name>                             -- to here nobody serves
    remove <name>.strata-old

What a killed run leaves beside or in place of ``<name>`` carries our mark, or its id stands in the label
``strata.adopted`` of the one that takes its place; observing tells it as a leftover.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..declare.replicas import Replica
from ..errors import EngineError
from ..naming import LABEL_ADOPTED, LEFTOVERS
from ..plan.model import Declared, Key, Tree
from ..progress import Progress
from . import file_mounts, health
from .container_calls import create, find, remove, stop
from .container_start import start
from .engine import Engine
from .externals import require_externals
from .image_list import sweep
from .labels import adopted, applied, is_ours
from .unnamed_volumes import refuse_lost, remove_unused

NEXT, OLD = LEFTOVERS


def leftovers(name: str) -> tuple[str, str]:
    """Names of what an interrupted replacement of the container of *name* leaves."""
    return f"{name}{NEXT}", f"{name}{OLD}"


def base_name(name: str) -> str:
    """The name of the container that one of *name* is, or is a leftover of."""
    return name.removesuffix(NEXT).removesuffix(OLD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """Brings one container to what is declared of it; *adopting*: it takes the place of somebody else's."""

    engine: Engine
    declared: Declared
    progress: Progress
    adopting: bool = False

    @property
    def key(self) -> Key:
        return self.declared.key

    @property
    def name(self) -> str:
        return self.declared.key.name

    @property
    def following(self) -> str:
        """Name of the replacement while it is made."""
        return leftovers(self.name)[0]

    @property
    def former(self) -> str:
        """Name of the old container while it is replaced."""
        return leftovers(self.name)[1]

    @property
    def replica(self) -> Replica:
        """What the container is in its project."""
        replica: Replica = self.declared.handle
        return replica

    def create(self) -> None:
        """Create the container, and start it if it is to run."""
        require_externals(self.engine, self.replica)
        file_mounts.write(self.engine.shell, self.replica, self.engine.inputs.seal)
        self._make(self.name)
        self._start(self.name)

    def replace(self) -> None:
        """Put a new container in the place of the one that is there, or of what an interrupted run left of it."""
        old = find(self.engine, self.name)
        if old and not self.adopting and not is_ours(old["Config"]["Labels"], self.engine.environment):
            raise EngineError(f"{self.key}: a container of this name exists and is not ours; it was not touched.")
        if old and self.adopting:
            refuse_lost(self.key, old, self.declared.spec)
        gone = [*self._remove_leftovers(), _made_as(old)]
        if old and old["State"]["Status"] not in ("dead", "removing"):
            self._replace(old)
        else:
            remove(self.engine, self.name)
            self.create()
        self._sweep(gone)

    def clean(self) -> None:
        """Remove what an interrupted run left beside the container."""
        self._sweep(self._remove_leftovers())

    def start(self) -> None:
        """Have the container run."""
        now = find(self.engine, self.name)
        if now and now["State"]["Paused"]:
            self.engine.client.unpause(self.name)
        elif now and not now["State"]["Running"]:
            file_mounts.write(self.engine.shell, self.replica, self.engine.inputs.seal)
            start(self.engine, self.name, self.declared.spec)

    def stop(self) -> None:
        """Have the container not run."""
        now = find(self.engine, self.name)
        if now:
            stop(self.engine, now)

    def rest(self) -> None:
        """Before the next replica is replaced: wait until this one is healthy, and for the declared delay."""
        delay = self.replica.service.update_config.delay
        if delay and self.declared.running and self.replica.index < self.replica.service.replicas:
            health.settle(self.engine, self.key, "healthy", self.progress)
            time.sleep(delay)

    def _replace(self, old: dict[str, Any]) -> None:
        require_externals(self.engine, self.replica)
        file_mounts.write(self.engine.shell, self.replica, self.engine.inputs.seal)
        self._make(self.following, {LABEL_ADOPTED: old["Id"]} if self.adopting else {})
        if self._start_first():
            self._start_beside(old)
        else:
            self._start_after(old)

    def _start_after(self, old: dict[str, Any]) -> None:
        stop(self.engine, old)
        self._take_place(old)
        try:
            self._start(self.name)
        except EngineError:
            self._bring_back(old)
            raise

    def _bring_back(self, old: dict[str, Any]) -> None:
        """The replacement does not start: the old one serves on, as far as it did."""
        remove(self.engine, self.name)
        self.engine.client.rename(old["Id"], self.name)
        if old["State"]["Running"]:
            with suppress(EngineError):
                start(self.engine, self.name, _made_as(old) or self.declared.spec)

    def _start_beside(self, old: dict[str, Any]) -> None:
        try:
            start(self.engine, self.following, self.declared.spec)
            following = Key(self.key.kind, self.following, self.key.guest)
            health.settle(self.engine, following, "healthy", self.progress)
        except EngineError:
            remove(self.engine, self.following)
            raise
        stop(self.engine, old)
        self._take_place(old)

    def _start(self, name: str) -> None:
        if self.declared.running:
            start(self.engine, name, self.declared.spec)

    def _take_place(self, old: dict[str, Any]) -> None:
        self.engine.client.rename(old["Id"], self.former)
        self.engine.client.rename(self.following, self.name)

    def _remove_leftovers(self) -> list[Tree]:
        """What they were made as. They go before anything starts: one may run (its engine was restarted) in the way."""
        found = [find(self.engine, name) for name in (self.following, self.former)]
        self._remove_former()
        remove(self.engine, self.following)
        return [_made_as(inspected) for inspected in found]

    def _remove_former(self) -> None:
        """Of somebody else's, nobody has the volumes: they stay."""
        former, taken = (
            find(self.engine, self.former),
            [find(self.engine, name) for name in (self.name, self.following)],
        )
        if former and former["Id"] in {
            adopted(each["Config"]["Labels"], self.engine.environment) for each in taken if each
        }:
            self.engine.client.remove_container(former["Id"], force=True)
        else:
            remove(self.engine, self.former)

    def _sweep(self, gone: list[Tree]) -> None:
        """Remove images and files that containers made as *gone* used and this one does not.

        Volumes without a name hold data: those that are left are orphans.
        """
        self._remove_former()
        kept = self.declared.spec
        file_mounts.prune(self.engine.shell, self.name, [*gone, kept], file_mounts.sources(kept))
        sweep(self.engine)

    def _make(self, name: str, told: Mapping[str, str] = MappingProxyType({})) -> None:
        identity = create(self.engine, name, self.declared, told)
        if self.engine.notes:
            self.engine.notes.write(identity, self.declared, self.engine.inputs.seal)

    def _start_first(self) -> bool:
        """Two of it can run at once only without a port, an address or a namespace of its own name."""
        spec = self.declared.spec
        endpoints = spec["Networking"].get("Endpoints", {}).values()
        fixed = any(found["IPv4Address"] or found["IPv6Address"] or "MacAddress" in found for found in endpoints)
        ports = [found for bound in spec["HostConfig"].get("PortBindings", {}).values() for found in bound]
        taken = fixed or any(not found.endswith(":") for found in ports)
        wanted = self.replica.service.update_config.order == "start-first" and self.declared.running
        return wanted and not taken


def _made_as(inspected: dict[str, Any] | None) -> Tree:
    return (applied(inspected["Config"]["Labels"]) if inspected else None) or {}


def delete(engine: Engine, name: str, *, keep_files: bool = False) -> None:
    """Remove a container that is declared no more, with its files, leftovers and image, and its unnamed volumes.

    *keep_files*: they are somebody else's to remove.
    """
    for each in (name, *leftovers(name)):
        inspected = find(engine, each)
        if inspected and is_ours(inspected["Config"]["Labels"], engine.environment):
            stop(engine, inspected)
            if not keep_files:
                file_mounts.prune(engine.shell, name, [_made_as(inspected)])
            remove(engine, each)
    if engine.remove_volumes:
        remove_unused(engine, name)
    sweep(engine)
