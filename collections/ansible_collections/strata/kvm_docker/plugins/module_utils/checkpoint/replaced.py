# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is there of an environment that is to be restored, and may be lost by that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..errors import CheckpointError, ForeignObjectError
from ..kvm.disk_files import external_snapshots, refuse_in_use
from ..kvm.domain import find_domain
from ..kvm.errors import libvirt_errors
from ..plan.model import Observed
from ..resources import declared

if TYPE_CHECKING:
    from ..convergence import Convergence
    from ..kvm.disk_files import DiskFile


def refuse_to_lose(run: Convergence, there: Iterable[Observed]) -> None:
    """Raise :class:`StrataError` where one of the guests and disks that are *there* is somebody else's, is used by
    somebody else, or is to be kept. Changes nothing."""
    keep = {item.key for item in declared(("disk",), run.environment, run.inputs) if item.spec.get("keep")}
    for item in there:
        if not item.owned:
            raise ForeignObjectError(
                f"{item.key}: does not belong to this environment, and would be lost. Nothing was touched. Move it "
                "away, or take it over first (state: present with adopt: true)."
            )
        if item.keep or item.key in keep:
            raise CheckpointError(
                f"{item.key}: is kept (keep: true), so no older content is put in its place. Nothing was touched. "
                "Environments with such a disk do not go back to a checkpoint."
            )
        if item.key.kind == "disk":
            _refuse_shared(run, item.handle)


def _refuse_shared(run: Convergence, disk: DiskFile) -> None:
    hypervisor, environment = run.session.hypervisor, run.environment.name
    guest = disk.name.partition(".")[0]
    with libvirt_errors(f"disk {disk.name}"):
        refuse_in_use(hypervisor, environment, guest, disk.path)
        external_snapshots(find_domain(hypervisor, environment, guest), disk.path)
