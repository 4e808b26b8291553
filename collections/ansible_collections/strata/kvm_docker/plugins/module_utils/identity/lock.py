# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock of an environment: every outside input by digest, in a file that lies beside the declaration.

Equal locks are equal bytes: the file is YAML with sorted keys. What is not known yet (an image that nobody built) is
left out of it and compared with nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..declare.environment import Written
from ..declare.scalars import Sha256, Text
from ..declare.words import location, message, shown
from ..declare.yaml_file import YamlFile, read_yaml
from ..errors import DeclarationError, LockError, MovedError
from .move import Move

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SUFFIX = ".lock"
_DECLARATIONS = (".yml", ".yaml")
_HEADER = (
    "# Every outside input of the environment by digest, for the same environment on every machine.\n"
    "# Commit it. Written by `strata lock` and by the option lock of the module environment: see docs/lock.md.\n"
)
_ADVICE = "Correct it or take it from version control, or make it anew: delete it, then run strata lock."


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedGuestImage(Written):
    """``recipe``: digest of the recipe, or of the source's file. ``suite`` and ``mirror``: of a recipe.

    ``content``: digest of what the recipe led to. ``files``: SHA-256 of disk, kernel and initrd. ``engine``: packages
    that make up the Docker engine, ``packages``: all others, each with its version.
    """

    recipe: Sha256
    suite: Text | None = None
    mirror: Text | None = None
    content: Sha256 | None = None
    files: Mapping[str, Sha256] | None = None
    engine: Mapping[str, Text] | None = None
    packages: Mapping[str, Text] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedContainerImage(Written):
    """``source``: where it comes from. ``recipe``: digest, of one made from packages. ``platform``: ``linux/amd64``.

    ``manifest``: digest that its registry, or the OCI archive, knows it by; of several platforms that of the index.
    ``config``: digest of its configuration. ``layers``: the diffIDs in it.
    """

    source: Literal["archive", "packages", "registry"]
    recipe: Sha256 | None = None
    manifest: Sha256 | None = None
    config: Sha256 | None = None
    layers: tuple[Sha256, ...] | None = None
    platform: Text | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedBuild(Written):
    """``context``: digest of files, options and what the bases are made from. ``bases``: references of those."""

    context: Sha256
    bases: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock(Written):
    """``guest_images``: by name. ``container_images``: by reference. ``builds``: by guest and reference.

    ``files``: SHA-256 of Compose files and configs, by path from the declaration's folder. ``env_files``: names of the
    variables in files that may hold secrets.
    """

    version: Literal[1] = 1
    guest_images: Mapping[str, LockedGuestImage] = field(default_factory=dict)
    container_images: Mapping[str, LockedContainerImage] = field(default_factory=dict)
    builds: Mapping[str, Mapping[str, LockedBuild]] = field(default_factory=dict)
    files: Mapping[str, Sha256] = field(default_factory=dict)
    env_files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def lock_path(declaration: Path) -> Path:
    """Beside *declaration*, with ``.lock`` in place of ``.yml`` or ``.yaml``."""
    if declaration.suffix in _DECLARATIONS:
        return declaration.with_suffix(SUFFIX)
    return declaration.with_name(declaration.name + SUFFIX)


def compare(locked: Lock, now: Lock) -> list[Move]:
    """Everything that is not as it was locked, in the order of its paths."""
    return list(_moves((), locked, now))


def _moves(path: tuple[str, ...], locked: Any, now: Any) -> Iterator[Move]:
    if locked is None or now is None or locked == now:
        return
    if is_dataclass(locked):
        for name in sorted(each.name for each in fields(locked)):
            yield from _moves((*path, name), getattr(locked, name), getattr(now, name))
    elif isinstance(locked, Mapping):
        for key in sorted(locked.keys() | now.keys()):
            if key in locked and key in now:
                yield from _moves((*path, key), locked[key], now[key])
            else:
                yield Move(path=(*path, key), locked=plain(locked.get(key)), now=plain(now.get(key)))
    else:
        yield Move(path=path, locked=plain(locked), now=plain(now))


def plain(part: Any) -> Any:
    """*part* of a lock as mappings with sorted keys, lists and text, without what is not known."""
    if is_dataclass(part):
        known = {each.name: getattr(part, each.name) for each in fields(part)}
        return plain({name: value for name, value in known.items() if value is not None})
    if isinstance(part, Mapping):
        return {key: plain(part[key]) for key in sorted(part)}
    return [plain(item) for item in part] if isinstance(part, tuple) else part


def unknown(lock: Lock) -> list[str]:
    """Dotted paths of what *lock* leaves open: images that nobody had made or asked a registry for at that time."""
    guests = (f"guest_images.{name}.content" for name, image in lock.guest_images.items() if not image.content)
    images = (
        f"container_images.{name}.{'manifest' if image.source == 'registry' else 'config'}"
        for name, image in lock.container_images.items()
        if not image.config and not (image.manifest and image.source == "registry")
    )
    return sorted((*guests, *images))


def text_of(lock: Lock) -> str:
    """The lock as its file has it."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style, yaml.width, yaml.allow_unicode = False, 1 << 20, True
    stream = StringIO()
    yaml.dump({key: part for key, part in plain(lock).items() if part != {}}, stream)
    return _HEADER + stream.getvalue()


def read_lock(path: Path) -> Lock | None:
    """The lock in the file *path*, ``None`` where there is none. Raises :class:`LockError` for one that is damaged."""
    if not path.exists():
        return None
    try:
        yaml, problems = read_yaml(path)
    except DeclarationError as error:
        raise _damaged([str(problem) for problem in error.problems]) from error
    if problems:
        raise _damaged([str(problem) for problem in problems])
    return _validated(yaml)


def _validated(yaml: YamlFile) -> Lock:
    from pydantic import ValidationError

    tree = yaml.tree
    if not isinstance(tree, dict):
        raise _damaged([str(yaml.problem((), "it must be a mapping with version and what is locked"))])
    version = tree.get("version")
    if version != 1 or isinstance(version, bool):
        wrong = yaml.problem(("version",), f"it must be 1; it is {shown(version)}")
        raise LockError(
            f"{wrong}\nUse the release of Strata that wrote it, or make it anew: delete it, then run strata lock."
        )
    try:
        return _adapter().validate_json(json.dumps(tree))
    except ValidationError as error:
        details = error.errors(include_url=False)
    raise _damaged(sorted(str(yaml.problem(location(detail), message(detail, Lock))) for detail in details))


@cache
def _adapter() -> TypeAdapter[Lock]:
    from pydantic import TypeAdapter

    return TypeAdapter(Lock)


def _damaged(problems: list[str]) -> LockError:
    return LockError("\n".join([*problems, _ADVICE]))


def refuse_moved(path: Path, locked: Lock, now: Lock) -> None:
    """Raise :class:`MovedError`, with all that moved, where *now* is not what *locked*, of the file *path*, says."""
    moves = compare(locked, now)
    if moves:
        listed = "\n".join(f"  {move}" for move in moves)
        count = "1 input is" if len(moves) == 1 else f"{len(moves)} inputs are"
        raise MovedError(
            f"{path}: {count} not as locked:\n{listed}\n"
            "Put it back as it was, or agree to it with lock: update (strata lock).",
            moves=tuple(moves),
        )
