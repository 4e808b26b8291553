# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declared guest that boots nothing: its domain runs and halts, and a real sshd with a real engine answers at its
address on the embedded hypervisor. So a whole environment comes up in seconds."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import kvm_lab
import lab
import sshd
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access, image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import namespaces, processes
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.resolve import guest_images

#: x86: cli, hlt, jmp to hlt.
_HALT = b"\xfa\xf4\xeb\xfd"


@contextmanager
def answering(hypervisor: Hypervisor, declaration: Path, engine: lab.LabEngine) -> Iterator[None]:
    """SSH and *engine* answer where the one guest of *declaration* is to be, by the keys of its environment."""
    environment = read_environment(declaration)
    (guest,) = environment.guests.values()
    keys = access.prepare(environment, hypervisor.folders, hypervisor.inside([]))
    own_address = ["dev", "lo", f"{guest.address}/32"]
    with lab.root_folder() as root:
        sshd.unpack(root)
        sshd.configure(root, str(guest.address), 22, keys.host_keys[guest.name].private)
        with (root / "sshd_config").open("a") as settings:
            settings.write("MaxSessions 64\n")  # as guests have it
        (root / "authorized_keys").write_text(keys.public_key)
        (root / "docker.sock").symlink_to(engine.socket)
        namespaces.run(hypervisor.inside(["ip", "address", "add", *own_address]))
        daemon = sshd.start(
            root, lambda: _listens(hypervisor, str(guest.address)), hypervisor.inside([]), empty="/var/lib /etc/docker"
        )
        try:
            yield
        finally:
            access.disconnect(environment.name, hypervisor.folders)
            processes.terminate([daemon], grace=2)
            namespaces.run(hypervisor.inside(["ip", "address", "del", *own_address]))


def _listens(hypervisor: Hypervisor, address: str) -> bool:
    probe = ["sh", "-c", f"socat -u OPEN:/dev/null TCP:{address}:22,connect-timeout=1"]
    return not subprocess.run(hypervisor.inside(probe), capture_output=True, check=False).returncode


def store_images(folders: Folders, declaration: Path) -> None:
    """Have every image of guests of *declaration* in the store, each but a boot sector that halts the processor:
    firmware that finds none gives up, and says so."""
    for recipe in guest_images(read_environment(declaration)).values():
        with image_store.making(folders, recipe) as staging, tempfile.NamedTemporaryFile() as raw:
            raw.write(_HALT.ljust(510, b"\0") + b"\x55\xaa")
            raw.truncate(16 * kvm_lab.MIB)
            argv = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw.name, staging / image_store.DISK]
            subprocess.run(argv, check=True)
            image_store.store(folders, recipe, staging)
