# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An environment of one guest that is kept in a checkpoint, and what is done to it."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.checkpoint.store import Checkpoint, Store
from ansible_collections.strata.kvm_docker.plugins.module_utils.digests import sha256_file
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Verdict, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import Fingerprint
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.take import take
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from environments import EnvironmentCopy, Process

DECLARATION = """\
plugin: strata.kvm_docker.environment
name: kept
images: {debian13: {build: {suite: trixie}}}
container_images: {"debian-services:13": {build: {suite: trixie, packages: [redis-server, python3, busybox]}}}
networks: {lan: {cidr: 10.86.0.0/24}}
guests:
  only:
    image: debian13
    memory: 512 MiB
    disk: 4 GiB
    networks: {lan: {address: 10.86.0.11}}
    compose: compose/compose.yaml
"""

COMPOSE = """\
services:
  redis:
    image: debian-services:13
    command: [redis-server, --save, ""]
    healthcheck: {test: [CMD, redis-cli, ping], interval: 30m, start_period: 60s, start_interval: 500ms}
"""

DRAW = "head -c 16 /dev/urandom | base64"

#: Of what the guest's files are, too.
ALL = 4


@dataclass
class KeptOne:
    """``before``: fingerprints, by level, of what was built cold in ``cold`` seconds. ``drawn``: random numbers
    of the guest, one each time that it came out of the checkpoint."""

    copy: EnvironmentCopy
    before: dict[int, Fingerprint]
    cold: float
    drawn: list[str] = field(default_factory=list)

    @property
    def folders(self) -> Folders:
        return self.copy.lab.folders

    def checkpoint(self) -> Checkpoint:
        return next(Store(self.folders, "kept").whole())

    def shell(self, command: str) -> str:
        return access.shell("kept", "only", self.folders).run(command).decode().strip()

    def begin(self) -> dict[str, Any]:
        """Have it up; how it was started, if it was not up."""
        told = self.copy.converge()
        if told["start"]:
            assert told["start"]["how"] == "warm", told["start"]
            self.drawn.append(self.shell(DRAW))
        return told

    def warm(self) -> Process:
        """A run that starts it warm or fails."""
        self.copy.lab.environment["STRATA_TEST_START"] = "warm"
        try:
            return self.copy.start()
        finally:
            del self.copy.lab.environment["STRATA_TEST_START"]

    def is_as_built(self, level: int = 3) -> None:
        """IDENTICAL to what was built, or an error with what differs."""
        comparison = compare(self.before[level], fingerprint(self.copy, level))
        assert comparison.verdict is Verdict.IDENTICAL, "\n".join(map(str, comparison.differences))

    def nothing_is_there(self) -> None:
        """No guest, network or disk of it."""
        assert self.copy.lab.virsh("list", "--all", "--name").split() == []
        assert "kept" not in self.copy.lab.virsh("net-list", "--all", "--name")
        pool = self.folders.pool("kept")
        assert not pool.exists() or list(pool.iterdir()) == []


def fingerprint(copy: EnvironmentCopy, level: int) -> Fingerprint:
    return take(copy.declaration, copy.lab.folders, level, Progress())


def await_message(process: Process, message: str) -> None:
    """Return once it has told *message*, a regular expression."""
    while process.popen.poll() is None:
        if process.events.exists() and re.search(message, process.events.read_text(), re.DOTALL):
            return
        time.sleep(0.02)
    raise AssertionError(f"it ended before {message!r}: {process.popen.communicate()}")


def kill_at(copy: EnvironmentCopy, state: str, message: str) -> None:
    """SIGKILL it once it has told *message*, a regular expression."""
    process = copy.start(state)
    await_message(process, message)
    process.popen.kill()
    process.popen.communicate()


def flip(path: Path) -> None:
    """Flip one bit in the middle."""
    with path.open("r+b") as stream:
        stream.seek(path.stat().st_size // 2)
        byte = stream.read(1)[0]
        stream.seek(-1, 1)
        stream.write(bytes([byte ^ 1]))


@contextmanager
def another_qemu(folders: Folders) -> Iterator[str]:
    """In the hypervisor's namespace QEMU is another file from now on, as after an update of the same version; its
    digest."""
    emulator, other = Path("/usr/bin/qemu-system-x86_64"), folders.root / "qemu"
    shutil.copy(emulator, other)
    with other.open("ab") as stream:
        stream.write(b"an update")
    inside = ["nsenter", f"--mount={embedded.seen(folders, Path('/')).parent}/ns/mnt", "--"]
    subprocess.run([*inside, "mount", "--bind", other, emulator], check=True)
    try:
        yield sha256_file(other)
    finally:
        subprocess.run([*inside, "umount", emulator], check=True)


@contextmanager
def bound(folder: Path, target: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", folder, target], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", target], check=True)
