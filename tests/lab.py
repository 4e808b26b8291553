# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: a Docker engine and an embedded hypervisor of a test run's own, in namespaces, gone at its end."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import STATE_ROOT, Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded, namespaces, processes
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor, open_hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress

if TYPE_CHECKING:
    import docker

CGROUPS = Path("/sys/fs/cgroup")

#: /run of its own: containerd's sockets and plugin folders; everything mounted later is seen by the engine only.
_PRIVATE_RUN = 'mount -t tmpfs -o mode=0755 tmpfs /run && exec "$@"'


@dataclass(frozen=True, slots=True, kw_only=True)
class LabEngine:
    """A dockerd of our own. ``socket``: its API; ``netns``: the network namespace of it and its bridges."""

    root: Path
    name: str

    @property
    def socket(self) -> Path:
        return self.root / "docker.sock"

    @property
    def netns(self) -> Path:
        return self.root / "netns"

    def inside(self, argv: Sequence[str]) -> list[str]:
        """*argv*, run where published ports and addresses of containers are reachable."""
        return namespaces.inside(self.netns, argv)

    def client(self) -> docker.APIClient:
        """A connection of its own to the engine."""
        import docker

        return docker.APIClient(base_url=f"unix://{self.socket}", version="auto", timeout=120)


@contextmanager
def root_folder() -> Iterator[Path]:
    """A short path (unix sockets hold 108 bytes), searchable by QEMU's user, removed at the end."""
    root = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))
    root.chmod(0o711)
    try:
        yield root
    finally:
        shutil.rmtree(root)


@contextmanager
def lab_folders() -> Iterator[Folders]:
    """A state folder of its own; guest images are shared (``$STRATA_IMAGES``), so that they are built once."""
    with root_folder() as root:
        folders = Folders(root, Path(os.environ.get("STRATA_IMAGES") or STATE_ROOT / "images"))
        try:
            yield folders
        finally:
            embedded.stop(folders)


@contextmanager
def lab_hypervisor() -> Iterator[Hypervisor]:
    """An embedded hypervisor of its own; at the end it is gone with every guest in it."""
    with lab_folders() as folders:
        hypervisor = open_hypervisor(embedded.start(folders, Progress()), folders)
        try:
            yield hypervisor
        finally:
            hypervisor.close()


@contextmanager
def lab_engine() -> Iterator[LabEngine]:
    """A running dockerd; at the end its containers, processes, namespace, cgroups and files are gone."""
    with root_folder() as root:
        engine = LabEngine(root=root, name=root.name)
        try:
            _start(engine)
            yield engine
        finally:
            _stop(engine)


def _start(engine: LabEngine) -> None:
    namespaces.pin(engine.netns)
    (engine.root / "daemon.json").write_text("{}")
    processes.spawn(_argv(engine), engine.root / "dockerd.pid", engine.root / "dockerd.log")
    until = time.monotonic() + 60
    while not _answers(engine):
        if time.monotonic() > until or not processes.running(engine.root / "dockerd.pid"):
            raise RuntimeError("dockerd did not start:\n" + (engine.root / "dockerd.log").read_text()[-4000:])
        time.sleep(0.1)


def _argv(engine: LabEngine) -> list[str]:
    daemon = [
        "dockerd",
        f"--host=unix://{engine.socket}",
        f"--data-root={engine.root / 'data'}",
        f"--exec-root={engine.root / 'exec'}",
        f"--pidfile={engine.root / 'docker.pid'}",
        f"--cgroup-parent=/{engine.name}",
        "--exec-opt=native.cgroupdriver=cgroupfs",
        "--bip=172.31.255.1/24",
        "--default-address-pool=base=10.192.0.0/12,size=24",  # of what no test declares a subnet
        f"--config-file={engine.root / 'daemon.json'}",
    ]
    private = ["unshare", "--mount", "--propagation=private", "--", "sh", "-c", _PRIVATE_RUN, "sh", *daemon]
    return engine.inside(private)


def _answers(engine: LabEngine) -> bool:
    import requests
    from docker.errors import DockerException

    try:
        client = engine.client()
    except (DockerException, requests.RequestException):
        return False
    client.close()
    return True


def _stop(engine: LabEngine) -> None:
    """Containers first: runc then removes their cgroups; whatever is left is ended by membership."""
    with suppress(Exception):
        client = engine.client()
        for container in client.containers(all=True, quiet=True):
            client.remove_container(container["Id"], force=True, v=True)
        client.close()
    daemon = processes.running(engine.root / "dockerd.pid")
    processes.terminate([daemon] if daemon else [], grace=15)
    processes.terminate(_in_cgroups(engine.name), grace=1)
    processes.terminate(processes.in_network(engine.netns), grace=2)
    namespaces.unpin(engine.netns)
    _remove_cgroups(engine.name)


def _in_cgroups(name: str) -> list[processes.Process]:
    pids = {int(pid) for folder in _cgroups(name) for pid in (folder / "cgroup.procs").read_text().split()}
    return [process for pid in pids if (process := processes.find(pid))]


def _remove_cgroups(name: str) -> None:
    for folder in sorted(_cgroups(name), key=lambda path: -len(path.parts)):
        folder.rmdir()


def _cgroups(name: str) -> list[Path]:
    """Every cgroup directory of the engine, in all hierarchies of version 1 or in version 2."""
    tops = [top for top in (CGROUPS / name, *CGROUPS.glob(f"*/{name}")) if top.is_dir()]
    return [*tops, *(path for top in tops for path in top.rglob("*") if path.is_dir())]
