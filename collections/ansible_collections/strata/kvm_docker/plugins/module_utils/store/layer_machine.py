# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine in which an engine layer is made: QEMU alone, the image's own kernel and engine, and a shell as the first
process.

No systemd, seed, name, key or address of anything is there while it runs, so nothing of one machine can come into a
layer; of what the engine itself makes, only its images stay. Its engine is reached as a guest's is, by SSH, but over a
serial port of virtio, with keys of this one machine that never touch its disk.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from ..bound import bound
from ..errors import GuestError, ImageError, StrataError
from ..guest import ssh_config
from ..guest.files import locked, make_private, write_whole
from ..guest.image_store import StoredImage
from ..guest.keys import have_key_pair
from ..guest.ping import ping
from ..guest.ssh import Shell
from ..kvm import programs, uplink
from ..kvm.domain_xml import EMULATED_FEATURES
from ..kvm.guest_spec import EMULATED
from ..kvm.hypervisor import Hypervisor

_NAME = "layer"
#: Bytes.
_MEMORY = 1024**3
_SECTOR = 512
#: Seconds of the start of machine and engine, and of their end, on an emulated processor of a busy machine.
_TIMEOUT = 300.0
_LOOK = 0.2
#: Seconds that an engine has to answer the cheapest question, when something went wrong.
_PING = 10.0
_KEPT_LINES = 25
#: As its kernel says when the script has failed.
_PANIC = "Kernel panic"
_READY, _DONE = "strata-layer: ready", "strata-layer: done"

#: Where QEMU's user network resolves names by this machine's own resolver (QEMU manual, "Network emulation").
_RESOLVER = "10.0.2.3"
#: What follows the image's kernel as the script's own part begins; /dev/vda is grown to what guests have.
_BEGIN = """\
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run
trap 'tail -n 20 /run/*.log' EXIT
set -eu
mount -n -o remount,noinit_itable /
mount -n -t sysfs sys /sys
mount -n -t cgroup2 cgroup2 /sys/fs/cgroup
mount -n -t tmpfs -o mode=0755 tmpfs /run
mount -n -t tmpfs tmpfs /tmp
containerd > /run/containerd.log 2>&1 &
containerd=$!
resize2fs /dev/vda > /run/resize2fs.log 2>&1
ip link set lo up
"""
#: The hypervisor's own loopback is behind the gateway: what a build runs does not reach that.
_NETWORK = """\
modprobe virtio_net
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
ip route add prohibit 10.0.2.2
echo nameserver {resolver} > /run/resolv.conf
ln -s /run/resolv.conf /etc/resolv.conf
"""
_SERVE = """\
modprobe virtio_console
mkdir -p /run/sshd /run/keys
cat > /run/keys/host <<'end'
{host_key}
end
echo '{authorized_key}' > /run/keys/authorized
chmod 0600 /run/keys/*
port=$(echo /dev/vport*p1)
echo "{ready}"
/usr/sbin/sshd -i -e -f /dev/null -o UsePAM=no -o StrictModes=no -o LoginGraceTime=0 -o HostKey=/run/keys/host \\
    -o AuthorizedKeysFile=/run/keys/authorized <> "$port" >&0 2> /run/sshd.log || :
[ -e /run/filled ]
"""
_ENGINE = """\
cat > /run/daemon.json
until [ -S /run/containerd/containerd.sock ]; do sleep 0.2; done
setsid dockerd --config-file=/run/daemon.json --containerd=/run/containerd/containerd.sock {options} \\
    > /run/dockerd.log 2>&1 < /dev/null &
echo $! > /run/dockerd.pid
"""
#: ``stty`` waits until what was printed is out: the kernel's own last words would come into the middle of it.
_END = """\
dockerd=$(cat /run/dockerd.pid)
kill $dockerd
while kill -0 $dockerd 2> /dev/null; do sleep 0.2; done
kill $containerd
wait $containerd || :
rm -f /etc/resolv.conf
cd /var/lib/docker
for each in * .[!.]*; do case $each in image|overlay2) ;; *) rm -rf "./$each" ;; esac; done
rm -rf overlay2/backingFsBlockDev /var/lib/containerd
cd /
fstrim /
mount -o remount,ro /
echo "{done}"
stty echo < /dev/console
echo o > /proc/sysrq-trigger
sleep 60
"""
#: Without a network for containers, and without rules for the packets of one.
_NO_NETWORK = "--bridge=none --iptables=false --ip6tables=false --ip-forward=false --ip-masq=false"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerMachine:
    """``disk``: what its root file system is on. ``settings``: of its engine, as in daemon.json. ``network``: whether
    its engine reaches what the hypervisor reaches. ``memory``: bytes, at least 1 GiB. ``virt_type``: how it runs; it
    does not matter after."""

    base: StoredImage
    disk: Path
    virt_type: str
    network: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    memory: int = 0

    @contextmanager
    def running(self, hypervisor: Hypervisor, name: str) -> Iterator[Path]:
        """The local socket of its engine, which answers; after the block, what is to stay is on the disk.

        A folder in the state folder, with *name* in its own, holds keys and sockets meanwhile. Raises
        :class:`ImageError`, with the end of its console where it ended by itself. It dies with us.
        """
        with _private_folder(hypervisor.folders.root, name) as folder:
            process = self._start(hypervisor, folder)
            console = _Console(process)
            shell = _Shell(_NAME, folder / "ssh_config")
            try:
                yield self._engine(shell, console)
                shell.run("touch /run/filled", timeout=_TIMEOUT)
                shell.disconnect()
                console.await_end(_TIMEOUT)
            except StrataError as error:
                raise (console.error() if console.ended else ImageError(f"{error}{_last_words(shell)}")) from error
            finally:
                process.kill()
                process.wait()
                console.reader.join()
                shell.disconnect()

    def script(self, host_key: str, authorized_key: str, resolver: str) -> str:
        """What the first process runs. Pure."""
        network = _NETWORK.format(resolver=resolver) if self.network else ""
        serve = _SERVE.format(host_key=host_key, authorized_key=authorized_key, ready=_READY)
        return "".join((_BEGIN, network, serve, _END.format(done=_DONE)))

    def _start(self, hypervisor: Hypervisor, folder: Path) -> subprocess.Popen[bytes]:
        host, ours = (have_key_pair(folder / name, f"strata:{_NAME}") for name in ("host_key", "id_ed25519"))
        serial = folder / "serial"
        write_whole(folder / "known_hosts", f"{_NAME} {' '.join(host.public.split()[:2])}\n".encode())
        reached = ssh_config.of_machine(_NAME, folder, f"socat - UNIX-CONNECT:{serial}")
        write_whole(folder / "ssh_config", reached.encode())
        content = self.script(host.private.read_text("ascii").strip(), ours.public, _resolver(hypervisor)).encode()
        (folder / "script").write_bytes(content + b"\n" * (-len(content) % _SECTOR))
        return subprocess.Popen(
            [*bound("KILL"), *hypervisor.inside(["nice", *self.command(folder / "script", serial)])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=programs.ENVIRONMENT,
            cwd="/",
        )

    def command(self, script: Path, serial: Path) -> list[str]:
        """QEMU's command line: two processors, as a guest of one would have (see :mod:`..kvm.guest_spec`). It ends
        where its kernel panics, as when the script fails. Pure."""
        kvm = self.virt_type == "kvm"
        cpu = "host" if kvm else ",".join(("qemu64", *(f"+{name}" for name in EMULATED_FEATURES)))
        init = "panic=-1 init=/bin/sh -- /dev/vdb"
        cmdline = " ".join(filter(None, (self.base.cmdline, "" if kvm else EMULATED, init)))
        memory = f"{max(self.memory, _MEMORY) >> 20}M"
        machine = ["-accel", "kvm" if kvm else "tcg", "-cpu", cpu, "-smp", "2", "-m", memory, "-nodefaults"]
        quiet = ["-display", "none", "-serial", "stdio", "-no-reboot", "-sandbox", "on"]
        boot = ["-kernel", str(self.base.kernel), "-initrd", str(self.base.initrd), "-append", cmdline]
        port = ["-chardev", f"socket,id=port,path={_escaped(serial)},server=on,wait=off"]
        port += ["-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port"]
        network = (
            ["-netdev", "user,id=net,ipv6=off", "-device", "virtio-net-pci,netdev=net,romfile="] if self.network else []
        )
        drives = [
            *_drive("root", self.disk, "format=qcow2,discard=unmap,detect-zeroes=unmap,werror=report"),
            *_drive("script", script, "format=raw,readonly=on"),
        ]
        return [programs.EMULATOR, *machine, *quiet, *boot, *drives, *port, *(network if self.network else [])]

    def _engine(self, shell: Shell, console: _Console) -> Path:
        until = time.monotonic() + _TIMEOUT
        console.await_line(_READY, until)
        shell.connect(_TIMEOUT, console.refuse_end)
        options = "" if self.network else _NO_NETWORK
        shell.run(_ENGINE.format(options=options), json.dumps(dict(self.settings)).encode(), timeout=_TIMEOUT)
        socket = shell.forward()
        while not ping(socket, _TIMEOUT, console.refuse_end):
            if time.monotonic() > until:
                raise console.error(f" the start of its engine within {_TIMEOUT:g} s")
            shell.run("kill -0 $(cat /run/dockerd.pid) || { tail -n 20 /run/dockerd.log >&2; exit 1; }")
            time.sleep(_LOOK)
        return socket


@dataclass(slots=True)
class _Shell(Shell):
    """Of the machine."""

    @property
    def where(self) -> str:
        return "the layer's machine"

    def _refusal(self, said: str) -> GuestError:
        return GuestError(f"{self.where}: {said or 'ssh failed without a word'}")


class _Console:
    """What the machine of *process* prints, read as it comes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.lines: list[str] = []
        self._process = process
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.lines.append(line.decode(errors="replace").rstrip())

    @property
    def ended(self) -> bool:
        """Whether the machine is off."""
        return self._process.poll() is not None

    def refuse_end(self) -> None:
        """Raise :class:`ImageError` where the machine is off."""
        if self.ended:
            raise self.error()

    def await_line(self, line: str, until: float) -> None:
        """Return once it has printed *line*; raises :class:`ImageError` where it is off, or at the time *until* of the
        monotonic clock."""
        while line not in self.lines:
            self.refuse_end()
            if time.monotonic() > until:
                raise self.error(f" its start within {_TIMEOUT:g} s")
            time.sleep(_LOOK)

    def await_end(self, seconds: float) -> None:
        """Return once the machine is off with all done; raises :class:`ImageError`."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise self.error(f" within {seconds:g} s") from None
        self.reader.join()
        if _DONE not in self.lines:
            raise self.error()

    def error(self, within: str = "") -> ImageError:
        """That it is not done, with the end of what it printed; where its kernel was is of no use."""
        if self.ended:
            self.reader.join()
        lines = list(takewhile(lambda line: _PANIC not in line, self.lines))
        return ImageError(f"its machine did not finish{within}:\n" + "\n".join(lines[-_KEPT_LINES:]))


def _last_words(shell: Shell) -> str:
    """Of an engine that does not answer any more; empty where it does, or there is no shell either."""
    try:
        if ping(shell.forward(), _PING, lambda: None):
            return ""
        said = shell.run("tail -n 20 /run/dockerd.log; dmesg | tail -n 5").decode(errors="replace").strip()
    except GuestError:
        return ""
    return f"\nThe log of the engine ends with:\n{said}"


@contextmanager
def _private_folder(root: Path, name: str) -> Iterator[Path]:
    """A folder in *root* that is gone after the block, together with those that killed makers of layers left there."""
    folder = root / f"layer-{name}"
    with ExitStack() as held:
        with locked(root):
            for left in root.glob("layer-*"):
                with suppress(BlockingIOError), locked(left, wait=False):
                    shutil.rmtree(left)
            make_private(folder)
            held.enter_context(locked(folder))
        held.callback(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def _resolver(hypervisor: Hypervisor) -> str:
    """Where names are resolved: inside of an embedded hypervisor by its uplink."""
    subnet = uplink.subnet(hypervisor.netns) if hypervisor.netns else None
    return str(uplink.resolver(subnet)) if subnet else _RESOLVER


def _drive(name: str, path: Path, form: str) -> list[str]:
    drive = f"if=none,id={name},{form},cache=unsafe,file={_escaped(path)}"
    return ["-drive", drive, "-device", f"virtio-blk-pci,drive={name}"]


def _escaped(path: Path) -> str:
    """As QEMU's options have it."""
    return str(path).replace(",", ",,")
