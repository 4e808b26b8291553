# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``guest``: a libvirt domain with its disk, seed, interfaces and console."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from xml.etree import ElementTree

from .. import naming
from ..declare import environment as model
from ..errors import HypervisorError
from ..folders import Folders
from ..guest.console import console_path
from ..inputs import Inputs
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Need, Observed
from ..progress import Progress
from .disk import disk_path, stored_image
from .domain import cut_power, is_running, power_on, shut_down, undefine
from .domain_xml import parse_domain, render_domain
from .errors import find, libvirt_errors
from .guest_spec import domain_of, guest_spec, observed_spec, written
from .mark import Mark, claim, drifted_first, read_mark
from .qcow2 import read_qcow2

if TYPE_CHECKING:
    import libvirt

    from .hypervisor import Hypervisor


class Guest:
    """Declares, observes and applies guests; ``spec`` as :func:`~.guest_spec.guest_spec` makes it.

    A guest lives on its disk: when the disk is made anew, so is the guest. Every other change keeps the disk.
    """

    kind: ClassVar[str] = "guest"

    def declare(self, environment: model.Environment, inputs: Inputs) -> Iterator[Declared]:
        """Every guest of the environment."""
        for guest in environment.guests.values():
            yield Declared(
                Key(self.kind, guest.name),
                guest_spec(environment, guest, inputs),
                needs=(
                    Need(Key("disk", guest.name), lives_on=True),
                    *(Need(Key("network", network)) for network in guest.networks),
                ),
                handle=_Source(environment, guest),
            )

    def effect(self, difference: Difference) -> Effect:
        """Another image is another guest; anything else takes a restart."""
        if difference.path == ("autostart",):
            return Effect.IN_PLACE
        return Effect.REPLACE if difference.path == ("image",) else Effect.RESTART

    def observe(self, connection: Hypervisor, environment: str) -> Iterator[Observed]:
        """Domains whose name is one of ours."""
        with libvirt_errors("guests"):
            for domain in connection.connection.listAllDomains():
                claimed = claim(environment, self.kind, domain.name(), domain.UUIDString())
                if claimed:
                    yield _observed(environment, Key(self.kind, claimed[0]), domain, claimed[1])

    def apply(self, connection: Hypervisor, change: Change, progress: Progress) -> None:
        """Define the domain, then start it; it stays defined where it does not start, and the next run tries again."""
        with libvirt_errors(str(change.key)):
            if change.declared:
                _apply(connection, change, change.declared)
            elif change.observed:
                _delete(connection, change.observed.handle, change.key.name)

    def settle(self, connection: Hypervisor, key: Key, condition: Condition, progress: Progress) -> None:
        """A guest that was started is all that libvirt can tell; its engine says when it is ready."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What a guest is made from."""

    environment: model.Environment
    guest: model.Guest


def seed_path(folders: Folders, environment: str, guest: str) -> Path:
    """The seed of *guest*, beside its disk."""
    return folders.pool(environment) / f"{guest}.seed"


def _observed(environment: str, key: Key, domain: libvirt.virDomain, ours: bool) -> Observed:
    import libvirt

    root = ElementTree.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    mark = read_mark(root) or Mark(environment="", applied={})
    persistent, running = bool(domain.isPersistent()), is_running(domain)
    defined = parse_domain(root)
    spec = observed_spec(environment, defined, mark)
    if running:
        live = parse_domain(ElementTree.fromstring(domain.XMLDesc()))
        # The balloon moves the memory of a running guest as it likes.
        spec = drifted_first(spec, observed_spec(environment, replace(live, memory=defined.memory), mark), mark.applied)
    return Observed(
        key,
        {**spec, "autostart": persistent and bool(domain.autostart()), "persistent": persistent},
        applied=mark.applied or None,
        owned=ours and mark.environment == environment,
        running=running,
        handle=environment,
    )


def _apply(hypervisor: Hypervisor, change: Change, declared: Declared) -> None:
    source: _Source = declared.handle
    domain = _find(hypervisor, source.environment.name, source.guest.name)
    if domain and change.action == "stop":
        shut_down(domain)
        return
    if domain is None or change.differences or change.action != "start":
        definition = _prepare(hypervisor, source, declared)
        if domain and change.action in ("create", "replace"):
            undefine(domain)
        elif domain and change.action in ("restart", "start"):
            shut_down(domain)
        domain = hypervisor.connection.defineXML(definition)
        domain.setAutostart(declared.spec["autostart"])
    if declared.running:
        power_on(domain)


def _prepare(hypervisor: Hypervisor, source: _Source, declared: Declared) -> str:
    """The definition; all that can be refused is refused here, while a guest that is to be restarted still runs.

    It keeps the seed that it has opened. The definition itself waits until the guest is off: its mark would tell of
    what runs only after that.
    """
    from ..guest.seed import write_seed

    environment, guest, folders = source.environment.name, source.guest.name, hypervisor.folders
    stored = stored_image(hypervisor, guest, declared.spec["image"])
    files = {
        "disk": disk_path(folders.pool(environment), guest),
        "seed": seed_path(folders, environment, guest),
        "console": console_path(folders, environment, guest),
    }
    _refuse_other_image(guest, files["disk"], stored.disk)
    write_seed(source.environment, source.guest, folders, stored, files["seed"])
    domain = domain_of(environment, guest, declared.spec, stored, files)
    mark = Mark(environment=environment, applied=declared.spec, written=written(domain))
    return render_domain(domain, mark)


def _refuse_other_image(guest: str, disk: Path, image: Path) -> None:
    """A kernel of another build of the image has no modules on the disk."""
    header = read_qcow2(disk)
    if header is None or header.backing != image:
        below = header.backing if header else "nothing"
        raise HypervisorError(
            f"guest {guest}: its disk stands on {below}, but its image is {image} now. "
            "Put the former image back into the store, or remove the guest and its disk to begin anew."
        )


def _delete(hypervisor: Hypervisor, environment: str, guest: str) -> None:
    """The domain and what is only its own: the seed and the logs of its console (virtlogd numbers older ones).

    The definition goes last: killed before, the next run still sees what is to be done.
    """
    domain = _find(hypervisor, environment, guest)
    if domain:
        cut_power(domain)
    console = console_path(hypervisor.folders, environment, guest)
    seed = seed_path(hypervisor.folders, environment, guest)
    for path in (seed, console, *console.parent.glob(f"{console.name}.[0-9]*")):
        path.unlink(missing_ok=True)
    if domain:
        undefine(domain)


def _find(hypervisor: Hypervisor, environment: str, guest: str) -> libvirt.virDomain | None:
    uuid = naming.object_uuid(environment, "guest", guest)
    return find(hypervisor.connection.lookupByUUIDString, str(uuid))
