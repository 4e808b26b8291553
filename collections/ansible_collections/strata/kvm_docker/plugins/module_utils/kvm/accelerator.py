# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether guests can run on KVM: found out by starting a kernel on it, because a device node proves nothing."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from ..digests import sha256_file
from ..errors import HypervisorError
from ..folders import Folders
from ..guest.console import plain
from ..guest.files import write_whole
from . import processes, programs

if TYPE_CHECKING:
    from ..guest.image_store import StoredImage

DEVICE = Path("/dev/kvm")
KERNEL_SECONDS = 20
DISK_SECONDS = 30
FIRMWARE_SECONDS = 3

#: How a kernel without a root file system ends (init/do_mounts.c, init/main.c): it came through all of its boot. One
#: that keeps quiet is told by what starts next.
_BOOTED = re.compile(
    rb"VFS: Unable to mount root fs|No working init found|Run /init as init process|systemd\[1\]: |login: "
)

#: What QEMU says when the accelerator gave up; it then stays paused instead of ending.
_GAVE_UP = re.compile(rb"KVM internal error|emulation failure|KVM_RUN failed|kvm run failed")

_TELLING = re.compile(r"^qemu-system|KVM internal error|emulation failure|panic")
#: What QEMU says when the time is up.
_ENDED = re.compile(r"terminating on signal \d+ from")


@dataclass(frozen=True, slots=True)
class Accelerator:
    """``virt_type`` as libvirt has it, and why it is that one."""

    virt_type: Literal["kvm", "qemu"]
    reason: str


def probe(folders: Folders, image: StoredImage | None, requested: str) -> Accelerator:
    """The accelerator for guests, *requested* ``auto``, ``kvm`` or ``qemu``; at best proven with the kernel of *image*,
    or with its disk where neither it nor the machine has a kernel to start.

    The answer is kept below ``folders.root`` (where that exists) until QEMU, a kernel or the processor changes; a
    negative one until the next boot at most, because what is cured in the firmware shows in none of them.
    Raises :class:`HypervisorError` when ``kvm`` is requested and does not work.
    """
    if requested == "qemu":
        return Accelerator("qemu", "virt_type is qemu")
    found = _usable(folders, image)
    if requested == "kvm" and found.virt_type != "kvm":
        raise HypervisorError(f"virt_type is kvm, and KVM does not work: {found.reason}. Set it to auto, or cure KVM.")
    return found


def _usable(folders: Folders, image: StoredImage | None) -> Accelerator:
    if not DEVICE.exists():
        return Accelerator(
            "qemu", f"there is no {DEVICE}: the processor's virtualization is off, or the kernel lacks KVM"
        )
    if not os.access(DEVICE, os.R_OK | os.W_OK):
        return Accelerator("qemu", f"{DEVICE} may not be opened: run as root, or as a member of the group kvm")
    programs.check_programs([programs.EMULATOR])
    kernel = image.kernel if image and image.kernel else host_kernel()
    digest = sha256_file(kernel) if kernel else image.digest if image else ""
    key, cache = _key(digest), folders.root / "accelerator.json"
    known = _read(cache, key)
    if known:
        return known
    found = _try_kernel(kernel) if kernel else _try_disk(image.disk) if image else _try_firmware()
    if folders.root.is_dir():
        write_whole(cache, json.dumps({"key": key, "boot": _boot(found), **asdict(found)}).encode(), mode=0o644)
    return found


def host_kernel(boot: Path = Path("/boot")) -> Path | None:
    """A kernel of the machine: the running one's file, else the newest."""
    running = boot / f"vmlinuz-{os.uname().release}"
    if running.is_file():
        return running
    kernels = sorted(boot.glob("vmlinuz-*"), key=lambda path: path.stat().st_mtime)
    return kernels[-1] if kernels else None


def _key(started: str) -> str:
    """Digest of all that the answer depends on; *started*: the digest of what is started to find it."""
    emulator = programs.find(programs.EMULATOR)
    status = os.stat(emulator) if emulator else None
    version = [status.st_size, status.st_mtime_ns] if status else []
    parts = [version, os.uname().release, os.uname().version, _processor(), started]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _processor() -> list[str]:
    """Model and features of the first processor; clock rates change all the time."""
    wanted = ("model name", "microcode", "flags", "Features")
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n", 1)[0].splitlines()
    return [line for line in lines if line.startswith(wanted)]


def _read(cache: Path, key: str) -> Accelerator | None:
    try:
        entry = json.loads(cache.read_bytes())
        known = Accelerator(entry["virt_type"], entry["reason"])
        return known if entry["key"] == key and entry["boot"] == _boot(known) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _boot(found: Accelerator) -> str:
    """The boot that *found* is valid for; empty for any."""
    return processes.boot() if found.virt_type == "qemu" else ""


def _try_kernel(kernel: Path) -> Accelerator:
    began = time.monotonic()
    output, _hung = _run(["-kernel", str(kernel), "-append", "console=ttyS0 panic=-1"], KERNEL_SECONDS)
    if _BOOTED.search(output):
        return Accelerator("kvm", f"{kernel.name} booted on KVM in {time.monotonic() - began:.1f} s")
    return Accelerator("qemu", f"{kernel.name} did not boot on KVM: {why(output, KERNEL_SECONDS)}")


def _try_disk(disk: Path) -> Accelerator:
    """What the system on *disk* writes there is thrown away. It has to come up on the serial console."""
    began = time.monotonic()
    drive = f"file={str(disk).replace(',', ',,')},format=qcow2,if=virtio,snapshot=on"
    output, _hung = _run(["-drive", drive], DISK_SECONDS)
    if _BOOTED.search(output):
        return Accelerator("kvm", f"the guest's image booted on KVM in {time.monotonic() - began:.1f} s")
    return Accelerator("qemu", f"the guest's image did not boot on KVM: {why(output, DISK_SECONDS)}")


def _try_firmware() -> Accelerator:
    """Without a kernel at hand only a failure is a proof."""
    output, still_running = _run([], FIRMWARE_SECONDS)
    if still_running:
        return Accelerator("kvm", "QEMU's firmware runs on KVM; no kernel was at hand to prove more")
    return Accelerator("qemu", f"QEMU's firmware does not run on KVM: {why(output, FIRMWARE_SECONDS)}")


def why(output: bytes, seconds: float) -> str:
    """What QEMU (or the kernel in it) said last that tells why; its dumps of registers do not. Pure."""
    said = (line.strip() for line in plain(output.decode(errors="replace")).splitlines())
    lines = [line for line in said if line and not _ENDED.search(line)]
    telling = [line for line in lines if _TELLING.search(line)]
    if telling:
        return telling[0].removeprefix(f"{programs.EMULATOR}: ")
    return f"the last line within {seconds:g} s was {lines[-1]!r}" if lines else f"no output within {seconds:g} s"


def _run(boot: list[str], seconds: float) -> tuple[bytes, bool]:
    """(output, whether it still ran at the end) of a virtual machine as guests have it.

    timeout(1) ends QEMU even if we are killed meanwhile.
    """
    machine = ["-accel", "kvm", "-cpu", "host", "-smp", "2", "-m", "512", "-nodefaults", "-display", "none"]
    argv = [programs.EMULATOR, *machine, "-serial", "stdio", "-no-reboot", "-sandbox", "on", *boot]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            ["timeout", "--kill-after=2", f"{seconds:g}", *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=programs.ENVIRONMENT,
            cwd="/",
        )
        try:
            return _watch(process, log)
        finally:
            process.terminate()
            process.wait()


def _watch(process: subprocess.Popen[bytes], log: IO[bytes]) -> tuple[bytes, bool]:
    while True:
        status = process.poll()
        output = os.pread(log.fileno(), 1 << 20, 0)
        if status is not None:
            return output, status in (124, 137)
        if _BOOTED.search(output) or _GAVE_UP.search(output):
            return output, False
        time.sleep(0.05)
