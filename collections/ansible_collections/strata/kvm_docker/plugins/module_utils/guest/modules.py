# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel modules of a guest image: which are loaded, and that those lie unpacked, as xz is slow on an emulated CPU."""

from __future__ import annotations

import lzma
import subprocess
from collections.abc import Iterable
from pathlib import Path

from ..errors import ImageError

#: What the engine asks the kernel for while it starts, and the network card: loaded together instead of by one
#: ``modprobe`` each, of which some 15 would be started.
LOADED = (
    "virtio_net",
    "overlay",
    "br_netfilter",
    "nf_tables",
    "nft_compat",
    "nft_chain_nat",
    "xt_addrtype",
    "xt_conntrack",
    "xt_MASQUERADE",
    "nf_conntrack_netlink",
    "xfrm_user",
)

#: Other modules that every guest loads; these and :data:`LOADED` are unpacked in the image.
OTHERS = ("autofs4", "button", "crc32c_intel", "ip_tables", "veth", "virtio_balloon", "virtio_rng")

#: Drivers of devices that QEMU's machine has and nobody uses: a controller for IDE (with 0.8 MB of libata and SCSI),
#: input events, QEMU's own configuration.
UNUSED = ("ata_generic", "ata_piix", "evdev", "qemu_fw_cfg")

_PACKED = ".xz"


def unpack_modules(tree: Path, release: str, names: Iterable[str]) -> None:
    """Unpack the modules *names* of kernel *release*, with all that they need, in the system *tree*.

    A name that the kernel has no module for is left out: it may be built in. Raises :class:`ImageError`.
    """
    folder = tree / "usr/lib/modules" / release
    for path in sorted(needed((folder / "modules.dep").read_text(encoding="utf-8"), names)):
        packed = folder / path
        if packed.suffix == _PACKED:
            packed.with_suffix("").write_bytes(lzma.decompress(packed.read_bytes()))
            packed.unlink()
    done = subprocess.run(["chroot", str(tree), "depmod", release], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"the modules of kernel {release} cannot be indexed: {done.stderr.strip()}")


def needed(index: str, names: Iterable[str]) -> frozenset[str]:
    """Paths of the modules *names* and of what they need, by *index* (modules.dep(5)). Pure."""
    entries = dict(_entry(line) for line in index.splitlines())
    paths = {_name(path): path for path in entries}
    wanted = [paths[name] for name in map(_name, names) if name in paths]
    return frozenset(path for one in wanted for path in (one, *entries[one]))


def _entry(line: str) -> tuple[str, list[str]]:
    path, others = line.split(":", 1) if ":" in line else (line, "")
    return path, others.split()


def _name(path: str) -> str:
    """The kernel takes ``-`` and ``_`` for one character."""
    return path.rpartition("/")[2].partition(".")[0].replace("-", "_")
