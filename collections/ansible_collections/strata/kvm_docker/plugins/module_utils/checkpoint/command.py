# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What front ends call: have a checkpoint of an environment as it is declared, go back to it, tell of those there are,
remove them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ..converge import Options, Outcome, opened_run, outcome_of
from ..convergence import Convergence
from ..declare.read import read_identity
from ..errors import CheckpointError, os_errors
from ..folders import Folders
from ..requirements import require
from . import contents
from .store import Checkpoint, Store
from .take import take


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """``checkpoint``: ``None`` in a preview. ``changed``: it was made, or would be."""

    environment: str
    digest: str
    changed: bool
    checkpoint: Checkpoint | None = None


def have_checkpoint(declaration: Path, options: Options) -> Kept:
    """Have a checkpoint of the environment of *declaration*, which must be as declared; one that is there is kept.

    In check mode nothing is made, and no guest stands still.
    """
    require("docker", "libvirt", "pydantic", "ruamel.yaml")
    with os_errors(), opened_run(declaration, options, name="checkpoint") as opened_one:
        run = opened_one.run
        store = Store(options.folders, run.environment.name)
        if run.warm and not options.check:
            run.warm.recover(run)
        run.prepare(check=True)
        with store.alone(options.progress, options.check):
            if not store.digests():
                contents.refuse_what_cannot_be_kept(run)
            origin = contents.origin(run, run.warm.lock if run.warm else b"", store.seal(options.check))
            digest, there = origin.digest, store.find(origin)
            if there is None:
                _refuse_difference(run)
                contents.refuse_what_cannot_be_kept(run)
            made = take(run, store, origin) if there is None and not options.check else there
        return Kept(environment=run.environment.name, digest=digest, changed=there is None, checkpoint=made)


def restore_checkpoint(declaration: Path, options: Options) -> Outcome:
    """Have the environment of *declaration* as its checkpoint holds it, in place of whatever is there of its guests.

    They are switched off at once, and what they wrote since is lost. In check mode files are verified and nothing is
    done. Raises :class:`StrataError`, with everything left alone where no checkpoint fits or one is damaged.
    """
    require("docker", "libvirt", "pydantic", "ruamel.yaml")
    options = replace(options, start="restored", replace_guests=True)
    with os_errors(), opened_run(declaration, options, name="restored") as opened_one:
        run, warm = opened_one.run, opened_one.run.warm
        if warm is None:
            raise AssertionError("a run of a whole environment has its way to start")
        if not run.environment.guests:
            raise CheckpointError(
                f"environment {run.environment.name} has no guest, so there is nothing to go back to."
            )
        if options.check:
            run.prepare(check=True)
            return outcome_of(opened_one, options, warm.preview(run))
        return outcome_of(opened_one, options, run.converge())


def _refuse_difference(run: Convergence) -> None:
    """What is kept must be what is declared, or each start by it would begin with putting it right."""
    made = run.plan()
    left = [*map(str, made), *(f"orphan {key}" for key in made.orphans), *(str(drift.key) for drift in made.reported)]
    if left or made.unobserved:
        raise CheckpointError(
            f"environment {run.environment.name} is not as declared, so no checkpoint is made of it:\n"
            + "\n".join([*left[:5], *(["..."] if len(left) > 5 else [])])
            + "\nBring it up first (state: present, orphans: remove)."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The checkpoints of an environment: those that are ``whole``, the newest first, and why others are not."""

    environment: str
    whole: list[Checkpoint]
    damaged: list[str]


def checkpoints(declaration: Path, folders: Folders) -> Listing:
    """Those of the environment of *declaration*."""
    require("pydantic", "ruamel.yaml")
    with os_errors():
        name = read_identity(declaration)[0]
        whole, damaged = Store(folders, name).listed()
        return Listing(environment=name, whole=whole, damaged=damaged)


def remove_checkpoints(declaration: Path, options: Options, digest: str = "") -> list[str]:
    """Remove the checkpoints of the environment of *declaration* whose digest begins with *digest*, damaged ones and
    what a killed run left too; their digests."""
    require("pydantic", "ruamel.yaml")
    with os_errors():
        store = Store(options.folders, read_identity(declaration)[0])
        going = [each for each in store.digests() if each.startswith(digest)]
        if options.check or not store.folder.exists():
            return going
        with store.alone(options.progress):
            store.sweep()
            for each in going:
                store.remove(each)
    return going
