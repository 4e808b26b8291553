# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``forward``: a port of this machine's loopback that leads to a port of a guest.

The listening socket is opened here, in the host's network namespace, and handed to a proxy that runs where guests are
reachable; both ends so lie in the right place, whether the hypervisor is embedded or the machine's own.

Below ``folders.environment(...)/forwards``: ``<port>.json`` (the spec) and ``<port>.process`` (see :mod:`.processes`).
"""

from __future__ import annotations

import errno
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..declare.environment import Environment
from ..errors import HypervisorError
from ..folders import Folders
from ..guest.files import make_private, write_whole
from ..inputs import Inputs
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Need, Observed, Traits, Tree
from ..progress import Progress
from . import processes, sockets

if TYPE_CHECKING:
    from .hypervisor import Hypervisor


#: Forwards connections of a listening socket that it is handed (systemd-socket-proxyd(8)); systemd need not be running.
#: Measured with systemd 252: when one side ends its direction, both are closed; a client must keep its own open until
#: it has the answer, as HTTP clients do.
PROXY = "/lib/systemd/systemd-socket-proxyd"
#: Connections of one forward at once.
CONNECTIONS = 1024
#: Hand over standard input as the first socket of sd_listen_fds(3).
_ACTIVATE = 'exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"'


class Forward:
    """Declares, observes and applies forwards; ``spec``: ``guest``, ``address`` and ``port`` that it leads to."""

    kind: ClassVar[str] = "forward"
    traits: ClassVar[Traits] = Traits(runs=True)

    def declare(self, environment: Environment, inputs: Inputs) -> Iterator[Declared]:
        """One forward for each published port; the name is the address that it listens on."""
        for guest in environment.guests.values():
            for port, target in guest.publish.items():
                spec = {"guest": guest.name, "address": str(guest.address), "port": target}
                needs = (Need(Key("guest", guest.name)),)
                yield Declared(_key(port), spec, needs, handle=environment.name)

    def effect(self, difference: Difference) -> Effect:
        """A forward is one process, made anew in milliseconds."""
        return Effect.REPLACE

    def observe(self, connection: Hypervisor, environment: str) -> Iterator[Observed]:
        """Every recorded forward of the environment, and whether it really listens."""
        for port in sorted(_recorded(connection.folders, environment)):
            spec = _read(_spec_file(connection.folders, environment, port))
            alive = _forwards(connection, environment, port)
            yield Observed(_key(port), spec, applied=spec or None, running=alive, handle=environment)

    def apply(self, connection: Hypervisor, change: Change, progress: Progress) -> None:
        """Start the forward, in place of an older one, or end it; connections through the older one end."""
        port = int(change.key.name.rpartition(":")[2])
        if change.declared and change.action == "stop":
            _end(connection.folders, change.declared.handle, port)
        elif change.declared:
            _start(connection, change.declared.handle, port, change.declared.spec)
        elif change.observed:
            folders, environment = connection.folders, change.observed.handle
            _end(folders, environment, port)
            _spec_file(folders, environment, port).unlink(missing_ok=True)
            _process_file(folders, environment, port).unlink(missing_ok=True)

    def settle(self, connection: Hypervisor, key: Key, condition: Condition, progress: Progress) -> None:
        """A forward that was started listens."""


def ports_of(folders: Folders, environment: str) -> frozenset[int]:
    """Ports that the forwards of *environment* listen on now."""
    recorded = _recorded(folders, environment)
    return frozenset(port for port in recorded if processes.running(_process_file(folders, environment, port)))


def _start(hypervisor: Hypervisor, environment: str, port: int, spec: Tree) -> None:
    """The spec is written first: killed in between, the forward is seen as ours and not running."""
    if not Path(PROXY).exists():
        raise HypervisorError(f"{PROXY} is missing, which forwards published ports. Install the package systemd.")
    folders = hypervisor.folders
    make_private(folders.environment(environment))
    make_private(_folder(folders, environment))
    _end(folders, environment, port)
    write_whole(_spec_file(folders, environment, port), json.dumps(spec, sort_keys=True).encode())
    with _listen(port) as listener:
        argv = ["sh", "-c", _ACTIVATE, "sh", *hypervisor.inside(_proxy(spec))]
        log = _folder(folders, environment) / f"{port}.log"
        processes.spawn(argv, _process_file(folders, environment, port), log, stdin=listener.fileno())
    _await_forward(hypervisor, environment, port, log)


def _await_forward(hypervisor: Hypervisor, environment: str, port: int, log: Path, seconds: float = 10) -> None:
    """A process that was spawned enters the guests' network a moment later: who looks before starts it once more."""
    until = time.monotonic() + seconds
    while not _forwards(hypervisor, environment, port):
        if time.monotonic() > until or port not in ports_of(hypervisor.folders, environment):
            raise HypervisorError(f"forward of port {port}: it did not start; its output is in {log}.")
        time.sleep(0.005)


def _proxy(spec: Tree) -> list[str]:
    return [PROXY, f"--connections-max={CONNECTIONS}", f"{spec['address']}:{spec['port']}"]


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((sockets.LOOPBACK, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise HypervisorError(_refusal(port, error)) from error
    return listener


def _refusal(port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        held = sockets.holder(port)
        return f"port {port} of {sockets.LOOPBACK} is in use{held}. End what uses it, or publish another port."
    return f"port {port} of {sockets.LOOPBACK} cannot be opened: {error.strerror}."


def _end(folders: Folders, environment: str, port: int) -> None:
    """The proxy, with the connections through it."""
    leader = processes.running(_process_file(folders, environment, port))
    processes.terminate(processes.in_session(leader) if leader else [])


def _forwards(hypervisor: Hypervisor, environment: str, port: int) -> bool:
    """Whether its process runs, listens, and is where the guests are."""
    process = processes.running(_process_file(hypervisor.folders, environment, port))
    if process is None or not sockets.listens(process.pid, port):
        return False
    return hypervisor.netns is None or processes.is_in_network(process, hypervisor.netns)


def _key(port: int) -> Key:
    return Key("forward", f"{sockets.LOOPBACK}:{port}")


def _folder(folders: Folders, environment: str) -> Path:
    return folders.environment(environment) / "forwards"


def _spec_file(folders: Folders, environment: str, port: int) -> Path:
    return _folder(folders, environment) / f"{port}.json"


def _process_file(folders: Folders, environment: str, port: int) -> Path:
    return _folder(folders, environment) / f"{port}.process"


def _recorded(folders: Folders, environment: str) -> list[int]:
    return [int(path.stem) for path in _folder(folders, environment).glob("*.json") if path.stem.isdigit()]


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
