# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kinds need beside a declaration, whichever front end brings them to it: all inputs, and open engines."""

from __future__ import annotations

from dataclasses import replace

from .declare.environment import Environment
from .docker.applied_notes import AppliedNotes
from .docker.engine import WAIT_TIMEOUT, Engine, open_engine
from .folders import Folders
from .guest import image_store
from .inputs import Inputs
from .kvm import accelerator, ready
from .kvm.accelerator import Accelerator
from .kvm.hypervisor import Hypervisor
from .kvm.watch import Watch
from .plan.model import Key
from .plan.secrets import Seal
from .progress import Progress


def complete_inputs(resolved: Inputs, *, authorized_key: str, seal: Seal, virt_type: str | None = None) -> Inputs:
    """*resolved* (see :func:`~.resolve.resolve`) with what no file of the declaration tells. Pure.

    *authorized_key*: the line that opens the guests. *virt_type*: not given, it is not known yet (see :func:`probed`).
    """
    return replace(resolved, authorized_key=authorized_key, seal=seal, virt_type=virt_type or resolved.virt_type)


def probed(environment: Environment, inputs: Inputs, folders: Folders) -> Accelerator:
    """The accelerator of the guests: probed with an image of theirs, so after those are there."""
    found = (image_store.resolve(folders, digest) for digest in inputs.guest_images.values())
    stored = [image for image in found if image]
    kernels = [image for image in stored if image.kernel]  # one tells within seconds
    return accelerator.probe(folders, next(iter(kernels + stored), None), environment.hypervisor.virt_type)


def open_guest_engine(
    hypervisor: Hypervisor,
    environment: Environment,
    guest: str,
    inputs: Inputs,
    progress: Progress,
    *,
    wait_timeout: int = WAIT_TIMEOUT,
    remove_volumes: bool = False,
) -> Engine:
    """The engine of the guest of that name, once it answers; raises :class:`~.errors.GuestError` where it cannot.

    *wait_timeout* and *remove_volumes*: as :class:`~.docker.engine.Engine` has them.
    """
    watch = Watch(hypervisor, environment.name, guest, progress, environment.guests[guest].boot_timeout)
    key = Key("guest", guest)
    with progress.stage(str(key), "waiting for its engine", key, (str(key),), waits=True):
        return open_watched_engine(watch, environment, inputs, wait_timeout=wait_timeout, remove_volumes=remove_volumes)


def open_watched_engine(
    watch: Watch,
    environment: Environment,
    inputs: Inputs,
    *,
    wait_timeout: int = WAIT_TIMEOUT,
    remove_volumes: bool = False,
) -> Engine:
    """As :func:`open_guest_engine`, as long as *watch* lets it."""
    shell = ready.await_shell(watch)
    return open_engine(
        shell,
        ready.await_engine(watch, shell),
        environment,
        inputs,
        notes=AppliedNotes.of(environment.name, watch.hypervisor.folders, watch.guest),
        wait_timeout=wait_timeout,
        remove_volumes=remove_volumes,
    )
