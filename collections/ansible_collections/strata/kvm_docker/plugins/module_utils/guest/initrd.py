# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The initial RAM file system of a guest image: one static program and one module, 110 KB.

Debian's kernel for clouds has all that the root file system needs built in but the driver of its disk. The ``init`` of
tiny-initramfs loads it, waits for the disk, mounts it and starts systemd, without udev and without a shell: 14 CPU
seconds less than initramfs-tools on an emulated CPU (measured). Its own ``mktirfs`` puts the time of the build into the
archive, so the archive is written here.
"""

from __future__ import annotations

import lzma
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import ImageError

_INIT = "usr/libexec/tiny-initramfs/init-static"
_DRIVER = "kernel/drivers/block/virtio_blk.ko"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the archive; ``mode`` with its type, as in stat(2)."""

    name: str
    mode: int
    content: bytes = b""


def make_initrd(tree: Path, release: str) -> bytes:
    """The archive for kernel *release*, from what is installed in *tree*."""
    folders = (Entry(name, stat.S_IFDIR | 0o755) for name in ("dev", "proc", "target"))
    init = Entry("init", stat.S_IFREG | 0o755, (tree / _INIT).read_bytes())
    return newc((*folders, init, *_modules(tree / "usr/lib/modules" / release)))


def newc(entries: Iterable[Entry]) -> bytes:
    """A cpio archive as the kernel unpacks it (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    return b"".join(_member(number, entry) for number, entry in enumerate((*entries, Entry("TRAILER!!!", 0)), 1))


def _modules(folder: Path) -> Iterator[Entry]:
    """tiny-initramfs reads ``/modules``: one path of a module a line, uncompressed."""
    name = Path(_DRIVER).name
    yield Entry("modules", stat.S_IFREG | 0o644, f"/{name}\n".encode())
    yield Entry(name, stat.S_IFREG | 0o644, _module(folder / _DRIVER))


def _module(path: Path) -> bytes:
    packed = path.with_name(f"{path.name}.xz")
    if packed.exists():
        return lzma.decompress(packed.read_bytes())
    if path.exists():
        return path.read_bytes()
    raise ImageError(f"the kernel of this suite has no {path.name}: guests could not read their disk.")


def _member(number: int, entry: Entry) -> bytes:
    """Thirteen fields of eight hexadecimal digits, the name, the content; both padded to four bytes."""
    name = entry.name.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.content), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % value for value in fields) + name
    return _padded(head) + _padded(entry.content)


def _padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 4)
