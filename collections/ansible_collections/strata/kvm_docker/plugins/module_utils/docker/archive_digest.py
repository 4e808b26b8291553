# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a tar stream, for comparing two trees of files."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable, Iterator
from typing import Any

_BLOCK = 1024 * 1024


def entries(chunks: Iterable[bytes]) -> frozenset[tuple[str, str]]:
    """(path, digest of kind, mode, owner, link and content) of every entry of the tar stream of *chunks*."""
    with tarfile.open(fileobj=io.BufferedReader(_Stream(iter(chunks)), _BLOCK), mode="r|") as archive:
        return frozenset((entry.name, _digest(archive, entry)) for entry in archive)


def _digest(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> str:
    facts = (entry.type, entry.mode, entry.uid, entry.gid, entry.linkname, entry.devmajor, entry.devminor)
    digest = hashlib.sha256(repr(facts).encode())
    content = archive.extractfile(entry) if entry.isreg() else None
    while content and (block := content.read(_BLOCK)):
        digest.update(block)
    return digest.hexdigest()


class _Stream(io.RawIOBase):
    """Chunks as a file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            try:
                self._rest = next(self._chunks)
            except StopIteration:
                return 0
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
