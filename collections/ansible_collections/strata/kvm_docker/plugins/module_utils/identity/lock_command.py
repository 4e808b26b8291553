# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lock without a run: made anew, or compared with what is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..converge import running
from ..declare.environment import Environment
from ..declare.read import read_document
from ..docker import registry
from ..docker.engine import Engine
from ..errors import StrataError, os_errors
from ..folders import Folders
from ..inputs import Inputs
from ..masking import hidden
from ..progress import Progress
from ..requirements import require
from ..resolve import resolve
from .lock import LockedContainerImage
from .lock_engine import look
from .lock_use import LockReport, LockUse


def refresh_lock(declaration: Path, folders: Folders) -> LockReport:
    """Make the lock of *declaration* anew, of what is here and what engines that run tell; nothing else is touched.

    Where no engine is reached, what it would tell stays as it was locked; ``unreached`` of the report says why.
    """
    require("docker", "pydantic", "ruamel.yaml")
    document = read_document(declaration)
    with os_errors(), hidden(document.environment, Progress()):
        lock = LockUse.of(document, declaration, "update", folders)
        resolved = resolve(document.environment, folders)
        found, unreached = _ask_engines(document.environment, resolved, folders)
        report = replace(lock.made(resolved, found), unreached=unreached)
        if report.changed:
            report.write()
    return report


def compare_lock(declaration: Path, folders: Folders) -> LockReport:
    """Compare the lock of *declaration* with what is here; nothing is touched, no engine is asked."""
    require("docker", "pydantic", "ruamel.yaml")
    document = read_document(declaration)
    with os_errors(), hidden(document.environment, Progress()):
        lock = LockUse.of(document, declaration, "require", folders)
        return lock.made(resolve(document.environment, folders), ())


def _ask_engines(
    environment: Environment, inputs: Inputs, folders: Folders
) -> tuple[list[Mapping[str, LockedContainerImage]], str]:
    """What the engines of running guests tell of the images of registries, and why they could not be asked."""
    if not any(image.from_registry for image in inputs.images.values()):
        return [], ""
    try:
        with os_errors(), running(environment, inputs, folders, Progress()) as now:
            return [_ask(engine) for engine in now.engines()], "" if now.guests else "no guest of the environment runs"
    except StrataError as error:
        return [], str(error)


def _ask(engine: Engine) -> Mapping[str, LockedContainerImage]:
    engine.inputs = engine.inputs.following(engine.guest, registry.ask(engine, registry.all_tags))
    return look(engine)
