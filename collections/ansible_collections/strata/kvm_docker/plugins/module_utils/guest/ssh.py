# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest's shell: one multiplexed OpenSSH connection (``ControlMaster``) for commands, files and the engine's socket.

The connection outlives the process that opened it, so the next run finds it in tens of milliseconds.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..bound import bound
from ..errors import GuestError
from . import ssh_config
from .ping import listening, ping

DOCKER_SOCKET = "/var/run/docker.sock"

#: Seconds for a control command, which only the local ssh process answers.
_CONTROL_TIMEOUT = 5.0
#: Seconds within which a living guest, however busy, has run ``true``.
_ECHO_TIMEOUT = 10.0
#: ssh's own failures (ssh(1), EXIT STATUS).
_SSH_FAILED = 255


def _nothing() -> None:
    """Watches nothing."""


class ConnectError(GuestError):
    """There is no connection (yet); trying again may help."""


class RefusedError(GuestError):
    """The guest is not who it should be, or does not know us; trying again does not help."""


@dataclass(slots=True)
class Shell:
    """Runs commands as root on *guest*, which has an entry in the ``ssh_config`` at *config*.

    Safe to use from several threads and processes. Everything raises :class:`GuestError`.
    """

    guest: str
    config: Path
    _connected: bool = field(default=False, init=False)

    @property
    def where(self) -> str:
        """Whose shell it is, in words."""
        return f"guest {self.guest}"

    @property
    def target(self) -> str:
        """What ssh is to connect to."""
        return self.guest

    def leads_to(self) -> str:
        """The address that its configuration has for it, as ``ssh -G`` tells; nothing is connected."""
        done = self._ssh(["-G", self.target], _CONTROL_TIMEOUT)
        if done.returncode:
            raise GuestError(f"{self.where}: {_last_line(done.stderr)}")
        options = dict(line.split(" ", 1) for line in done.stdout.decode().splitlines() if " " in line)
        return options["hostname"]

    def connect(self, timeout: float = 30.0, watch: Callable[[], None] = _nothing) -> None:
        """Have a living connection: the one that is there, else a new one, tried once.

        *watch* is called about every 0.1 s meanwhile and may raise to give up early. Raises :class:`RefusedError`
        where trying again does not help.
        """
        if not self.config.is_file():
            raise self._without_keys()
        with self._exclusive():
            if not self._alive(watch):
                self._disconnect()
                self._open(timeout, watch)
            self._connected = True

    def run(self, command: str, stdin: bytes | None = None, timeout: float = 60.0) -> bytes:
        """What *command*, a line for the guest's shell, prints. Keep secrets in *stdin*: errors quote the command."""
        self._have_connection()
        try:
            done = self._ssh(["-T", "-o", "ControlMaster=no", self.target, command], timeout, stdin or b"")
        except subprocess.TimeoutExpired:
            self._connected = False
            raise GuestError(f"{self.where}: {brief(command)} did not end within {timeout:g} s.") from None
        if done.returncode:
            self._connected = done.returncode != _SSH_FAILED
            said = done.stderr.decode(errors="replace").strip() or "it printed no error"
            kind = GuestError if self._connected else ConnectError
            raise kind(f"{self.where}: {brief(command)} failed with status {done.returncode}: {said}")
        return done.stdout

    def write_file(self, path: str, content: bytes, mode: int) -> None:
        """Make *path* on the guest hold *content*: whole or not at all, also when this process is killed halfway."""
        self.run(receive_command(path, len(content), mode), stdin=content)

    def forward(self, remote: str = DOCKER_SOCKET) -> Path:
        """A local unix socket that leads to the guest's *remote* one; nobody need listen there yet."""
        local = ssh_config.engine_socket(self.config.parent, self.guest)
        self._have_connection()
        with self._exclusive():
            if not listening(local):
                rule = f"{local}:{remote}"
                self._control("cancel", "-L", rule)
                local.unlink(missing_ok=True)
                done = self._control("forward", "-L", rule)
                if done.returncode:
                    raise ConnectError(f"{self.where}: cannot forward {remote}: {_last_line(done.stderr)}")
        return local

    def close(self) -> None:
        """Leave the connection to the next run; it ends when it was idle for ``ssh_config.PERSIST`` seconds."""
        self._connected = False

    def disconnect(self) -> None:
        """End the connection now, whoever opened it."""
        with self._exclusive():
            self._disconnect()

    def _have_connection(self) -> None:
        """Connect anew where the connection has ended since: ssh would make one for each command then."""
        if not (self._connected and listening(self._control_path)):
            self.connect()

    def _alive(self, watch: Callable[[], None]) -> bool:
        """A connection is there and the guest really answers on it: after a reboot it may be there and hang.

        Its engine is asked first: that takes a tenth of the time of a command.
        """
        if self._control("check").returncode:
            return False
        if ping(ssh_config.engine_socket(self.config.parent, self.guest), _ECHO_TIMEOUT, watch):
            return True
        echo = self._start("-T", "-o", "ControlMaster=no", "-o", "ProxyCommand=false", self.target, "true")
        return _finish(echo, _ECHO_TIMEOUT, watch) == 0

    def _open(self, timeout: float, watch: Callable[[], None]) -> None:
        with tempfile.TemporaryFile() as stderr:
            # Beside the handshake of a run that was killed, the next run would open a second connection.
            before = bound("TERM") if shutil.which("setpriv") else ()
            attempt = self._start("-fN", "-o", "ControlMaster=yes", self.target, stderr=stderr.fileno(), before=before)
            status = _finish(attempt, timeout, watch)
            stderr.seek(0)
            said = stderr.read().decode(errors="replace").strip()
        if status:
            raise self._refusal(said) if status == _SSH_FAILED else ConnectError(f"{self.where}: {said}")
        if status is None:
            raise ConnectError(f"{self.where}: no SSH connection within {timeout:g} s.")

    def _refusal(self, said: str) -> GuestError:
        if "Host key verification failed" in said:
            return RefusedError(
                f"guest {self.guest}: another host key than the one that Strata put into the guest. Either its disk "
                "was made with other keys (the state folder was deleted or replaced since: bring the environment down "
                "and up again), or another machine answers on its address: find out which before you trust it."
            )
        if "Permission denied" in said:
            return RefusedError(
                f"guest {self.guest}: refuses the key that Strata put into it for root. Somebody changed its "
                "authorized_keys or its sshd; set them right, or bring the environment down and up again."
            )
        why = "nobody answers at its SSH port" if "kex_exchange_identification" in said else _last_line(said.encode())
        return ConnectError(f"{self.where}: {why or 'ssh failed without a word'}")

    def _without_keys(self) -> RefusedError:
        return RefusedError(
            f"{self.where}: there is no key of it in {self.config.parent}. Set STRATA_STATE to the state folder that "
            "its environment was brought up with; where that was deleted, bring the environment down and up again."
        )

    def _disconnect(self) -> None:
        self._connected = False
        if self._control("exit").returncode == 0:
            _await_gone(self._control_path)
        self._control_path.unlink(missing_ok=True)
        ssh_config.engine_socket(self.config.parent, self.guest).unlink(missing_ok=True)

    def _control(self, command: str, *options: str) -> subprocess.CompletedProcess[bytes]:
        failed = subprocess.CompletedProcess[bytes]([], _SSH_FAILED, b"", b"no connection")
        if not self._control_path.exists():
            return failed
        try:
            return self._ssh(["-O", command, *options, self.target], _CONTROL_TIMEOUT)
        except subprocess.TimeoutExpired:
            return failed

    def _ssh(self, arguments: list[str], timeout: float, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*self._program(), *arguments], input=stdin, capture_output=True, check=False, timeout=timeout
        )

    def _start(
        self, *arguments: str, stderr: int = subprocess.DEVNULL, before: Sequence[str] = ()
    ) -> subprocess.Popen[bytes]:
        """In a session of its own: an interrupt at the terminal does not end the connection."""
        return subprocess.Popen(
            [*before, *self._program(), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )

    @property
    def _control_path(self) -> Path:
        return ssh_config.control_path(self.config.parent, self.guest)

    def _program(self) -> list[str]:
        return ["ssh", "-F", str(self.config)]

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One process and thread at a time opens or ends the connection."""
        lock = self.config.with_name(f".{self.guest}.lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def receive_command(path: str, size: int, mode: int) -> str:
    """A line for the guest's shell that puts its input at *path*, if all *size* bytes of it arrive."""
    target, aside = shlex.quote(path), shlex.quote(f"{path}.strata-new")
    return (
        f"set -e; umask 077; cat > {aside}; test $(wc -c < {aside}) -eq {size}; "
        f"chmod {mode:04o} {aside}; sync {aside}; mv -fT {aside} {target}"
    )


def _finish(process: subprocess.Popen[bytes], timeout: float, watch: Callable[[], None]) -> int | None:
    """Exit status of *process*; ``None`` when it did not end within *timeout* seconds and was killed."""
    deadline = time.monotonic() + timeout
    try:
        while time.monotonic() < deadline:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=0.1)
            watch()
        return None
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await_gone(path: Path, timeout: float = 2.0) -> None:
    """An ending ssh deletes its control socket last; a new one must not be there yet."""
    deadline = time.monotonic() + timeout
    while path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def brief(command: str) -> str:
    """*command* as a message quotes it."""
    return repr(command if len(command) <= 120 else f"{command[:117]}...")


def _last_line(said: bytes) -> str:
    return (said.decode(errors="replace").strip().splitlines() or [""])[-1]
