# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that outlive the program that starts them, each known by a record that cannot mean another one.

A process id alone is reused by the kernel; with the time of its start and the boot it belongs to it is unique.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import HypervisorError
from ..folders import UMASK
from .programs import ENVIRONMENT

#: The process writes its own record before it becomes the program: there is no moment in which it runs unrecorded.
_RECORD_AND_EXEC = 'cat /proc/sys/kernel/random/boot_id /proc/$$/stat > "$0.new" && mv "$0.new" "$0" && exec "$@"'


#: Its child is the program; PR_SET_PDEATHSIG (1) ends that with it, and PR_SET_CHILD_SUBREAPER (36) has it take over
#: every process below that loses its parent, to collect it when it ends. PR_SET_NAME (15) is for who lists processes.
_REAP = """
import ctypes, os, signal, sys
prctl = ctypes.CDLL(None).prctl
prctl(36, 1, 0, 0, 0)
child = os.fork()
if not child:
    prctl(1, signal.SIGKILL, 0, 0, 0)
    os.execvp(sys.argv[1], sys.argv[1:])
prctl(15, os.path.basename(sys.argv[1]).encode()[:8] + b"-reaper", 0, 0, 0)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda number, frame: os.kill(child, number))
while os.wait()[0] != child:
    pass
"""


@dataclass(frozen=True, slots=True)
class Process:
    """One process. ``started``: clock ticks since boot (proc(5), field 22 of ``/proc/<pid>/stat``)."""

    pid: int
    started: int
    boot: str

    def alive(self) -> bool:
        """Whether this very process still runs; a zombie does not, but for one whose other threads do: they have its
        files and sockets open."""
        stat = _stat(self.pid)
        return self.boot == boot() and stat is not None and stat[0] == self.started and stat[1]


def spawn(
    argv: Sequence[str],
    record: Path,
    log: Path,
    pass_fds: Sequence[int] = (),
    stdin: int = subprocess.DEVNULL,
) -> Process:
    """Start *argv* in a session of its own, output appended to *log*, recorded in the file *record*.

    Nothing of ours stays open in it but *pass_fds* and *stdin*. The record is there before *argv* is executed.
    """
    record.unlink(missing_ok=True)
    with log.open("ab") as stream:
        subprocess.run(
            ["setsid", "--fork", "sh", "-c", _RECORD_AND_EXEC, str(record), *argv],
            stdin=stdin,
            stdout=stream,
            stderr=stream,
            cwd="/",
            env=ENVIRONMENT,
            pass_fds=pass_fds,
            umask=UMASK,
            check=True,
        )
    return _await_record(record, log)


def reaping(argv: Sequence[str]) -> list[str]:
    """*argv*, with its orphans collected the moment that they end, and ended by a signal to what is started.

    It is for who waits until a process is gone, which one that ended is not before it was collected: the first process
    of a machine without an init of its own does that late (1.7 s, measured) or, in many containers, never.
    """
    return [sys.executable, "-IS", "-c", _REAP, *argv]


def _await_record(record: Path, log: Path, seconds: float = 10) -> Process:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        process = recorded(record)
        if process:
            return process
        time.sleep(0.005)
    raise HypervisorError(f"{record}: the process did not start within {seconds:.0f} s; its output is in {log}")


def recorded(record: Path) -> Process | None:
    """The process that *record* names, running or not; ``None`` where there is no (whole) record."""
    try:
        boot, stat = record.read_text(encoding="utf-8", errors="replace").split("\n", 1)
        return Process(int(stat.split(" ", 1)[0]), int(_fields(stat)[19]), boot)
    except (OSError, ValueError, IndexError):
        return None


def running(record: Path) -> Process | None:
    """The process that *record* names, if it still runs."""
    process = recorded(record)
    return process if process and process.alive() else None


def find(pid: int) -> Process | None:
    """The process that has *pid* now."""
    stat = _stat(pid)
    return Process(pid, stat[0], boot()) if stat else None


def in_network(netns: Path) -> list[Process]:
    """Every process in the network namespace that the file *netns* stands for."""
    members = [process for pid in _pids() if (process := find(pid)) and is_in_network(process, netns)]
    return [process for process in members if process.alive()]


def is_in_network(process: Process, netns: Path) -> bool:
    """Whether *process* is in the network namespace that the file *netns* stands for."""
    wanted = _identity(netns)
    return wanted is not None and _identity(Path(f"/proc/{process.pid}/ns/net")) == wanted


def in_session(leader: Process) -> list[Process]:
    """*leader*, which :func:`spawn` started and which still runs, and all that it forked."""
    found = [find(pid) for pid in _pids() if _stat_fields(pid)[3:4] == [str(leader.pid)]]
    return [process for process in found if process] if leader.alive() else []


def terminate(processes: Iterable[Process], grace: float = 5) -> None:
    """End *processes*: SIGTERM, SIGKILL after *grace* seconds; returns when all are gone.

    Raises :class:`HypervisorError` when one survives that (it hangs in the kernel).
    """
    held = [(process, descriptor) for process in processes if (descriptor := _hold(process)) is not None]
    try:
        left = _signalled(held, signal.SIGTERM, grace)
        left = _signalled(left, signal.SIGKILL, 10)
    finally:
        for _process, descriptor in held:
            os.close(descriptor)
    if left:
        pids = ", ".join(str(process.pid) for process, _descriptor in left)
        raise HypervisorError(f"process(es) {pids} cannot be ended; they hang in the kernel (see `ps -o stat,wchan`)")


def _hold(process: Process) -> int | None:
    """A descriptor of the process, checked after opening, so that a signal can meet nobody else."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:
        return None
    if process.alive():
        return descriptor
    os.close(descriptor)
    return None


def _signalled(held: list[tuple[Process, int]], number: signal.Signals, seconds: float) -> list[tuple[Process, int]]:
    """Send signal *number* to all, wait up to *seconds*; those that are left."""
    for _process, descriptor in held:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, number)
    until = time.monotonic() + seconds
    left = [entry for entry in held if entry[0].alive()]
    while left and time.monotonic() < until:
        select.select([entry[1] for entry in left], [], [], min(0.2, max(0.0, until - time.monotonic())))
        left = [entry for entry in left if entry[0].alive()]
    return left


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _stat(pid: int) -> tuple[int, bool] | None:
    """(start time, whether a thread of it runs) of the process that has *pid* now; its state is that of its first
    thread."""
    fields = _stat_fields(pid)
    return (int(fields[19]), fields[0] not in "ZX" or int(fields[17]) > 1) if fields else None


def _stat_fields(pid: int) -> list[str]:
    try:
        return _fields(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []


def _fields(stat: str) -> list[str]:
    """The third and later fields of ``/proc/<pid>/stat``; the second, a name, may hold spaces and parentheses."""
    return stat.rpartition(")")[2].split()


def boot() -> str:
    """Identifies the running boot of this machine (random(4))."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
