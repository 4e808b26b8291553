# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pipes to and from the program ``zstd``."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from ..errors import ImageError


@contextmanager
def compressing(target: Path) -> Iterator[IO[bytes]]:
    """What is written to the stream comes to the file *target*, compressed."""
    with _zstd(("-T0", "-3", "-f", "-o", str(target)), target, "stdin") as stream:
        yield stream


@contextmanager
def decompressing(source: Path) -> Iterator[IO[bytes]]:
    """The stream has the content of the compressed file *source*."""
    with _zstd(("-dc", str(source)), source, "stdout") as stream:
        yield stream


@contextmanager
def _zstd(options: tuple[str, ...], about: Path, end: str) -> Iterator[IO[bytes]]:
    """The *end* of ``zstd`` that is ours; raises :class:`ImageError` where the program fails."""
    if shutil.which("zstd") is None:
        raise ImageError("zstd is missing. Install the Debian package: apt-get install zstd")
    process = subprocess.Popen(
        ("nice", "zstd", "-q", *options),
        stdin=subprocess.PIPE if end == "stdin" else subprocess.DEVNULL,
        stdout=subprocess.PIPE if end == "stdout" else None,
        stderr=subprocess.PIPE,
    )
    stream = process.stdin or process.stdout
    if stream is None or process.stderr is None:
        raise AssertionError("a pipe is missing")
    through = False
    try:
        with suppress(BrokenPipeError):
            yield stream
        through = True
    finally:
        if not through:
            process.terminate()
        with suppress(BrokenPipeError):
            stream.close()
        said = process.stderr.read().decode(errors="replace").strip().partition("\n")[0]
        process.stderr.close()
        status = process.wait()
    if status:
        raise ImageError(f"{about}: {said or f'zstd ended with {status}'}. Free some space, or export it again.")
