# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kind ``guest``: a libvirt domain with its disk, seed, interfaces and console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from .. import naming
from ..declare import environment as model
from ..errors import HypervisorError
from ..guest.console import console_path
from ..inputs import Inputs
from ..plan.model import Change, Condition, Declared, Difference, Effect, Key, Need, Observed, Traits, Tree
from ..progress import Progress
from .disk import stored_image
from .disk_files import chain, disk_files, disk_name, external_snapshots, goes_with
from .domain import cut_power, find_domain, is_running, power_on, shut_down, undefine
from .domain_leaves import definition_leaves, edits, plugged
from .domain_xml import Domain, parse_domain, render_domain
from .errors import libvirt_errors, unless_gone
from .guest_definition import guest_files, note_written, seed_path
from .guest_live import LiveGuest, NotFollowedError, follow
from .guest_spec import domain_of, guest_spec, observed_spec, spoken_for
from .mark import Mark, claim, drifted_first, of_another, read_mark
from .overlay import refresh_pool
from .qcow2 import read_qcow2
from .stranger import find_stranger, former_path, gives_way, is_ours

if TYPE_CHECKING:
    import libvirt

    from .hypervisor import Hypervisor


#: Leaves that change while the guest runs.
_IN_PLACE = frozenset({"autostart", "description", "disks", "memory"})


class Guest:
    """Declares, observes and applies guests; ``spec`` as :func:`~.guest_spec.guest_spec` makes it.

    A guest lives on its disk: when the disk is made anew, so is the guest. Every other change keeps the disk.
    """

    kind: ClassVar[str] = "guest"
    traits: ClassVar[Traits] = Traits(runs=True, adoption=Effect.RESTART)

    def declare(self, environment: model.Environment, inputs: Inputs) -> Iterator[Declared]:
        """Every guest of the environment."""
        for guest in environment.guests.values():
            yield Declared(
                Key(self.kind, guest.name),
                guest_spec(environment, guest, inputs),
                needs=(
                    Need(Key("disk", guest.name), lives_on=True),
                    *(Need(Key("disk", disk_name(guest.name, disk))) for disk in guest.disks),
                    *(Need(Key("network", network)) for network in guest.networks),
                ),
                handle=_Source(environment, guest),
            )

    def effect(self, difference: Difference) -> Effect:
        """What a running guest takes over, as far as the difference tells: whole disks and interfaces that come or go,
        memory (its maximum is a leaf of its own), more processors. Another image is another guest."""
        path, before, after = difference.path, difference.before, difference.after
        if path == ("image",):
            return Effect.REPLACE
        if path[0] == "interfaces":
            whole = before is None or after is None
            return Effect.IN_PLACE if whole or path[2:] == ("link",) else Effect.RESTART
        if path == ("vcpus",):
            return Effect.IN_PLACE if (after or 0) > (before or 0) else Effect.RESTART
        return Effect.IN_PLACE if path[0] in _IN_PLACE else Effect.RESTART

    def observe(self, connection: Hypervisor, environment: str) -> Iterator[Observed]:
        """Domains whose name is one of ours; what goes away meanwhile is passed over."""
        with libvirt_errors("guests"):
            for domain in connection.connection.listAllDomains():
                claimed = claim(environment, self.kind, domain.name(), domain.UUIDString())
                if claimed:
                    key = Key(self.kind, claimed[0])
                    found = unless_gone(_observed, connection, environment, key, domain)
                    if found:
                        yield found

    def apply(self, connection: Hypervisor, change: Change, progress: Progress) -> None:
        """Define the domain, then start it; it stays defined where it does not start, and the next run tries again."""
        with libvirt_errors(str(change.key)):
            if change.declared:
                _apply(connection, change, change.declared, progress)
            elif change.observed:
                remove(connection, change.observed.handle, change.key.name)

    def settle(self, connection: Hypervisor, key: Key, condition: Condition, progress: Progress) -> None:
        """A guest that was started is all that libvirt can tell; its engine says when it is ready."""


@dataclass(frozen=True, slots=True)
class _Source:
    """What a guest is made from."""

    environment: model.Environment
    guest: model.Guest


def _stranger(hypervisor: Hypervisor, environment: str, key: Key, domain: libvirt.virDomain) -> Observed:
    other = of_another(environment, key.kind, domain.name(), domain.UUIDString())
    if other:
        return Observed(key, {}, owned=False, obstacle=other, handle=environment)
    found, persistent = find_stranger(hypervisor, environment, key.name, domain), bool(domain.isPersistent())
    spec, autostart = found.spec(hypervisor), persistent and bool(domain.autostart())
    return Observed(
        key,
        {**spec, "autostart": autostart, "persistent": persistent},
        applied={part: spec[part] for part in ("disks", "interfaces")},  # so that those not declared are told
        owned=False,
        running=is_running(domain),
        obstacle=found.obstacle(),
        handle=environment,
    )


def _observed(hypervisor: Hypervisor, environment: str, key: Key, domain: libvirt.virDomain) -> Observed:
    import libvirt

    root = ElementTree.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    mark = read_mark(root)
    if mark is None or not is_ours(environment, key.name, root):
        return _stranger(hypervisor, environment, key, domain)
    persistent, running = bool(domain.isPersistent()), is_running(domain)
    spec = observed_spec(environment, parse_domain(root), mark)
    edited = edits(definition_leaves(root), mark.written, spoken_for(environment, mark))
    if running:
        live = ElementTree.fromstring(domain.XMLDesc())
        spec = drifted_first(spec, _live_spec(environment, live, spec, mark), mark.applied)
        spoken = spoken_for(environment, mark)
        for part, words in plugged(root, live, spoken).items():
            edited[part] = [*edited.get(part, []), *words]
    return Observed(
        key,
        {**spec, "edited": edited, "autostart": persistent and bool(domain.autostart()), "persistent": persistent},
        applied=mark.applied,
        running=running,
        handle=environment,
    )


def _live_spec(environment: str, live: Element, defined: Tree, mark: Mark) -> dict[str, Any]:
    """The balloon comes down to the declared memory only when its driver runs; less than that somebody else chose."""
    found = observed_spec(environment, parse_domain(live), mark)
    return {**found, "memory": min(found["memory"], defined["memory"])}


def _apply(hypervisor: Hypervisor, change: Change, declared: Declared, progress: Progress) -> None:
    source: _Source = declared.handle
    domain = find_domain(hypervisor, source.environment.name, source.guest.name)
    off = change.action in ("create", "replace", "restart", "start", "stop")
    if domain and change.action == "stop":
        shut_down(domain)
    if domain is None or change.differences or change.action not in ("start", "stop"):
        prepared = _prepare(hypervisor, source, declared)
        followed = domain is None or off or _follow(hypervisor, source, domain, prepared, progress)
        if domain and change.action in ("create", "replace"):
            undefine(domain)
        elif domain and change.action in ("restart", "start"):
            shut_down(domain)
        adopted = change.observed and not change.observed.owned
        with gives_way(hypervisor, prepared.environment, source.guest.name) if adopted else nullcontext():
            domain = _define(hypervisor, source, prepared, declared)
        if not followed:
            shut_down(domain)
    if declared.running and domain:
        power_on(domain)


def define(hypervisor: Hypervisor, declared: Declared) -> libvirt.virDomain:
    """Define the domain of a *declared* guest, whose disks are there, without starting it."""
    return _define(hypervisor, declared.handle, _prepare(hypervisor, declared.handle, declared), declared)


def _follow(
    hypervisor: Hypervisor, source: _Source, domain: libvirt.virDomain, prepared: _Prepared, progress: Progress
) -> bool:
    """Change the guest while it runs; ``False`` where it has to be restarted for it after all."""
    if not is_running(domain):
        return True
    live = LiveGuest(
        hypervisor=hypervisor,
        domain=domain,
        environment=source.environment,
        guest=source.guest,
        ours=bool(prepared.domain.boot.kernel),
        progress=progress,
    )
    try:
        follow(live, prepared.domain)
    except NotFollowedError as error:
        progress.report(f"guest {source.guest.name}", "progress", f"{error}; it is restarted")
        return False
    return True


def _define(hypervisor: Hypervisor, source: _Source, prepared: _Prepared, declared: Declared) -> libvirt.virDomain:
    """Define the domain, and note how libvirt wrote it down. UEFI's variables go with the firmware that wrote them."""
    import libvirt

    former = find_domain(hypervisor, source.environment.name, source.guest.name)
    if former and not former.isActive():
        firmware = parse_domain(ElementTree.fromstring(former.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))).boot.firmware
        if (firmware, prepared.domain.boot.firmware) == ("uefi", "bios"):
            undefine(former)
    mark = Mark(environment=prepared.environment, applied=declared.spec)
    domain = hypervisor.connection.defineXML(render_domain(prepared.domain, mark))
    note_written(domain, mark)
    domain.setAutostart(declared.spec["autostart"])
    return domain


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """What is to be defined."""

    environment: str
    domain: Domain


def _prepare(hypervisor: Hypervisor, source: _Source, declared: Declared) -> _Prepared:
    """All that can be refused is refused here, while a guest that is to be restarted still runs.

    It keeps the seed that it has opened, of which the pool is told, as programs look a guest's disks up there. The
    definition itself waits until the guest is off: its mark would tell of what runs only after that.
    """
    from ..guest.seed import write_seed

    environment, guest, folders = source.environment.name, source.guest, hypervisor.folders
    stored = stored_image(hypervisor, guest.name, declared.spec["image"])
    files = guest_files(source.environment, guest, folders)
    _refuse_other_image(guest.name, files["disk"], stored.disk)
    _refuse_external_snapshot(hypervisor, environment, guest.name, files["disk"])
    write_seed(source.environment, guest, folders, stored, files["seed"])
    refresh_pool(unless_gone(hypervisor.connection.storagePoolLookupByName, environment))
    return _Prepared(environment=environment, domain=domain_of(environment, guest.name, declared.spec, stored, files))


def _refuse_external_snapshot(hypervisor: Hypervisor, environment: str, guest: str, disk: Path) -> None:
    """What a guest has written since is in the file on top; started without that one, it would be lost."""
    import libvirt

    domain = find_domain(hypervisor, environment, guest)
    if domain is None:
        return
    defined = parse_domain(ElementTree.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)))
    top = Path(defined.disks["vda"].path) if "vda" in defined.disks else disk
    if top != disk and disk in chain(top):
        raise HypervisorError(
            f"guest {guest}: it runs on {top}, an external snapshot of its disk, and would lose what it has written "
            f"since. Merge it (virsh blockcommit {naming.libvirt_name(environment, guest)} vda --active --pivot), then "
            "run again."
        )


def _refuse_other_image(guest: str, disk: Path, image: Path) -> None:
    """A kernel of another build of the image has no modules on the disk."""
    if image not in list(chain(disk))[1:]:
        header = read_qcow2(disk)
        below = header.backing if header else "nothing"
        raise HypervisorError(
            f"guest {guest}: its disk stands on {below}, but its image is {image} now. "
            "Put the former image back into the store, or remove the guest and its disk to begin anew."
        )


def remove(hypervisor: Hypervisor, environment: str, guest: str) -> None:
    """Have it gone at once; its disks stay. The definition goes last: killed before, the next run still sees what is to
    be done."""
    clear_guest(hypervisor, environment, guest)
    domain = find_domain(hypervisor, environment, guest)
    if domain:
        undefine(domain)


def clear_guest(hypervisor: Hypervisor, environment: str, guest: str) -> None:
    """Cut its power and remove what is only its own but for the domain: the seed, the logs of its console (virtlogd
    numbers older ones), and external snapshots, which nothing but the domain tells from a stranger's files."""
    domain = find_domain(hypervisor, environment, guest)
    disks = [file.path for file in disk_files(hypervisor, environment) if goes_with(file, environment, guest)]
    overlays = [overlay for disk in disks for overlay in external_snapshots(domain, disk)]
    if domain:
        cut_power(domain)
    console = console_path(hypervisor.folders, environment, guest)
    seed = seed_path(hypervisor.folders, environment, guest)
    former = former_path(hypervisor.folders, environment, guest)
    for path in (seed, console, former, *overlays, *console.parent.glob(f"{console.name}.[0-9]*")):
        path.unlink(missing_ok=True)
