# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Strata keeps what must outlive a run: one documented state folder, laid out here and nowhere else."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .errors import StrataError

#: Of the programs that we start: what they make is the same whoever runs us.
UMASK = 0o022
STATE_ROOT = Path("/var/lib/strata")


@dataclass(frozen=True, slots=True)
class Folders:
    """The layout of a state folder.

    ``root`` is world-searchable (0711), because QEMU, which runs unprivileged, reads images and disks below it;
    ``environment(...)`` is private (0700): it holds the environment's keys.
    """

    root: Path = STATE_ROOT
    image_store: Path | None = None
    checkpoint_store: Path | None = None

    @classmethod
    def of(cls, root: str | os.PathLike[str] | None = None) -> Folders:
        """The folders below *root*, else below ``$STRATA_STATE``, else below ``/var/lib/strata``.

        ``$STRATA_IMAGES`` and ``$STRATA_CHECKPOINTS`` place the image store and the checkpoints elsewhere, so that
        several roots can share one.
        """
        stores = (os.environ.get(name) for name in ("STRATA_IMAGES", "STRATA_CHECKPOINTS"))
        chosen = Path(root or os.environ.get("STRATA_STATE") or STATE_ROOT)
        if "\0" in str(chosen):
            raise StrataError(f"state folder {str(chosen)!r}: a path has no NUL character. Correct state_folder.")
        return cls(chosen.absolute(), *(Path(store).absolute() if store else None for store in stores))

    @classmethod
    def own(cls, root: str | os.PathLike[str] | None = None) -> Folders:
        """As :meth:`of`, but below the home of who is not root, for what needs no root."""
        if root or os.environ.get("STRATA_STATE") or os.geteuid() == 0:
            return cls.of(root)
        return cls.of(Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "strata")

    @property
    def images(self) -> Path:
        """Content-addressed guest images and container image archives, shared by all environments."""
        return self.image_store or self.root / "images"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints of whole environments, readable by their owner only: they hold the memory of guests."""
        return self.checkpoint_store or self.root / "checkpoints"

    @property
    def hypervisor(self) -> Path:
        """The embedded hypervisor: its configuration, sockets, logs and process ids."""
        return self.root / "hypervisor"

    def pool(self, environment: str) -> Path:
        """The storage pool with the disks of an environment's guests."""
        return self.root / "pools" / environment

    def environment(self, environment: str) -> Path:
        """Keys, known hosts, SSH configuration, sockets, forwards and :meth:`runs` of an environment; gone with it."""
        return self.root / "environments" / environment

    def runs(self, environment: str) -> Path:
        """The events of the last runs over an environment, a file for each."""
        return self.environment(environment) / "runs"

    def lock(self, environment: str) -> Path:
        """The file that a run over the environment holds a lock on; it stays, so that all runs lock the same one."""
        return self.root / "locks" / environment


def make_searchable(folder: Path, mode: int = 0o711) -> None:
    """Have *folder* and all above it: those that are made have *mode*, whatever the umask of who runs is, as QEMU and
    dnsmasq pass through them as users of their own."""
    for each in reversed((folder, *folder.parents)):
        if not each.exists():
            each.mkdir(exist_ok=True)
            each.chmod(mode)
