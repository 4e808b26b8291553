# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has a running engine take over its settings: by a reload that is seen to happen, or by a restart."""

from __future__ import annotations

from datetime import datetime

from ..errors import EngineError, GuestError
from ..naming import LABEL_ENVIRONMENT
from .engine import Engine
from .errors import engine_errors

#: Seconds within which an engine tells of its reload, which takes it no time at all.
_RELOAD = 10

_COMMAND = "systemctl reset-failed docker.service; systemctl restart docker.service"

#: Seconds for a stop, in which containers have their grace, and a start.
_RESTART = 240


def require_command(engine: Engine) -> None:
    """Raise :class:`EngineError` where nothing is known that restarts the engine. Changes nothing."""
    if engine.shell is None or engine.restart_command:
        return
    try:
        engine.shell.run("systemctl cat docker.service")
    except GuestError as error:
        raise EngineError(
            f"{engine.where}: it is no service of systemd (docker.service), so nothing here can restart it, and its "
            "settings were not touched. Give restart_command."
        ) from error


def reloaded(engine: Engine) -> bool:
    """Send SIGHUP; whether the engine then told that it took its settings over. It logs an error and goes on if not."""
    if engine.shell is None:
        raise AssertionError("settings of an engine need its guest's shell")
    if engine.restart_command:
        return False
    with engine_errors(engine.title):
        since = _clock(engine)
        engine.shell.run("systemctl reload docker.service")
        events = engine.client.events(
            since=since, until=since + _RELOAD, filters={"type": "daemon", "event": "reload"}, decode=True
        )
        try:
            return any(True for _event in events)
        finally:
            events.close()


def restart(engine: Engine) -> None:
    """Restart it, and start our containers again that it stopped with it (those without a restart policy).

    Returns once the engine answers. Raises :class:`GuestError` when it does not start.
    """
    if engine.shell is None:
        raise AssertionError("settings of an engine need its guest's shell")
    running = _ours_running(engine)
    engine.shell.run(engine.restart_command or _COMMAND, timeout=_RESTART)
    engine.client.close()
    with engine_errors(engine.title):
        for container in sorted(set(running) - set(_ours_running(engine))):
            engine.client.start(container)


def _ours_running(engine: Engine) -> list[str]:
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    try:
        found = engine.client.containers(filters={"label": f"{LABEL_ENVIRONMENT}={engine.environment}"})
    except (DockerException, RequestException):
        return []
    return [container["Id"] for container in found]


def _clock(engine: Engine) -> int:
    """The engine's time, in seconds since 1970."""
    return int(datetime.fromisoformat(engine.client.info()["SystemTime"][:19] + "+00:00").timestamp())
