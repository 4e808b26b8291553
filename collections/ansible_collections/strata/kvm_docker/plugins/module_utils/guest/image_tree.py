# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns an installed Debian system into the tree of a guest image: the recipe's files, links and removals."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from . import image_recipe
from .mmdebstrap import EPOCH

_UNITS = "/etc/systemd/system"
_LIBRARY = "/usr/lib/systemd/system"


def dress(tree: Path) -> None:
    """Apply the recipe to the system in the folder *tree*."""
    remove(tree, image_recipe.REMOVED)
    for path, (mode, content) in image_recipe.FILES.items():
        _write(tree, path, mode, content)
    for path, target in _links().items():
        _link(tree, path, target)


def remove(tree: Path, patterns: tuple[str, ...]) -> None:
    """Delete what matches *patterns* below *tree*."""
    for pattern in patterns:
        for path in tree.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def clamp_times(tree: Path) -> None:
    """Have nothing in *tree* be younger than the epoch of all images: times of the build would differ."""
    for folder, folders, files in os.walk(tree, topdown=False):
        for name in (*files, *folders):
            _clamp(os.path.join(folder, name))
    _clamp(str(tree))


def _clamp(path: str) -> None:
    if os.lstat(path).st_mtime > EPOCH:
        os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)


def _links() -> dict[str, str]:
    """Path -> target of every symbolic link: what is masked, what is enabled, and the others."""
    masked = [f"{_UNITS}/{unit}" for unit in image_recipe.MASKED_UNITS]
    masked += [f"/etc/systemd/system-generators/{name}" for name in image_recipe.MASKED_GENERATORS]
    enabled = {f"{_UNITS}/{wanting}.wants/{unit}": unit for unit, wanting in image_recipe.ENABLED.items()}
    return {
        **dict.fromkeys(masked, "/dev/null"),
        **{path: _unit_file(unit) for path, unit in enabled.items()},
        **image_recipe.LINKS,
    }


def _unit_file(unit: str) -> str:
    own = f"{_UNITS}/{unit}"
    return own if own in image_recipe.FILES else f"{_LIBRARY}/{unit}"


def _write(tree: Path, path: str, mode: int, content: str) -> None:
    target = _fresh(tree, path)
    target.write_text(content, encoding="utf-8")
    target.chmod(mode)


def _link(tree: Path, path: str, target: str) -> None:
    _fresh(tree, path).symlink_to(target)


def _fresh(tree: Path, path: str) -> Path:
    """Where *path* is in *tree*, with nothing there; a link would lead out of the tree."""
    target = tree / path.lstrip("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    return target
