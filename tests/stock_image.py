# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Debian 13's cloud image ``genericcloud`` with Docker, where the published one cannot be fetched.

It is made of Debian's own packages as they come, untrimmed: those that ``debian-cloud-images-packages`` of Debian 13
depends on, less the kernel and tools of single providers, and ``docker.io``. As there: a GUID partition table with a
BIOS boot partition, an EFI system partition and an ext4 root that grows, GRUB, ``initramfs-tools`` with
``MODULES=most``, a console on ttyS0. What is not: GRUB's file is written here instead of by ``update-grub``, nothing is
on the EFI system partition (it starts by BIOS only) and a loaded machine has longer to find it, and apt has no sources.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.digests import sha256_file
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.dpkg_status import read_status
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_tree import remove
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.mmdebstrap import Bootstrap, bootstrap

_PACKAGES = """
    apparmor apt-listchanges apt-utils bash-completion bind9-host ca-certificates cloud-guest-utils cloud-init
    cloud-initramfs-growroot curl dbus dosfstools ethtool grub-cloud-amd64 init initramfs-tools iptables iputils-ping
    less libnss-myhostname libnss-resolve libpam-systemd linux-image-cloud-amd64 linux-sysctl-defaults man-db manpages
    nano netbase netplan.io openssh-server pciutils polkitd psmisc reportbug screen socat ssh-import-id sudo
    systemd-resolved systemd-timesyncd tcpdump traceroute udev unattended-upgrades uuid-runtime vim vim-tiny whiptail
    xz-utils zstd
    docker.io docker-cli
"""

_ROOT = "9d0f2b6e-5a0c-4c1e-8a57-3c8f6f1d2e40"
_ROOT_PARTITION = "1b3a9c52-7f64-4d0a-b1f9-6a2d8e5c4f13"
_ESP = "5F1C-2A7B"
_SECTOR = 512
_MIB = 1024**2
_SIZE = 3072 * _MIB
_BIOS_START, _ESP_START, _ROOT_START = 2048, 8192, 262144
_ROOT_SECTORS = _SIZE // _SECTOR - _ROOT_START - 2048

_TABLE = f"""\
label: gpt
14: start={_BIOS_START}, size={_ESP_START - _BIOS_START}, type=21686148-6449-6E6F-744E-656564454649
15: start={_ESP_START}, size={_ROOT_START - _ESP_START}, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
1: start={_ROOT_START}, size={_ROOT_SECTORS}, type=L, uuid={_ROOT_PARTITION}
"""

_GRUB = """\
serial --speed=115200
terminal_input console serial
terminal_output console serial
search --no-floppy --fs-uuid --set=root {root}
set timeout=0
menuentry 'Debian GNU/Linux' {{
    echo 'Loading Linux {release} ...'
    linux /boot/vmlinuz-{release} root=PARTUUID={partition} ro console=tty0 console=ttyS0,115200 \
earlyprintk=ttyS0,115200 consoleblank=0
    echo 'Loading initial ramdisk ...'
    initrd /boot/initrd.img-{release}
}}
"""

_FILES = {
    "etc/fstab": (
        f"UUID={_ROOT} / ext4 rw,discard,errors=remount-ro,x-systemd.growfs 0 1\n"
        f"UUID={_ESP} /boot/efi vfat defaults,x-systemd.device-timeout=10min 0 0\n"
    ),
    "etc/hostname": "localhost\n",
    "etc/machine-id": "",
    "etc/default/locale": "LANG=C.UTF-8\n",
    "etc/cloud/cloud.cfg.d/01_debian_cloud.cfg": "manage_etc_hosts: true\n",
    "etc/modprobe.d/blacklist.conf": "blacklist pcspkr\nblacklist floppy\n",
}
_REMOVED = (
    "etc/apt/sources.list",
    "etc/ssh/ssh_host_*",
    "var/cache/apt/*.bin",
    "var/lib/apt/lists/*",
    "var/lib/dbus/machine-id",
    "var/log/*.log",
    "var/log/apt/*",
)


def stock_image(folders: Folders) -> Path:
    """The image as a qcow2 file in the store of *folders*, made first where it is not there (two minutes).

    What is in this file decides what it holds, beside the state of the mirror.
    """
    recipe = sha256_file(Path(__file__))
    with image_store.making(folders, recipe) as staging:
        present = image_store.resolve(folders, recipe)
        if present:
            return present.disk
        tree, raw = staging / "tree", staging / "disk.raw"
        what = Bootstrap(suite="trixie", packages=tuple(_PACKAGES.split()), variant="minbase")
        bootstrap(what, tree, lambda message, fraction: None)
        packages = {name: package.version for name, package in read_status(tree).items()}
        _dress(tree)
        _make_disk(tree, raw)
        _run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, staging / image_store.DISK)
        raw.unlink()
        shutil.rmtree(tree)
        return image_store.store(folders, recipe, staging, packages=packages).disk


def _dress(tree: Path) -> None:
    remove(tree, _REMOVED)
    (tree / "boot/efi").mkdir()
    for path, content in _FILES.items():
        (tree / path).write_text(content)
    (kernel,) = (tree / "boot").glob("vmlinuz-*")
    release = kernel.name.removeprefix("vmlinuz-")
    shutil.copytree(tree / "usr/lib/grub/i386-pc", tree / "boot/grub/i386-pc")
    (tree / "boot/grub/grub.cfg").write_text(_GRUB.format(root=_ROOT, partition=_ROOT_PARTITION, release=release))


def _make_disk(tree: Path, raw: Path) -> None:
    """Write *tree* to the disk *raw* without any mount; Debian 13's own tools, in *tree*, make it startable."""
    inside = tree / raw.name
    with inside.open("wb") as stream:
        stream.truncate(_SIZE)
    _run("chroot", tree, "sfdisk", "--quiet", f"/{raw.name}", text=_TABLE)
    esp = (
        f"--offset={_ESP_START}",
        "-F",
        "16",
        "-i",
        _ESP.replace("-", ""),
        f"/{raw.name}",
        str((_ROOT_START - _ESP_START) // 2),
    )
    _run("chroot", tree, "mkfs.vfat", *esp)
    core = "boot/grub/i386-pc/core.img"
    image = ("--format=i386-pc", "--prefix=(hd0,gpt1)/boot/grub", f"--output=/{core}")
    _run("chroot", tree, "grub-mkimage", *image, "biosdisk", "part_gpt", "ext2")
    inside.rename(raw)
    _embed(raw, (tree / "boot/grub/i386-pc/boot.img").read_bytes(), (tree / core).read_bytes())
    place = ("-E", f"offset={_ROOT_START * _SECTOR},root_owner=0:0")
    _run("mke2fs", "-q", "-F", "-t", "ext4", "-U", _ROOT, *place, "-d", tree, raw, f"{_ROOT_SECTORS // 2}k")


def _embed(disk: Path, boot: bytes, core: bytes) -> None:
    """What grub-bios-setup(8) does to a disk that it can see: *boot* into the first sector, which loads the first
    sector of *core* from the BIOS boot partition, which loads the rest (include/grub/i386/pc/boot.h).
    """
    assert len(core) < (_ESP_START - _BIOS_START) * _SECTOR
    first, whole = bytearray(boot[:_SECTOR]), bytearray(core)
    struct.pack_into("<Q", first, 0x5C, _BIOS_START)
    first[0x66:0x68] = b"\x90\x90"  # trust the BIOS about the drive that it starts from
    rest = -(-(len(core) - _SECTOR) // _SECTOR)
    struct.pack_into("<QHH", whole, _SECTOR - 12, _BIOS_START + 1, rest, 0x820)
    with disk.open("r+b") as stream:
        table = stream.read(_SECTOR)
        first[0x1B8:] = table[0x1B8:]
        stream.seek(0)
        stream.write(first)
        stream.seek(_BIOS_START * _SECTOR)
        stream.write(whole)


def _run(*argv: str | Path, text: str = "") -> None:
    environment = {**os.environ, "PATH": f"/usr/sbin:/sbin:{os.environ['PATH']}"}
    done = subprocess.run(("nice", *argv), input=text, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
