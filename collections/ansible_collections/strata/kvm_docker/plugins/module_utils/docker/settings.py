# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kind ``engine``: the settings of a guest's Docker engine, ``/etc/docker/daemon.json`` leaf by leaf."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

from ..declare.environment import Environment
from ..errors import EngineError, GuestError
from ..guest.seed import daemon_json
from ..inputs import Inputs
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Need, Observed, Traits, Tree
from ..plan.secrets import sensitive
from ..progress import Progress
from .daemon_file import DaemonFile, DaemonFiles
from .engine import Engine, journal
from .errors import engine_errors
from .restart import reloaded, restart

NAME = "docker"

#: What dockerd takes over on SIGHUP (dockerd reference, "Configuration reload behavior"). It takes over no removal.
RELOADABLE = frozenset(
    {
        "authorization-plugins",
        "debug",
        "default-runtime",
        "features",
        "insecure-registries",
        "labels",
        "live-restore",
        "max-concurrent-downloads",
        "max-concurrent-uploads",
        "max-download-attempts",
        "registry-mirrors",
        "runtimes",
        "shutdown-timeout",
    }
)


class Settings:
    """``spec``: ``settings``, daemon.json, and ``noted``: whether it says beside it what we last wrote.

    The whole file is ours: what else it says is removed.
    """

    kind: ClassVar[str] = "engine"
    traits: ClassVar[Traits] = Traits()

    def declare(self, environment: Environment, inputs: Inputs) -> Iterable[Declared]:
        for guest in environment.guests.values():
            spec = {"settings": dict(guest.engine.settings), "noted": True}
            lives_on = Need(Key("guest", guest.name), lives_on=True)
            yield Declared(
                Key(self.kind, NAME, guest.name), spec, needs=(lives_on,), sensitive=sensitive(spec), exact=True
            )

    def effect(self, difference: Difference) -> Effect:
        if difference.path == ("noted",):
            return Effect.IN_PLACE
        removed = difference.after is None
        reloadable = len(difference.path) > 1 and difference.path[1] in RELOADABLE
        return Effect.IN_PLACE if reloadable and not removed else Effect.RESTART

    def observe(self, engine: Engine, environment: str) -> Iterable[Observed]:
        """The files as one command reads them; an engine that is reached without a guest's shell has none."""
        if engine.shell is None:
            return
        files = DaemonFile(engine.shell).read()
        spec, last = {"settings": files.in_force, "noted": files.marked is not None}, _applied(files)
        hidden = sensitive(spec) | sensitive(last or {})
        yield Observed(Key(self.kind, NAME, engine.guest), spec, applied=last, sensitive=hidden)

    def apply(self, engine: Engine, change: Change, progress: Progress) -> None:
        """Write the file and have the engine take it over. If it cannot, the old file is put back and it says why."""
        if engine.shell is None or change.declared is None:
            return
        settings = change.declared.spec["settings"]
        content = daemon_json(settings)
        file = DaemonFile(engine.shell)
        file.make_folder()
        if file.read().in_force != settings:
            file.check(content)
            file.replace()
            reload = bool(change.differences) and all(item.effect is Effect.IN_PLACE for item in change.differences)
            _take_over(engine, file, reload)
        file.commit(content)

    def settle(self, engine: Engine, key: Key, condition: Condition, progress: Progress) -> None:
        with engine_errors(engine.title):
            engine.client.ping()


def _applied(files: DaemonFiles) -> Tree | None:
    """What we last wrote, and what somebody added since, so that it is a difference too."""
    if files.marked is None:
        return None
    added = files.in_force if isinstance(files.in_force, Mapping) else {}
    return {"settings": _merged(added, files.marked), "noted": True}


def _merged(under: Tree, over: Tree) -> Tree:
    merged = {**under, **over}
    for name in under.keys() & over.keys():
        if isinstance(under[name], Mapping) and isinstance(over[name], Mapping):
            merged[name] = _merged(under[name], over[name])
    return merged


def _take_over(engine: Engine, file: DaemonFile, reload: bool) -> None:
    if engine.shell is None:
        raise AssertionError("settings of an engine need its guest's shell")
    try:
        if not (reload and reloaded(engine)):
            restart(engine)
    except GuestError as error:
        said = journal(engine.shell)
        file.restore()
        restart(engine)
        raise EngineError(
            f"{engine.title}: it does not start with the declared settings; it runs with the old ones "
            f"again. {error}\n{said}"
        ) from error
