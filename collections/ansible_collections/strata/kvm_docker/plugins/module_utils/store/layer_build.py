# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes an engine layer: its images are loaded, pulled and built as on a guest's engine, on one that has none of a
guest."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from graphlib import TopologicalSorter
from pathlib import Path

from ..declare.reference import familiar, split
from ..docker.client import connect
from ..docker.engine import Engine
from ..docker.errors import engine_errors
from ..docker.image_list import discard
from ..docker.image_make import make, pull
from ..docker.image_marks import layer_mark, mark
from ..errors import ImageError
from ..guest.files import free_space
from ..guest.image_store import DISK, Report, making, require_space, resolve
from ..inputs import ImageInput
from ..kvm import programs
from ..kvm.disk import refuse_too_small
from ..kvm.hypervisor import Hypervisor
from ..progress import Event, Progress
from .engine_layer import LayerRequest, name_in_layer
from .layer_machine import LayerMachine
from .layers import StoredLayer, backing_name, find_layer, layer_digest, store_layer, verify

#: Bytes; a file system with less is full.
_FULL = 16 * 1024**2
#: What messages call the engine in which a layer is made.
_WHERE = "the layer's engine"


def build_layer(request: LayerRequest, hypervisor: Hypervisor, report: Report) -> StoredLayer:
    """The layer for *request* from the store, made first where it is not there. Raises :class:`StrataError`."""
    programs.check_programs([programs.EMULATOR, "qemu-img", "setpriv", "socat"])
    folders = hypervisor.folders
    base, images = resolve(folders, request.recipe), request.ids()
    if base is None or not (base.kernel and base.initrd):
        raise ImageError("its image is not in the store, or has no kernel of ours. Run again.")
    digest = layer_digest(base.digest, images, request.size)
    with making(folders, digest, report) as staging:
        present = find_layer(folders, digest)
        if present:
            return present
        archives = (image.archive.stat().st_size for image in request.images.values() if image.archive)
        require_space(folders, 4 * sum(archives), "Making an engine layer")
        verify(base.disk.parent)
        refuse_too_small(_smallest(request), request.size, base.disk)
        with _full_told(folders.images):
            work, below = staging / "work.qcow2", backing_name(base.digest)
            _qemu_img("create", "-f", "qcow2", "-b", below, "-F", "qcow2", str(work), str(request.size))
            machine = LayerMachine(
                base=base,
                disk=work,
                virt_type=request.inputs.virt_type,
                network=request.from_outside,
                settings=request.settings if request.from_outside else {},
                memory=request.memory if request.from_outside else 0,
            )
            report("starting the engine", 0.1)
            with machine.running(hypervisor, digest[:12]) as socket:
                fill(request, socket, report)
            report("storing the layer", 0.95)
            over = ("-O", "qcow2", "-B", below, "-F", "qcow2")
            _qemu_img("convert", "-f", "qcow2", *over, str(work), str(staging / DISK))
            work.unlink()
            return store_layer(folders, staging, base.digest, images, request.size, request.digest)


def _smallest(request: LayerRequest) -> str:
    """The guest whose disk is."""
    guests = request.environment.guests
    return min(request.guests, key=lambda guest: guests[guest].disk)


def fill(request: LayerRequest, socket: Path, report: Report) -> None:
    """Have every image of *request* on the engine at *socket*, each by nothing but its mark, as nobody's."""
    wanted = list(_in_order(request))
    with closing(connect(f"unix://{socket}", _WHERE)) as client, engine_errors(_WHERE, ImageError):
        engines = {
            guest: Engine(
                guest=guest,
                environment=request.environment.name,
                client=client,
                address=_WHERE,
                project=request.environment.guests[guest].compose,
                inputs=request.inputs,
            )
            for guest in request.guests
        }
        for number, (guest, image) in enumerate(wanted):
            make(engines[guest], image, _following(report, number, len(wanted)))
            what = layer_mark(name_in_layer(request.environment.name, image))
            client.tag(familiar(image.reference), *split(what))
        for guest, image in wanted:
            _take_names(engines[guest], image)


def _take_names(engine: Engine, image: ImageInput) -> None:
    """An engine forgets what its registry calls an image by with the last tag of its repository: it is asked again."""
    for name in (familiar(image.reference), mark(engine.environment, image.reference, image.source)):
        if "@" not in name:
            discard(engine, name)
    if image.from_registry:
        pull(engine, image, lambda message, fraction=None: None)


def _in_order(request: LayerRequest) -> Iterator[tuple[str, ImageInput]]:
    """(guest, image): what a build starts from before it."""
    for guest in request.guests:
        images = {image.reference: image for image in request.guests[guest]}
        for reference in TopologicalSorter({name: image.bases.keys() for name, image in images.items()}).static_order():
            yield guest, images[reference]


def _following(report: Report, number: int, count: int) -> Progress:
    """Tells *report* what is told of image *number* of *count*."""

    def told(event: Event) -> None:
        done = 0.2 + 0.7 * (number + (event.fraction or 0.0)) / count
        report(f"image {number + 1} of {count}: {event.message or event.phase}", done)

    return Progress(told)


@contextmanager
def _full_told(store: Path) -> Iterator[None]:
    """Where something fails and the store's file system is full, that is the news: the guest tells only of a disk that
    does not take what is written."""
    try:
        yield
    except (ImageError, OSError) as error:
        if free_space(store) < _FULL:
            raise ImageError(f"no space is left below {store}. Free some and run again.") from error
        raise


def _qemu_img(*arguments: str) -> None:
    done = subprocess.run(("nice", "qemu-img", *arguments), check=False, capture_output=True, text=True)
    if done.returncode:
        raise ImageError(f"qemu-img {arguments[0]} failed: {done.stderr.strip()}")
