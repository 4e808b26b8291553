# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What operations on one environment stand on: its declaration, its hypervisor, its engines, each opened once and kept
until the process ends, and what was seen there a moment ago."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils import seal_key
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_identity
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.replicas import replicas
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker import file_mounts
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.file_mounts import FilesFound
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.machine import Machine
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.domain import find_domain
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.errors import libvirt_errors
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import (
    Hypervisor,
    find_uri,
    open_hypervisor,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.watch import Watch
from ansible_collections.strata.kvm_docker.plugins.module_utils.masking import Masker
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Key, Observed
from ansible_collections.strata.kvm_docker.plugins.module_utils.prepare import open_watched_engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import observed

from .memory import Memory
from .operation import Interrupt
from .reading import Reading, reading
from .resource import Operation
from .run_locks import RunLocks
from .site import AUTO, Site

#: Seconds for which a look at all objects of a kind is good, and for which an engine that did not answer is not asked.
_LOOK = 2.0
_SILENCE = 15.0
#: Seconds that a refresh gives an engine that should be up.
_PATIENCE = 10.0


class Ground:
    """Of *environment*, as *declaration* declares it on *site*; safe to use from threads."""

    def __init__(self, site: Site, declaration: Path, environment: str) -> None:
        self.folders = site.folders
        self.environment = environment
        self._site = site
        self._declaration = declaration
        self._guard = threading.Lock()
        self._preparing = threading.Lock()
        self._read: Reading | None = None
        self._prepared: Reading | None = None
        self._hypervisor: Hypervisor | None = None
        self._engines: Memory[str, Engine] = Memory(float("inf"), 0.0)
        self._reached: Memory[str, Engine] = Memory(0.0, _SILENCE)
        self._files: Memory[str, FilesFound] = Memory(_LOOK, _LOOK)
        self._looks: Memory[tuple[str, str], list[Observed]] = Memory(_LOOK, _LOOK)

    def reading(self, fits: Callable[[Reading], bool] = lambda reading: True) -> Reading:
        """The declaration as it was read last if that *fits*, else as it is now."""
        with self._guard:
            if self._read is None or not fits(self._read):
                self._read = reading(self._declaration, self.environment, self.folders)
                self._engines.forget(lambda guest: True)
                self._reached.forget(lambda guest: True)
            return self._read

    @contextmanager
    def hiding(self, operation: Operation) -> Iterator[None]:
        """Within, neither progress nor an error tells a secret of the declaration, as far as it can be read."""
        secrets: frozenset[str] = frozenset()
        with suppress(StrataError):
            secrets = self.reading().secrets
        mask = operation.progress.mask = Masker([*secrets, *operation.secrets])
        try:
            yield
        except StrataError as error:
            error.mask(mask)
            raise

    def there(self) -> bool:
        """Whether there is a hypervisor at all: none was started yet, or it is gone with all that it had."""
        return find_uri(self._uri(), self.folders) is not None

    def hypervisor(self) -> Hypervisor:
        """Connected anew where the connection has ended since. Raises :class:`~errors.HypervisorError`."""
        uri = self._uri()
        with self._guard:
            if self._hypervisor is None or not _answers(self._hypervisor):
                self._hypervisor = open_hypervisor(uri, self.folders)
            return self._hypervisor

    def has_guest(self, guest: str) -> bool:
        """Whether there is a domain, and what leads to it."""
        if guest not in access.guests(self.environment, self.folders):
            return False
        with libvirt_errors(f"guest {guest}"):
            return find_domain(self.hypervisor(), self.environment, guest) is not None

    def prepare(self) -> None:
        """Have the keys of the environment. Callers hold its lock, which keeps out others and not each other."""
        read = self.reading()
        with self._preparing:
            if self._prepared is not read:
                access.have_keys(read.environment, self.folders)
                seal_key.have(self.environment, self.folders)
                self._prepared = read

    def engine(self, guest: str, operation: Operation) -> Engine:
        """The engine of *guest* once it answers, which may take as long as a boot."""
        patience = self._declared_patience(guest)
        return self._engines.get(guest, lambda: self._opened(guest, patience, operation.interrupt, operation.progress))

    def shell(self, guest: str, operation: Operation) -> Machine:
        """The shell of *guest*, as :meth:`engine`."""
        shell = self.engine(guest, operation).shell
        if shell is None:
            raise AssertionError("the engine of a guest has its shell")
        return shell

    def engine_now(self, guest: str, operation: Operation) -> Engine:
        """The engine of *guest* if it answers soon; one that did not a moment ago is not asked again."""

        def reach() -> Engine:
            patience = min(_PATIENCE, self._declared_patience(guest))
            return self._engines.get(guest, lambda: self._opened(guest, patience, operation.interrupt, Progress()))

        return self._reached.get(guest, reach)

    def files(self, guest: str, operation: Operation) -> FilesFound:
        """State of the files of all containers that are declared on *guest*; all operations share a look."""
        read = self.reading()

        def ask() -> FilesFound:
            shell, declared = self.engine_now(guest, operation).shell, read.environment.guests[guest].compose
            return file_mounts.look(shell, replicas(declared).values(), read.inputs.seal)

        return self._files.get(guest, ask)

    def look(self, key: Key, connection: Hypervisor | Engine) -> list[Observed]:
        """All objects of the kind of *key* that are behind *connection*, with *key*; all operations share a look."""

        def ask() -> list[Observed]:
            return list(observed((key.kind,), connection, self.environment))

        return self._looks.get((key.kind, key.guest), ask)

    def lost(self, guest: str) -> None:
        """Something on *guest* has failed, and its connections may have ended: who asks next connects anew."""
        self._engines.forget(lambda name: name == guest)

    def forget(self, key: Key) -> None:
        """The object of *key* was worked on: what was seen is old, and a guest's former connections are of no use."""
        self._looks.forget(lambda look: True)
        self._files.forget(lambda guest: True)
        guest = key.name if key.kind == "guest" else key.guest
        self._reached.forget(lambda name: name == guest)
        if key.kind == "guest":
            self._engines.forget(lambda name: name == guest)
            shell = access.shell(self.environment, guest, self.folders)
            if shell.config.exists():
                shell.disconnect()

    def _opened(self, guest: str, patience: float, interrupt: Interrupt, progress: Progress) -> Engine:
        read = self.reading()
        if guest not in read.environment.guests:
            raise StrataError(f"guest {guest}: {self._declaration} declares none of this name (any more).")
        watch = Watch(self.hypervisor(), self.environment, guest, progress, patience, interrupt=interrupt)
        return open_watched_engine(watch, read.environment, read.inputs)

    def _declared_patience(self, guest: str) -> float:
        declared = self.reading().environment.guests.get(guest)
        return float(declared.boot_timeout) if declared else _PATIENCE

    def _uri(self) -> str:
        """What the provider is configured to goes before what is declared."""
        if self._site.hypervisor != AUTO:
            return self._site.hypervisor
        if self._read:
            return self._read.environment.hypervisor.uri
        try:
            return read_identity(self._declaration)[1]
        except StrataError:
            return AUTO


class Grounds:
    """The ground of each declaration, and the run locks that all stand on."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._grounds: dict[tuple[Site, Path, str], Ground] = {}
        self._locks = RunLocks()

    def of(self, site: Site, declaration: str, environment: str) -> Ground:
        key = (site, Path(declaration), environment)
        with self._guard:
            return self._grounds.setdefault(key, Ground(*key))

    @contextmanager
    def changing(self, ground: Ground, operation: Operation) -> Iterator[None]:
        """Within, the environment is worked on: no other run does meanwhile."""
        path = ground.folders.lock(ground.environment)
        with (
            ground.hiding(operation),
            self._locks.working(path, ground.environment, operation.interrupt, operation.progress),
        ):
            yield


def _answers(hypervisor: Hypervisor) -> bool:
    import libvirt

    try:
        return bool(hypervisor.connection.isAlive()) and bool(hypervisor.version())
    except libvirt.libvirtError:
        return False
