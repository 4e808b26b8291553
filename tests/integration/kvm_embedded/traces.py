# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hypervisor leaves on a machine, looked for where the kernel lists it; and a tiny guest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded, processes
from module_docs import undocumented

if TYPE_CHECKING:
    import libvirt

COLLECTIONS = Path(embedded.__file__).parents[6]

_PROGRAM = """
from pathlib import Path
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import embedded
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
print("go", flush=True)
print(embedded.start(Folders(Path({root!r})), Progress()), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Traces:
    """``links``: network devices of the host. ``cgroups``: directories that libvirt makes. ``mounts``, ``processes``:
    those that name the state folder, or are in its namespace."""

    links: frozenset[str]
    cgroups: frozenset[str]
    mounts: tuple[str, ...]
    processes: tuple[str, ...]


def traces(root: Path) -> Traces:
    """Everything of the hypervisor below *root* that is to be seen from outside."""
    links = frozenset(os.listdir("/sys/class/net"))
    names = ("machine", "machine.slice", "libvirt", "qemu")
    cgroups = frozenset(str(path) for name in names for path in Path("/sys/fs/cgroup").glob(f"**/{name}"))
    mounts = tuple(line for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(root) in line)
    return Traces(links, cgroups, mounts, tuple(_commands(root)))


def _commands(root: Path) -> list[str]:
    """Processes that have the folder in their command line or in their mounts."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                mounts = (entry / "mountinfo").read_text()
            except OSError:
                continue
            if str(root) in command or str(root) in mounts:
                found.append(command or entry.name)
    return found


def starter(folders: Folders) -> subprocess.Popen[str]:
    """Another program that starts the hypervisor, and has come as far as to begin."""
    environment = {**os.environ, "PYTHONPATH": str(COLLECTIONS)}
    program = [sys.executable, "-c", _PROGRAM.format(root=str(folders.root))]
    child = subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert child.stdout
    assert child.stdout.readline() == "go\n"
    return child


def process_of(folders: Folders, name: str) -> processes.Process:
    """The running process *name* of the hypervisor."""
    found = processes.running(folders.hypervisor / "records" / name)
    assert found, f"{name} does not run"
    return found


def kill(folders: Folders, name: str) -> processes.Process:
    """Kill the process *name*, and return it once it is dead."""
    found = process_of(folders, name)
    os.kill(found.pid, signal.SIGKILL)
    while found.alive():
        time.sleep(0.01)
    return found


def command_names(folders: Folders) -> list[str]:
    """Names of what runs in the guests' network namespace, sorted."""
    members = processes.in_network(embedded.netns(folders))
    return sorted(Path(f"/proc/{process.pid}/comm").read_text().strip() for process in members)


def tiny_guest(connection: libvirt.virConnect, root: Path, name: str) -> libvirt.virDomain:
    """A defined domain with an empty disk and a serial console: its firmware runs, and waits for ever."""
    disk = root / f"{name}.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", str(disk), "16M"], check=True)
    return connection.defineXML(
        f"<domain type='qemu'><name>{name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>"
        "<os><type arch='x86_64'>hvm</type></os><on_poweroff>destroy</on_poweroff><devices>"
        f"<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='{disk}'/>"
        f"<target dev='vda' bus='virtio'/></disk>"
        f"<serial type='file'><source path='{root}/{name}.console.log'/></serial></devices></domain>"
    )


def run_module(name: str, folders: Folders, options: Mapping[str, Any]) -> dict[str, Any]:
    """The result of the module *name*, run as Ansible runs it, on the embedded hypervisor of *folders*."""
    given = {"uri": "embedded", "state_folder": str(folders.root), **options}
    module = COLLECTIONS / f"ansible_collections/strata/kvm_docker/plugins/modules/{name}.py"
    done = subprocess.run(
        [sys.executable, str(module)],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": given}),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
    )
    result: dict[str, Any] = json.loads(done.stdout)
    assert undocumented(name, result) == []
    return result
