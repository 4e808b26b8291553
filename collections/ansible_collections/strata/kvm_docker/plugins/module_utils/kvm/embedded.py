# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A libvirt of our own for machines where none answers: libvirtd, virtlogd and dnsmasq in namespaces of their own.

Layout below ``folders.hypervisor``: ``etc``, ``lib``, ``cache``, ``log``, ``run`` (what libvirt sees as its own folders
and /run), ``records`` (one file for each process), ``netns`` (the network namespace, see :mod:`.namespaces`).

Every part is started only where it does not run, so starting again repairs what died: guests keep running while
libvirtd is away, as they do on any libvirt.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from ..errors import HypervisorError
from ..folders import Folders, make_searchable
from ..guest.ping import listening
from ..locks import exclusive
from ..progress import Progress
from . import namespaces, private_mounts, processes, programs, uplink
from .connection import answers

START_SECONDS = 60

_QEMU_CONF = """\
# No control groups and no security driver: the namespace belongs to nobody else, and nothing is left on the host.
cgroup_controllers = []
security_driver = "none"
namespaces = []
dynamic_ownership = 1
remember_owner = 0
stdio_handler = "logd"
"""

_LIBVIRTD_CONF = """\
unix_sock_ro_perms = "0700"
unix_sock_rw_perms = "0700"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:stderr"
"""


def uri(folders: Folders) -> str:
    """The URI of the embedded hypervisor of this state folder, running or not."""
    return f"qemu:///system?socket={_socket(folders)}"


def netns(folders: Folders) -> Path:
    """The file that stands for the network namespace of the guests."""
    return folders.hypervisor / "netns"


def seen(folders: Folders, path: Path) -> Path:
    """What its libvirtd, and so QEMU, has at *path*: mounts are those of when libvirtd was started, and its own."""
    daemon = processes.running(_record(folders, "libvirtd"))
    return Path(f"/proc/{daemon.pid}/root{path.resolve()}") if daemon else path


def exists(folders: Folders) -> bool:
    """Whether it was started and not stopped; parts of it may have died."""
    return namespaces.pinned(netns(folders)) or _record(folders, "libvirtd").exists()


def holds_definitions(folders: Folders) -> bool:
    """Whether guests or networks are defined in it, running or not; libvirt's own network ``default`` is none."""
    default = _definitions(folders) / "networks" / "default.xml"
    link = default.parent / "autostart" / default.name
    return any(path not in (default, link) for path in _definitions(folders).rglob("*.xml"))


def is_running(folders: Folders) -> bool:
    """Whether all of its processes run."""
    parts = ("virtlogd", "libvirtd", "slirp4netns")
    return namespaces.pinned(netns(folders)) and all(processes.running(_record(folders, part)) for part in parts)


def start(folders: Folders, progress: Progress) -> str:
    """Start it, or repair it, or do nothing where all of it runs; returns its URI once it answers."""
    programs.check_root("the embedded hypervisor")
    programs.check_programs(programs.HYPERVISOR, programs.MOUNT_POINTS)
    check_place(folders)
    with exclusive(_lock(folders), "the embedded hypervisor", START_SECONDS, progress):
        if not (is_running(folders) and answers(uri(folders))):
            with progress.stage("hypervisor", "starting the embedded libvirt"):
                _start(folders)
    return uri(folders)


def stop(folders: Folders) -> None:
    """End it with all guests in it; no process, mount, namespace or device stays.

    What libvirt has defined stays in the state folder, so that a later start finds it; where nothing is defined the
    hypervisor's folder goes too.
    """
    programs.check_root("the embedded hypervisor")
    if not folders.hypervisor.exists():
        return
    with exclusive(_lock(folders), "the embedded hypervisor", START_SECONDS, Progress()):
        _end_processes(folders)
        namespaces.unpin(netns(folders))
        _clear(folders)


def _start(folders: Folders) -> None:
    _restore_namespace(folders)
    _lay_out(folders)
    namespaces.pin(netns(folders))
    namespaces.run(namespaces.inside(netns(folders), ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]))
    uplink.start(netns(folders), _record(folders, "slirp4netns"), _log(folders, "slirp4netns"))
    _write_resolver(folders)
    for name in ("virtlogd", "libvirtd"):
        if processes.running(_record(folders, name)) and not _answers(folders, name):
            _end(folders, name)
        _start_daemon(folders, name)
    _await_answer(folders)


def _restore_namespace(folders: Folders) -> None:
    """Where the namespace's file was lost, take it from a daemon in it; where none runs, /run is an earlier boot's."""
    if namespaces.pinned(netns(folders)):
        return
    daemons = [processes.running(_record(folders, name)) for name in ("libvirtd", "virtlogd")]
    holder = next((daemon for daemon in daemons if daemon), None)
    if holder:
        namespaces.pin_of(holder.pid, netns(folders))
        return
    _end(folders, "slirp4netns")
    shutil.rmtree(folders.hypervisor / "run", ignore_errors=True)


def _lay_out(folders: Folders) -> None:
    """The folders and configuration; QEMU's user must be able to search down to its own below ``lib`` and ``run``."""
    make_searchable(folders.hypervisor)
    for name in (*private_mounts.BINDS, "dev", "records"):
        make_searchable(folders.hypervisor / name, 0o755)
    (folders.hypervisor / "etc" / "qemu.conf").write_text(_QEMU_CONF, encoding="ascii")
    (folders.hypervisor / "etc" / "libvirtd.conf").write_text(_LIBVIRTD_CONF, encoding="ascii")


def _write_resolver(folders: Folders) -> None:
    subnet = uplink.subnet(netns(folders))
    if subnet is None:
        raise HypervisorError(
            f"{netns(folders)}: the uplink went away while starting; its output is in {folders.hypervisor}/log"
        )
    for path in private_mounts.resolver_files(folders.hypervisor):
        make_searchable(path.parent, 0o755)
        path.write_text(f"nameserver {uplink.resolver(subnet)}\n", encoding="ascii")


def _start_daemon(folders: Folders, name: str) -> None:
    if processes.running(_record(folders, name)):
        return
    program = processes.reaping([name]) if name == "libvirtd" else [name]
    argv = private_mounts.with_mounts(folders.hypervisor, program)
    processes.spawn(namespaces.inside(netns(folders), argv), _record(folders, name), _log(folders, name))


def _await_answer(folders: Folders) -> None:
    """Return once libvirtd answers and virtlogd, which every guest's console goes through, listens."""
    until = time.monotonic() + START_SECONDS
    for name in ("virtlogd", "libvirtd"):
        while not _answers(folders, name):
            if not processes.running(_record(folders, name)) or time.monotonic() > until:
                log = _log(folders, name)
                tail = log.read_text(encoding="utf-8", errors="replace")[-2000:].strip()
                raise HypervisorError(f"the embedded {name} did not start; {log} ends with:\n{tail}")
            time.sleep(0.02)


def _answers(folders: Folders, name: str) -> bool:
    if name == "virtlogd":
        return listening(_socket(folders).with_name("virtlogd-sock"))
    return listening(_socket(folders)) and answers(uri(folders))


def _end_processes(folders: Folders) -> None:
    """libvirtd first, which would otherwise see its dnsmasq and guests die; the uplink is in the host's namespace."""
    _end(folders, "libvirtd")
    processes.terminate(processes.in_network(netns(folders)))
    for name in ("virtlogd", "slirp4netns"):
        _end(folders, name)


def _end(folders: Folders, name: str) -> None:
    process = processes.running(_record(folders, name))
    processes.terminate([process] if process else [])


def _clear(folders: Folders) -> None:
    defined = any(_definitions(folders).rglob("*.xml"))
    passing = ("run", "cache", "log", "dev", "records", "resolv.conf")
    for path in [folders.hypervisor / name for name in passing] if defined else [folders.hypervisor]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def check_place(folders: Folders) -> None:
    """A unix socket's address holds 107 characters (unix(7)), and /run and /dev are others in the mount namespace."""
    if len(str(_socket(folders))) > 107 or not folders.root.is_absolute():
        raise HypervisorError(
            f"{folders.root}: the state folder's absolute path is too long for unix sockets; take a shorter one"
        )
    if any(folders.root.is_relative_to(place) for place in ("/run", "/var/run", "/dev", "/proc", "/sys")):
        raise HypervisorError(
            f"{folders.root}: the state folder cannot be there; take one on a disk, e.g. /var/lib/strata"
        )


def _definitions(folders: Folders) -> Path:
    return folders.hypervisor / "etc" / "qemu"


def _socket(folders: Folders) -> Path:
    return folders.hypervisor / "run" / "libvirt" / "libvirt-sock"


def _record(folders: Folders, name: str) -> Path:
    return folders.hypervisor / "records" / name


def _log(folders: Folders, name: str) -> Path:
    return folders.hypervisor / "log" / f"{name}.log"


def _lock(folders: Folders) -> Path:
    return folders.root / "hypervisor.lock"
