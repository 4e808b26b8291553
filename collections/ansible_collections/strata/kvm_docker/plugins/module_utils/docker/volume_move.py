# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a volume anew with its data, so that a run that is killed at any call loses nothing.

An engine can neither change nor rename a volume. So the data goes aside and comes back::

    stop the containers that have <name> mounted
    create <name>.strata-copy, a plain volume; copy <name> to it; compare
                                            -- from here the copy has the data
    remove these containers and <name>
    create <name> as declared; copy <name>.strata-copy to it; compare
    remove <name>.strata-copy

The copy carries a number of its own, and so does the new volume. That tells a later run which of the two has the data:
a volume of the copy's number is being filled from it; any other one is what the copy was being made of.

Data is read and written by the engine's archive API, through containers that are never started: it needs no program
in an image, and keeps owners, modes, links and times.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ..declare.replicas import replicas
from ..errors import EngineError
from ..naming import LABEL_ENVIRONMENT, LABEL_KEEP
from .archive_digest import entries
from .container_calls import stop
from .engine import Engine
from .labels import is_ours
from .rollout import base_name

#: Number of a move, on the copy and on what is filled from it; on a helper the name of the volume.
LABEL_COPY = "strata.copy"
COPY = ".strata-copy"
PROBE = ".strata-probe"
#: A folder of the root: read and written with it, so that its own owner and mode go along.
_TARGET = "/strata-volume"
_CHUNK = 256 * 1024


def is_copy(volume: Mapping[str, Any]) -> bool:
    """Whether a volume, as the engine lists it, is the copy (or a probe) of a move that is under way."""
    return LABEL_COPY in (volume["Labels"] or {}) and volume["Name"].endswith((COPY, PROBE))


def moved_name(copy: Mapping[str, Any]) -> str:
    """The volume that *copy* is the copy (or a probe) of."""
    return str(copy["Name"]).removesuffix(COPY).removesuffix(PROBE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Brings the volume of *name* to what *arguments* say, those of ``docker.APIClient.create_volume``.

    *adopting*: it is a stranger's, as are the containers of declared names that have it mounted.
    """

    engine: Engine
    name: str
    arguments: Mapping[str, Any]
    adopting: bool = False

    @property
    def copy(self) -> str:
        return f"{self.name}{COPY}"

    def run(self) -> None:
        """Raises :class:`EngineError`, before anything is touched where a container of somebody else has it mounted."""
        holders = self._holders()
        remove_helpers(self.engine, self.name)
        now, aside = _inspect(self.engine, self.name), _inspect(self.engine, self.copy)
        if now and not (aside and _number(now) == _number(aside)):
            self._probe()
            number = self._copy_aside(holders)
        elif aside:
            number = _number(aside)
        else:
            number = ""
        for holder in holders:
            self.engine.client.remove_container(holder["Id"], force=True)
            if self.engine.notes:
                self.engine.notes.forget(holder["Id"])
        self._fill(number)
        _remove(self.engine, self.copy)

    def _holders(self) -> list[dict[str, Any]]:
        """Inspections of the containers that have it mounted; they are made anew by their own changes."""
        client: Any = self.engine.client
        rows = client.containers(all=True, filters={"volume": self.name})
        found = [client.inspect_container(row["Id"]) for row in rows if LABEL_COPY not in row["Labels"]]
        declared = replicas(self.engine.project)
        for inspected in found:
            container = inspected["Name"].lstrip("/")
            ours = is_ours(inspected["Config"]["Labels"], self.engine.environment)
            if not (ours or self.adopting) or base_name(container) not in declared:
                raise EngineError(
                    f"volume {self.name} of {self.engine.where}: container {container}, which is not declared, "
                    "has it mounted. Remove that one, and run again. Nothing was touched."
                )
        return found

    def _probe(self) -> None:
        """Find out whether a volume as declared can be mounted at all, while the old one is whole."""
        probe = f"{self.name}{PROBE}"
        _remove(self.engine, probe)
        labels = {LABEL_ENVIRONMENT: self.engine.environment, LABEL_COPY: ""}
        self.engine.client.create_volume(**{**self.arguments, "name": probe, "labels": labels})
        try:
            with self._mounted(probe) as helper, self._read(helper):
                pass
        finally:
            _remove(self.engine, probe)

    def _copy_aside(self, holders: list[dict[str, Any]]) -> str:
        """Have the data in the copy; its number. Where it cannot be copied the containers go on."""
        from docker.errors import APIError

        number = uuid.uuid4().hex
        try:
            for holder in holders:
                stop(self.engine, holder)
            _remove(self.engine, self.copy)
            mark = {LABEL_ENVIRONMENT: self.engine.environment, LABEL_COPY: number}
            labels = {**mark, **self.engine.origin, **self._keep()}
            self.engine.client.create_volume(self.copy, driver="local", labels=labels)
            self._copy(self.name, self.copy)
        except (APIError, EngineError):
            for holder in holders:
                if holder["State"]["Running"]:
                    self.engine.client.start(holder["Id"])
            raise
        return number

    def _keep(self) -> dict[str, str]:
        """The copy of a volume that is kept is kept too: it may be all that is left of the data."""
        now = _inspect(self.engine, self.name)
        kept = LABEL_KEEP in self.arguments["labels"] or (now and LABEL_KEEP in (now["Labels"] or {}))
        return {LABEL_KEEP: "true"} if kept else {}

    def _fill(self, number: str) -> None:
        _remove(self.engine, self.name)
        labels = {**self.arguments["labels"], LABEL_COPY: number} if number else self.arguments["labels"]
        self.engine.client.create_volume(**{**self.arguments, "labels": labels})
        if number:
            self._copy(self.copy, self.name)

    def _copy(self, source: str, target: str) -> None:
        """Raises :class:`EngineError` where not everything of *source* is in *target*.

        Both are mounted anew to compare: a volume may forget what it holds when nobody has it mounted (tmpfs).
        """
        client: Any = self.engine.client
        with self._mounted(source) as reader, self._mounted(target) as writer, self._read(reader) as chunks:
            client.put_archive(writer, "/", chunks)
        lost = self._entries(source) - self._entries(target)
        if lost:
            raise EngineError(
                f"volume {self.name} of {self.engine.where}: {len(lost)} of its files are not the same in "
                f"{target} ({sorted(lost)[0][0]}). The data is whole in volume {source}; correct the declaration "
                "and run again."
            )

    def _entries(self, volume: str) -> frozenset[tuple[str, str]]:
        with self._mounted(volume) as helper, self._read(helper) as chunks:
            return entries(chunks)

    @contextmanager
    def _read(self, helper: str) -> Iterator[Iterator[bytes]]:
        """What *helper* has mounted, as a tar stream. Closed here: an engine holds a container while it is read."""
        client: Any = self.engine.client
        url = client._url("/containers/{0}/archive", helper)
        with client._get(url, params={"path": _TARGET}, stream=True) as answer:
            client._raise_for_status(answer)
            yield answer.iter_content(_CHUNK)

    @contextmanager
    def _mounted(self, volume: str) -> Iterator[str]:
        """Id of a container, never started, that has *volume* mounted. It carries no mark of an environment."""
        client: Any = self.engine.client
        options = {"NoCopy": True}
        mount = {"Type": "volume", "Source": volume, "Target": _TARGET, "VolumeOptions": options}
        body = {
            "Image": self._image(),
            "Cmd": ["none"],
            "Labels": {LABEL_COPY: self.name},
            "HostConfig": {"Mounts": [mount], "NetworkMode": "none"},
        }
        identity = str(client.create_container_from_config(body)["Id"])
        try:
            yield identity
        finally:
            with suppress(Exception):
                client.remove_container(identity, force=True, v=True)

    def _image(self) -> str:
        """Any one will do."""
        found = sorted(image["Id"] for image in self.engine.client.images())
        if not found:
            raise EngineError(f"volume {self.name} of {self.engine.where}: no image to copy its data with.")
        return str(found[0])


def remove_helpers(engine: Engine, name: str) -> None:
    """Remove what a killed move of the volume of *name* left of the containers that it copied through."""
    for row in engine.client.containers(all=True, filters={"label": f"{LABEL_COPY}={name}"}):
        engine.client.remove_container(row["Id"], force=True, v=True)
    _remove(engine, f"{name}{PROBE}")


def remove_copy(engine: Engine, name: str) -> None:
    """Remove all that moves of the volume of *name*, which is declared no more, left beside it."""
    remove_helpers(engine, name)
    _remove(engine, f"{name}{COPY}")


def _number(volume: Mapping[str, Any]) -> str:
    return str((volume["Labels"] or {}).get(LABEL_COPY, ""))


def _inspect(engine: Engine, name: str) -> dict[str, Any] | None:
    from docker.errors import NotFound

    try:
        found: dict[str, Any] = engine.client.inspect_volume(name)
    except NotFound:
        return None
    return found


def _remove(engine: Engine, name: str) -> None:
    from docker.errors import NotFound

    with suppress(NotFound):
        engine.client.remove_volume(name)
