# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``docker_volume``: a named volume on a guest's engine. Its data is never lost by a change."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from ..declare.compose import Volume
from ..declare.environment import Environment
from ..errors import EngineError
from ..inputs import Inputs
from ..naming import LABEL_KEEP
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Need, Observed, Traits
from ..plan.secrets import Seal, sensitive
from ..progress import Progress
from .engine import Engine
from .errors import engine_errors
from .labels import applied, declared_labels, is_by_module, is_ours, marks, pairs, project_of, values
from .unnamed_volumes import is_unnamed, left, unused
from .volume_move import Move, is_copy, moved_name, remove_copy

#: Mount options, which hold the password of a network file system.
SENSITIVE = frozenset({("Options", "o")})
_REFUSAL = (
    "an existing volume cannot change, and a new one would lose its data. Give the volume recreate: true to have it "
    "made anew and the data copied (its containers are down meanwhile), or take the change back."
)
_MOVING = "its data is being copied, which was interrupted"


class DockerVolume:
    """Declares, observes and applies volumes; ``spec``: Driver, Options and Labels as the Docker API names them, and
    Keep: it is never an orphan."""

    kind: ClassVar[str] = "docker_volume"
    traits: ClassVar[Traits] = Traits(held=True, adoption=Effect.REPLACE)

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """Every volume of every project but external ones, which are somebody else's."""
        for guest in environment.guests.values():
            for volume in guest.compose.volumes.values() if guest.compose else ():
                if not volume.external:
                    key, spec = Key(self.kind, volume.name, guest.name), volume_spec(volume)
                    hidden, refusal = SENSITIVE | sensitive(spec), "" if volume.recreate else _REFUSAL
                    yield Declared(key, spec, on_engine(guest.name), sensitive=hidden, refusal=refusal)

    def effect(self, difference: Difference) -> Effect:
        """An engine cannot change a volume: it is made anew, with its data, see :mod:`.volume_move`."""
        return Effect.REPLACE

    def observe(self, connection: Engine, environment: str) -> Iterator[Observed]:
        """Every volume on the engine, but those that belong to a container without having been declared."""
        with engine_errors(f"volumes of {connection.where}"):
            found: list[dict[str, Any]] = connection.client.volumes()["Volumes"] or []
            orphans = left(connection, found)
        copies = [volume for volume in found if is_copy(volume) and is_ours(volume["Labels"], environment)]
        moving = {moved_name(volume): volume for volume in copies}
        there = [volume for volume in found if not is_copy(volume)]
        for volume in there:
            if not is_unnamed(volume) or volume["Name"] in orphans:
                yield _observed(connection, volume, environment, moving)
        for name in sorted(moving.keys() - {volume["Name"] for volume in there}):
            yield replace(_observed(connection, {**moving[name], "Name": name}, environment, moving), spec={})

    def apply(self, connection: Engine, change: Change, progress: Progress) -> None:
        """Create, move or delete; all may be repeated: an engine answers a second create with the volume it has."""
        name = change.key.name
        with engine_errors(str(change.key)):
            if change.action == "delete":
                _remove(connection, change.key)
                remove_copy(connection, name)
            elif change.declared:
                seal, origin = connection.inputs.seal, connection.origin
                arguments = create_arguments(connection.environment, change.declared, seal, origin)
                if change.action == "create":
                    connection.client.create_volume(**arguments)
                else:
                    adopting = bool(change.observed and not change.observed.owned)
                    Move(engine=connection, name=name, arguments=arguments, adopting=adopting).run()

    def settle(self, connection: Engine, key: Key, condition: Condition, progress: Progress) -> None:
        """A volume that exists is ready."""


def _observed(engine: Engine, volume: dict[str, Any], environment: str, moving: Collection[str]) -> Observed:
    key = Key("docker_volume", volume["Name"], engine.guest)
    spec, last = observed_spec(volume), applied(volume["Labels"], engine.inputs.seal)
    return Observed(
        key,
        spec,
        last,
        owned=is_ours(volume["Labels"], environment) or key.name in moving,
        project=project_of(volume["Labels"]),
        by_module=is_by_module(volume["Labels"]),
        broken=_MOVING if key.name in moving else "",
        sensitive=SENSITIVE | sensitive(spec) | sensitive(last or {}),
        keep=is_kept(volume),
    )


def is_kept(volume: Mapping[str, Any]) -> bool:
    """Whether a volume, as the engine lists it, was declared to outlive its declaration."""
    return LABEL_KEEP in (volume["Labels"] or {})


def refuse_kept(engine: Engine, name: str) -> None:
    """Raise :class:`EngineError` where the volume of *name* is ours and kept: to call it absent would be a lie."""
    with engine_errors(f"volumes of {engine.where}"):
        found: list[dict[str, Any]] = engine.client.volumes(filters={"name": name})["Volumes"] or []
    for volume in found:
        if volume["Name"] == name and is_kept(volume) and is_ours(volume["Labels"], engine.environment):
            raise EngineError(
                f"volume {name} of {engine.where}: it was made with keep: true and was not touched. Remove it yourself "
                f"(docker volume rm {name}), with its data."
            )


def _remove(engine: Engine, key: Key) -> None:
    """One without a declared name that a container of this very run took into use again is no orphan any more."""
    from docker.errors import NotFound

    client: Any = engine.client
    try:
        if not is_unnamed(client.inspect_volume(key.name)) or key.name in unused(engine):
            client.remove_volume(key.name)
    except NotFound:
        return


def on_engine(guest: str) -> tuple[Need, ...]:
    """What every object on a guest's engine needs."""
    return (Need(Key("guest", guest), lives_on=True), Need(Key("engine", "docker", guest)))


def volume_spec(volume: Volume) -> dict[str, Any]:
    """The canonical form of a declared volume."""
    return {
        "Driver": volume.driver,
        "Options": dict(volume.driver_opts),
        "Labels": pairs(volume.labels),
        "Keep": volume.keep,
    }


def observed_spec(volume: dict[str, Any]) -> dict[str, Any]:
    """The canonical form of a volume as the engine lists it."""
    return {
        "Driver": volume["Driver"],
        "Options": volume["Options"] or {},
        "Labels": declared_labels(volume["Labels"]),
        "Keep": is_kept(volume),
    }


def create_arguments(environment: str, declared: Declared, seal: Seal, origin: Mapping[str, str]) -> dict[str, Any]:
    """What ``docker.APIClient.create_volume`` is called with; *origin*: see :func:`~.labels.origin`. Pure."""
    keep = {LABEL_KEEP: "true"} if declared.spec["Keep"] else {}
    return {
        "name": declared.key.name,
        "driver": declared.spec["Driver"],
        "driver_opts": dict(declared.spec["Options"]),
        "labels": {**values(declared.spec["Labels"]), **marks(environment, declared, seal), **keep, **origin},
    }
