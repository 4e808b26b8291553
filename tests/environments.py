# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies of the repository's environments that tests and benchmarks bring up in a state folder of their own."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from lab import lab_folders

REPOSITORY = Path(__file__).resolve().parent.parent
COLLECTIONS = REPOSITORY / "collections"
PROCESS = Path(__file__).with_name("converge_process.py")
_OBJECT_DONE = re.compile(r'"stage": "\S+ .+", "status": "done"')


def free_port() -> int:
    """A port of the loopback that nobody listens on, below those that the kernel draws for connections (32768 on)."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("a hundred ports are taken")


@dataclass
class Lab:
    """A state folder with an embedded hypervisor of its own; images are shared with every other one."""

    folders: Folders
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment = {
            **os.environ,
            "STRATA_STATE": str(self.folders.root),
            "STRATA_IMAGES": str(self.folders.images),
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONPATH": str(COLLECTIONS),
            **self.environment,
        }
        # Bytecode is kept, as it is of what is installed, whatever the caller does.
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def playbook(self, name: str, inventory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.command("ansible-playbook", "-i", str(inventory), f"strata.kvm_docker.{name}", *arguments)

    def start_hypervisor(self) -> None:
        embedded.start(self.folders, Progress())

    def virsh(self, *arguments: str) -> str:
        argv = ["virsh", "--quiet", "--connect", embedded.uri(self.folders), *arguments]
        return subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    def command(self, program: str, *arguments: str, timeout: float = 900) -> subprocess.CompletedProcess[str]:
        """Run a program of the virtual environment that the tests run in."""
        argv = [str(Path(sys.executable).with_name(program)), *arguments]
        return subprocess.run(argv, env=self.environment, capture_output=True, text=True, timeout=timeout, check=False)


@contextmanager
def running_lab() -> Iterator[Lab]:
    """A lab of its own; at the end its hypervisor is gone, with every guest in it."""
    with lab_folders() as folders:
        yield Lab(folders)


@dataclass
class EnvironmentCopy:
    """An environment in a folder of its own, published on ports that are free."""

    lab: Lab
    folder: Path
    declaration: Path
    ports: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, lab: Lab, name: str, target: Path) -> EnvironmentCopy:
        shutil.copytree(REPOSITORY / "inventories" / name, target)
        copy = cls(lab, target, target / f"{name}.environment.yml")
        for port in (8080, 8404):
            copy.ports[port] = free_port()
            copy.edit(copy.declaration, f"{port}: ", f"{copy.ports[port]}: ")
        return copy

    @classmethod
    def written(cls, lab: Lab, folder: Path, declaration: str) -> EnvironmentCopy:
        """An environment of its own, from the text of its declaration; the file is named after the folder."""
        folder.mkdir()
        file = folder / f"{folder.name}.environment.yml"
        file.write_text(declaration)
        return cls(lab, folder, file)

    @staticmethod
    def edit(file: Path, old: str, new: str) -> None:
        text = file.read_text()
        assert old in text, f"{old!r} is not in {file}"
        file.write_text(text.replace(old, new))

    def start(self, state: str = "present", before: Sequence[str] = ()) -> Process:
        return Process(self, state, before)

    def converge(self, state: str = "present") -> dict[str, Any]:
        """Converge in a process of its own; what it reports, or an error with its words."""
        return self.start(state).result()

    def refused(self) -> str:
        """Converge, which must fail; the words that it fails with."""
        return self.start().failure()

    def inside(self, guest: str, script: str) -> list[str]:
        """The lines that *script* says in *guest*, over SSH as a user has it."""
        config = self.lab.folders.environment(self.folder.name) / "ssh_config"
        argv = ["ssh", "-F", str(config), guest, script]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=300).stdout.splitlines()

    def url(self, port: int, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.ports[port]}{path}"

    def get(self, port: int = 8080, path: str = "/") -> str:
        with urllib.request.urlopen(self.url(port, path), timeout=10) as answer:
            return str(answer.read().decode())


class Process:
    """A converge under way. *before*: words before its command line."""

    def __init__(self, copy: EnvironmentCopy, state: str, before: Sequence[str] = ()) -> None:
        self.events = copy.folder.parent / f"events-{time.monotonic_ns()}.jsonl"
        self.popen = subprocess.Popen(
            [*before, sys.executable, str(PROCESS), str(copy.declaration), str(self.events), state],
            env=copy.lab.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def result(self) -> dict[str, Any]:
        """What it reports at its end, or an error with its words."""
        output, errors = self.popen.communicate(timeout=900)
        assert self.popen.returncode == 0, errors
        return dict(json.loads(output))

    def failure(self) -> str:
        """The words with which it fails, which it must."""
        _output, errors = self.popen.communicate(timeout=300)
        assert self.popen.returncode == 1, errors
        assert "Traceback" not in errors
        return errors

    def await_event(self, stage: str) -> None:
        """Return once *stage* has begun."""
        while self.popen.poll() is None:
            if self.events.exists() and f'"stage": "{stage}"' in self.events.read_text():
                return
            time.sleep(0.02)
        raise AssertionError(f"it ended before {stage}: {self.popen.communicate()[1]}")

    def kill_after(self, done: int) -> str:
        """SIGKILL it once *done* stages of objects have ended; the last event, or nothing when it ended first."""
        while self.popen.poll() is None:
            events = self.events.read_text().splitlines() if self.events.exists() else []
            if sum(bool(_OBJECT_DONE.search(event)) for event in events) >= done:
                self.popen.send_signal(signal.SIGKILL)
                self.popen.communicate()
                return events[-1] if events else "(before the first event)"
            time.sleep(0.02)
        return ""


@dataclass
class Load:
    """Requests sent while something else goes on; every answer but 200 is a failure."""

    url: str
    answers: int = 0
    failures: list[str] = field(default_factory=list)


@contextmanager
def load(url: str, clients: int = 2, pause: float = 0.2) -> Iterator[Load]:
    """Keep requesting *url* while the block runs: *clients* at once, each *pause* seconds after its last answer, so
    that what is measured is the service and not an emulated guest at its limit."""
    made, stop, guard = Load(url), threading.Event(), threading.Lock()

    def client() -> None:
        while not stop.wait(pause):
            try:
                with urllib.request.urlopen(url, timeout=15) as answer:
                    answer.read()
                problem = "" if answer.status == 200 else str(answer.status)
            except OSError as error:
                problem = str(error)
            with guard:
                made.answers += 1
                made.failures += [problem] if problem else []

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        stop.set()
        for thread in threads:
            thread.join()
