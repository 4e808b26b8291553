# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build contexts: a folder as a tar archive that is equal for equal content, and its digest.

Time stamps and owners do not count and are fixed; of the mode only the executable bit counts, as in git. So a fresh
checkout, under any umask, has the digest of the old one. Nothing is held in memory but one chunk.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..declare.compose import Build
from ..errors import ImageError

#: 1980-01-02, the first day that a zip archive can say in every time zone; in seconds since 1970.
EPOCH = 315619200

#: Where the Dockerfile goes in the archive; it and the files of the context stay apart.
DOCKERFILE = ".strata.dockerfile"

_IGNORE = ".dockerignore"
_CHUNK = 1 << 20
_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A build context. ``paths``: of its files, folders and links that are not ignored, sorted.

    ``dockerfile`` and ``ignore``: what the Dockerfile and ``.dockerignore`` say. ``where``: the Dockerfile's path, for
    messages.
    """

    folder: Path
    paths: tuple[str, ...]
    dockerfile: str
    where: str
    ignore: str

    def archive(self) -> Iterator[bytes]:
        """The chunks of the tar archive. Raises :class:`ImageError` for what cannot be read."""
        yield from self._files()
        yield from _end(self.dockerfile)

    def archive_of(self, digested: str, build: Build, sources: Mapping[str, str], dockerfile: str) -> Iterator[bytes]:
        """The chunks of the archive with another *dockerfile*, if :meth:`digest` of what they hold is *digested*.

        Else :class:`ImageError`, raised before the last of them, so that no engine takes what it got for a context.
        """
        digest = _begun(build, sources)
        for chunk in self._files():
            digest.update(chunk)
            yield chunk
        for chunk in _end(self.dockerfile):
            digest.update(chunk)
        if digest.hexdigest() != digested:
            raise ImageError(f"build context {self.folder} changed while the run was under way. Run again.")
        yield from _end(dockerfile)

    def _files(self) -> Iterator[bytes]:
        """All of the archive before the Dockerfile.

        The ignore file in it hides the Dockerfile of ours from ``COPY``, as the engine has it: what it names goes
        when the Dockerfile has been read.
        """
        for path in self.paths:
            yield from _entry(self.folder / path, path)
        yield from _text(_IGNORE, self.ignore)

    def digest(self, build: Build, sources: Mapping[str, str]) -> str:
        """SHA-256, as hex, of all that decides what is built: the archive, the options of *build*, and *sources*.

        *sources*: what each base image is made from, by reference; a changed base makes another digest.
        """
        digest = _begun(build, sources)
        for chunk in self.archive():
            digest.update(chunk)
        return digest.hexdigest()


def open_context(build: Build) -> Context:
    """The context of *build*, its ``.dockerignore`` obeyed. Raises :class:`ImageError` for what is not there."""
    folder = Path(build.context)
    if not folder.is_dir():
        raise ImageError(f"build context {folder}: {'is not a folder' if folder.exists() else 'no such folder'}.")
    where, dockerfile = _dockerfile(folder, build)
    ignore = _ignore(folder, build)
    hidden = [DOCKERFILE] if (folder / _IGNORE).exists() else [DOCKERFILE, _IGNORE]
    return Context(
        folder=folder,
        paths=_paths(folder, ignore),
        dockerfile=dockerfile,
        where=where,
        ignore="\n".join([*ignore.split("\n"), *hidden, ""]).lstrip("\n"),
    )


def _begun(build: Build, sources: Mapping[str, str]) -> hashlib._Hash:
    """The digest of all that counts beside the archive, which goes on with that."""
    options = {
        "args": dict(build.args),
        "labels": dict(build.labels),
        "sources": dict(sources),
        "target": build.target,
    }
    return hashlib.sha256(json.dumps(options, sort_keys=True).encode())


def _dockerfile(folder: Path, build: Build) -> tuple[str, str]:
    """Path, for messages, and text of the Dockerfile."""
    if build.dockerfile_inline is not None:
        return f"{folder}: dockerfile_inline", build.dockerfile_inline
    path = Path(os.path.normpath(folder / build.dockerfile))
    try:
        return str(path), path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ImageError(f"{path}: not a Dockerfile: it is not text in UTF-8.") from None
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}. Give its place in build.dockerfile.") from error


def _ignore(folder: Path, build: Build) -> str:
    """Text of the ignore file: ``<Dockerfile>.dockerignore`` where there is one, else that of the context."""
    candidates = [folder / _IGNORE]
    if build.dockerfile_inline is None:
        candidates.insert(0, folder / f"{build.dockerfile}{_IGNORE}")
    for path in candidates:
        if path.is_file():
            with _readable(path):
                return path.read_text(encoding="utf-8")
    return ""


def _paths(folder: Path, ignore: str) -> tuple[str, ...]:
    """Paths below *folder* that no pattern of *ignore* excludes; neither the ignore file itself nor sockets."""
    from docker.utils.build import Pattern, PatternMatcher
    from docker.utils.fnmatch import fnmatchcase

    class CaseSensitive(Pattern):
        """The SDK's own folds case, which the Docker CLI does not."""

        def match(self, filepath: str) -> bool:
            return bool(fnmatchcase(filepath, self.cleaned_pattern))

    matcher = PatternMatcher([])
    lines = (line.strip() for line in ignore.splitlines())
    patterns = [CaseSensitive(line) for line in lines if line and not line.startswith("#")]
    matcher.patterns = [pattern for pattern in patterns if pattern.dirs]
    try:
        found = sorted(matcher.walk(str(folder)))
    except OSError as error:
        raise ImageError(f"{error.filename}: cannot be read: {error.strerror}. List it in .dockerignore.") from error
    sent = (path for path in found if path not in (_IGNORE, DOCKERFILE))
    return tuple(path for path in sent if not stat.S_ISSOCK(os.lstat(folder / path).st_mode))


def _entry(path: Path, name: str) -> Iterator[bytes]:
    """Header and content of the file, folder or symbolic link *path*."""
    with _readable(path):
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode):
            yield from _member(_info(name, tarfile.DIRTYPE, mode=0o755))
        elif stat.S_ISLNK(status.st_mode):
            yield from _member(_info(name, tarfile.SYMTYPE, mode=0o777, target=os.readlink(path)))
        elif stat.S_ISREG(status.st_mode):
            mode = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
            with path.open("rb") as stream:
                chunks = iter(partial(stream.read, _CHUNK), b"")
                yield from _member(_info(name, tarfile.REGTYPE, mode=mode, size=status.st_size), chunks)
        else:
            raise ImageError(f"{path}: neither file, folder nor symbolic link. List it in .dockerignore.")


def _end(dockerfile: str) -> Iterator[bytes]:
    yield from _text(DOCKERFILE, dockerfile)
    yield _END


def _text(name: str, text: str) -> Iterator[bytes]:
    content = text.encode()
    yield from _member(_info(name, tarfile.REGTYPE, size=len(content)), [content] if content else [])


def _info(name: str, kind: bytes, *, mode: int = 0o644, size: int = 0, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.size, info.linkname, info.mtime = kind, mode, size, target, EPOCH
    return info


def _member(info: tarfile.TarInfo, content: Iterable[bytes] = ()) -> Iterator[bytes]:
    """A member of the archive, padded to whole blocks. A file that changes its size meanwhile would spoil the rest."""
    yield info.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
    written = 0
    for chunk in content:
        written += len(chunk)
        yield chunk
    if written != info.size:
        raise ImageError(f"{info.name}: changed while the build context was read. Run again.")
    if padding := -written % _BLOCK:
        yield bytes(padding)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ImageError(
            f"{path}: cannot be read: {error.strerror}. Change its mode, or list it in .dockerignore."
        ) from error
    except UnicodeDecodeError as error:
        raise ImageError(f"{path}: it is not text in UTF-8.") from error
