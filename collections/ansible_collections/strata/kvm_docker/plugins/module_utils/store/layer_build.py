# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes an engine layer: the image's own kernel and engine, on a fresh overlay, with a shell as the first process.

No systemd, network, name, key or seed is there while it runs, so nothing of one machine can come into a layer; of what
the engine itself makes, only its images stay.
"""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ..bound import bound
from ..docker.archive import ArchivedImage
from ..docker.image_marks import layer_mark
from ..errors import ImageError
from ..folders import Folders
from ..guest.files import free_space
from ..guest.image_store import DISK, Report, StoredImage, making, require_space, resolve
from ..kvm import programs
from ..kvm.domain_xml import EMULATED_FEATURES
from ..kvm.guest_spec import EMULATED
from .engine_layer import LayerRequest, ids
from .layers import StoredLayer, backing_name, find_layer, layer_digest, store_layer, verify

#: Letters of virtio disks beside the root and the script.
MOST_IMAGES = 24
_MEMORY = "1024"
_SECTOR = 512
#: Bytes; a file system with less is full.
_FULL = 16 * 1024**2
#: Seconds of the start and end, and for each MiB to load on an emulated processor of a busy machine.
_TIMEOUT, _TIMEOUT_MIB = 300, 2
_DONE, _LOADED = "strata-layer: done", "strata-layer: loaded"

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
until [ -S /run/containerd/containerd.sock ]; do kill -0 $containerd; sleep 0.2; done
dockerd --containerd=/run/containerd/containerd.sock --bridge=none --iptables=false --ip6tables=false \\
    --ip-forward=false --ip-masq=false > /run/dockerd.log 2>&1 &
dockerd=$!
until [ -S /run/docker.sock ]; do kill -0 $dockerd; sleep 0.2; done
"""
_LOAD = """\
found=$(docker load --quiet < {device})
[ "$found" = "Loaded image ID: {id}" ] || {{ echo "$found, not {id}"; exit 1; }}
docker tag {id} {mark}
echo "{loaded} {number}"
"""
_END = """\
kill $dockerd; wait $dockerd || :
kill $containerd; wait $containerd || :
cd /var/lib/docker
for each in * .[!.]*; do case $each in image|overlay2) ;; *) rm -rf "./$each" ;; esac; done
rm -rf overlay2/backingFsBlockDev /var/lib/containerd
cd /
fstrim /
mount -o remount,ro /
echo "{done}"
echo o > /proc/sysrq-trigger
sleep 60
"""


def build_layer(request: LayerRequest, folders: Folders, report: Report) -> StoredLayer:
    """The layer for *request* from the store, made first where it is not there. Raises :class:`ImageError`."""
    base, archived = resolve(folders, request.recipe), request.archived()
    if base is None or not (base.kernel and base.initrd):
        raise ImageError("its image is not in the store, or has no kernel of ours. Run again.")
    if len(archived) > MOST_IMAGES:
        raise ImageError(
            f"{len(archived)} images are to be preloaded, {MOST_IMAGES} at most can be. Leave preload out."
        )
    digest = layer_digest(base.digest, ids(archived))
    with making(folders, digest, report) as staging:
        present = find_layer(folders, digest)
        if present:
            return present
        size = sum(image.archive.stat().st_size for image in archived.values())
        require_space(folders, 5 * size, "Making an engine layer")
        verify(base.disk.parent)
        with _full_told(folders):
            work = _work(staging, base, archived, report)
            _run(_command(base, work, request.virt_type), _TIMEOUT + _TIMEOUT_MIB * (size >> 20), len(archived), report)
            report("storing the layer", 0.95)
            options = ("-O", "qcow2", "-B", backing_name(base.digest), "-F", "qcow2")
            _qemu_img("convert", "-f", "qcow2", *options, str(work[0]), str(staging / DISK))
            for path in work:
                path.unlink()
            return store_layer(folders, staging, base.digest, ids(archived), request.digest)


@contextmanager
def _full_told(folders: Folders) -> Iterator[None]:
    """Where something fails and the store's file system is full, that is the news: the guest tells only of a disk that
    does not take what is written."""
    try:
        yield
    except (ImageError, OSError) as error:
        if free_space(folders.images) < _FULL:
            raise ImageError(f"no space is left below {folders.images}. Free some and run again.") from error
        raise


def script(archived: Mapping[str, ArchivedImage]) -> str:
    """What the shell runs; the archive of each image is on a disk of its own, from ``/dev/vdc`` on. Pure."""
    loads = (
        _LOAD.format(
            device=f"/dev/vd{chr(ord('c') + number)}",
            id=shlex.quote(image.image_id),
            mark=layer_mark(source),
            loaded=_LOADED,
            number=number + 1,
        )
        for number, (source, image) in enumerate(archived.items())
    )
    return "".join((_BEGIN, *loads, _END.format(done=_DONE)))


def _work(staging: Path, base: StoredImage, archived: Mapping[str, ArchivedImage], report: Report) -> list[Path]:
    """The disks in their order: the overlay, the script, and the images without names."""
    overlay, script_disk = staging / "work.qcow2", staging / "script"
    _qemu_img("create", "-f", "qcow2", "-b", backing_name(base.digest), "-F", "qcow2", str(overlay))
    content = script(archived).encode()
    script_disk.write_bytes(content + b"\n" * (-len(content) % _SECTOR))
    disks = [overlay, script_disk]
    for number, image in enumerate(archived.values()):
        disks.append(staging / f"image-{number}.tar")
        with disks[-1].open("wb") as stream:
            stream.writelines(image.untagged())
        report("copying images", 0.1 * (number + 1) / len(archived))
    return disks


def _command(base: StoredImage, disks: list[Path], virt_type: str) -> list[str]:
    """Two processors, as a guest of one would have (see :mod:`..kvm.guest_spec`). It ends where its kernel panics, as
    when the script fails."""
    kvm = virt_type == "kvm"
    cpu = "host" if kvm else ",".join(("qemu64", *(f"+{name}" for name in EMULATED_FEATURES)))
    cmdline = " ".join(filter(None, (base.cmdline, "" if kvm else EMULATED, "panic=-1 init=/bin/sh -- /dev/vdb")))
    machine = ["-accel", "kvm" if kvm else "tcg", "-cpu", cpu, "-smp", "2", "-m", _MEMORY, "-nodefaults"]
    quiet = ["-display", "none", "-serial", "stdio", "-no-reboot", "-sandbox", "on"]
    boot = ["-kernel", str(base.kernel), "-initrd", str(base.initrd), "-append", cmdline]
    return [programs.EMULATOR, *machine, *quiet, *boot, *_drives(disks)]


def _drives(disks: list[Path]) -> Iterator[str]:
    for number, path in enumerate(disks):
        form = (
            "format=qcow2,discard=unmap,detect-zeroes=unmap,werror=report" if number == 0 else "format=raw,readonly=on"
        )
        yield from ("-drive", f"if=none,id=disk{number},{form},cache=unsafe,file={str(path).replace(',', ',,')}")
        yield from ("-device", f"virtio-blk-pci,drive=disk{number}")


def _run(argv: list[str], seconds: float, images: int, report: Report) -> None:
    """Run QEMU until the script is through; it dies with us. Raises :class:`ImageError` with the end of its console."""
    programs.check_programs([programs.EMULATOR, "qemu-img"])
    report("starting the engine", 0.1)
    process = subprocess.Popen(
        [*bound("KILL"), "nice", *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=programs.ENVIRONMENT,
        cwd="/",
    )
    console: list[str] = []
    deadline = threading.Timer(seconds, process.kill)
    deadline.start()
    try:
        for line in process.stdout or ():
            console.append(line.decode(errors="replace").rstrip())
            if console[-1].startswith(_LOADED):
                done = int(console[-1].split()[-1])
                report(f"{done} of {images} images loaded", 0.2 + 0.7 * done / images)
    finally:
        late = not deadline.is_alive()
        deadline.cancel()
        process.kill()
        process.wait()
    if _DONE not in console:
        within = f" within {seconds:g} s" if late else ""
        raise ImageError(f"its engine did not load the images{within}:\n" + "\n".join(console[-25:]))


def _qemu_img(*arguments: str) -> None:
    done = subprocess.run(("nice", "qemu-img", *arguments), check=False, capture_output=True, text=True)
    if done.returncode:
        raise ImageError(f"qemu-img {arguments[0]} failed: {done.stderr.strip()}")
