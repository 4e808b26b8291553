# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where guests of one checkpoint run: two of them at once share what a machine should have for itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import CheckpointError, StrataError
from ..folders import Folders
from ..guest.files import make_private, write_whole
from ..kvm.domain import find_domain
from .store import Checkpoint, clone_roots, note_clones

if TYPE_CHECKING:
    from ..kvm.hypervisor import Hypervisor


def refuse_second(checkpoint: Checkpoint, hypervisor: Hypervisor) -> None:
    """Raise :class:`CheckpointError` where guests of *checkpoint* run in another state folder."""
    own = str(hypervisor.folders.root)
    for root, uri in clone_roots(checkpoint).items():
        if root != own and _runs(checkpoint, root, uri):
            raise CheckpointError(
                f"checkpoint {checkpoint.name}: its guests run in {root}, and a second clone would have the same keys, "
                "sessions and addresses. Bring that one down, or give allow_clone."
            )


def note(checkpoint: Checkpoint, hypervisor: Hypervisor, environment: str) -> None:
    """Guests of *checkpoint* run here from now on, until the environment is removed."""
    folder = hypervisor.folders.environment(environment)
    make_private(folder)
    write_whole(_mark(hypervisor.folders, environment), checkpoint.manifest.digest.encode())
    roots = {root: uri for root, uri in clone_roots(checkpoint).items() if _runs(checkpoint, root, uri)}
    note_clones(checkpoint, {**roots, str(hypervisor.folders.root): hypervisor.uri})


def forget(hypervisor: Hypervisor, environment: str) -> None:
    """They do not run here."""
    _mark(hypervisor.folders, environment).unlink(missing_ok=True)


def _runs(checkpoint: Checkpoint, root: str, uri: str) -> bool:
    """Whether a guest is on there, and the environment was not removed since. Who does not answer runs nothing."""
    from ..kvm.hypervisor import opened

    folders, environment = Folders(Path(root)), checkpoint.manifest.environment
    try:
        if _mark(folders, environment).read_text("ascii") != checkpoint.manifest.digest:
            return False
        with opened(uri, folders) as there:
            domains = [find_domain(there, environment, guest) for guest in checkpoint.manifest.guests]
            return any(domain.isActive() for domain in domains if domain)
    except (StrataError, OSError):
        return False


def _mark(folders: Folders, environment: str) -> Path:
    return folders.environment(environment) / "clone_of"
