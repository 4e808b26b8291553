# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules of the KVM layer share: their options, and the way from them to one converged layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..declare.checks import check
from ..declare.environment import Environment
from ..declare.read_options import Place, read_options
from ..declare.scalars import check_name
from ..errors import DeclarationError, StrataError
from ..folders import Folders
from ..kvm import existing, host, snapshot
from ..kvm.existing import Existing
from ..kvm.hypervisor import Hypervisor, opened
from ..kvm.snapshot import Snapshot
from ..locks import TIMEOUT, locked
from ..plan.model import Observed
from ..progress import Progress
from ..requirements import require
from ..resources import observed
from .layer import Layer

if TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

#: Options of every module of the layer: which environment, on which libvirt.
CONNECTION: dict[str, dict[str, Any]] = {
    "environment": {"type": "str", "required": True},
    "uri": {"type": "str", "default": "auto"},
    "state_folder": {"type": "path"},
}
#: Options of those that only look: at the object of a name, or at all.
LOOKING: dict[str, dict[str, Any]] = {**CONNECTION, "name": {"type": "str"}}
#: Options of those that change something.
CHANGING: dict[str, dict[str, Any]] = {**CONNECTION, "lock_timeout": {"type": "float", "default": TIMEOUT}}
ADOPT: dict[str, dict[str, Any]] = {"adopt": {"type": "bool", "default": False}}


#: Parts of a declaration that modules declare objects of.
SECTIONS = ("images", "networks", "pools", "guests")


@dataclass(kw_only=True)
class Site:
    """An environment on a hypervisor, as a module finds it. ``check``: nothing is to be changed."""

    environment: str
    hypervisor: Hypervisor
    check: bool
    folder: str = field(default_factory=lambda: str(Path.cwd()))
    progress: Progress = field(default_factory=Progress)

    @cached_property
    def existing(self) -> Existing:
        """What was there when it was first asked for."""
        return existing.read_back(self.environment, self.folder, self.observed(*existing.KINDS))

    def observed(self, *kinds: str) -> list[Observed]:
        """Everything of *kinds* that is there now."""
        return list(observed(kinds, self.hypervisor, self.environment))

    def find(self, kind: str, name: str) -> Observed | None:
        """Our object *name*; ``None`` where there is none, or somebody else's."""
        return next(iter(self.own(kind, name)), None)

    def own(self, kind: str, name: str | None = None) -> list[Observed]:
        """Our objects of *kind*, by name; where *name* is given, that one."""
        found = [item for item in self.observed(kind) if item.owned and name in (None, item.key.name)]
        return sorted(found, key=lambda item: item.key)

    def snapshots(self, guest: str) -> list[Snapshot]:
        """Those of *guest*, the oldest first; none where there is no such guest."""
        return snapshot.observe(self.hypervisor, self.environment, guest)

    def with_object(self, place: Place, options: Mapping[str, Any]) -> Environment:
        """What there is, with the object of the *options* in place of the one of its name; what is wrong with it
        raises :class:`DeclarationError`."""
        environment = self.merged(read_options(self.environment, self.folder, place, options))
        self.refuse_mistakes(environment, place)
        return environment

    def merged(self, declared: Environment) -> Environment:
        """What there is, with the objects of *declared* in place of those of their names."""
        known = self.existing.environment
        there = replace(known, networks=existing.left_to(declared.guests, known.networks))
        sections: dict[str, Any] = {
            section: {**getattr(there, section), **getattr(declared, section)} for section in SECTIONS
        }
        return replace(there, **sections)

    def refuse_mistakes(self, environment: Environment, place: Place) -> None:
        """What cross-checks find that they do not find already in what there is, on this machine."""
        facts = host.facts(self.hypervisor, self.environment)
        before = set(check(self.existing.environment, facts))
        found = [problem for problem in check(environment, facts) if problem not in before]
        if found:
            raise DeclarationError(place.problems(found))

    def without(self, place: Place) -> Environment:
        """What there is but for one object."""
        items = getattr(self.existing.environment, place.section).items()
        section: dict[str, Any] = {place.section: {name: item for name, item in items if name != place.name}}
        return replace(self.existing.environment, **section)

    def layer(self, environment: Environment, kinds: tuple[str, ...], **how: Any) -> Layer:
        """To bring objects of *kinds* to what *environment* declares; *how* as :class:`~.layer.Layer` has it."""
        return Layer(environment=environment, connection=self.hypervisor, kinds=kinds, progress=self.progress, **how)

    def require_there(self, kind: str, name: str) -> None:
        """Raise where there is nothing of ours to be worked on as it is."""
        if self.find(kind, name) is None:
            raise StrataError(
                f"{kind} {name}: environment {self.environment} has none. Make it with the module for it "
                "(state: present)."
            )


@contextmanager
def site_of(module: AnsibleModule, may_be_absent: bool = False) -> Iterator[Site]:
    """The environment that the options name, locked unless the module only looks; *may_be_absent* as
    :func:`~.kvm.hypervisor.opened` has it."""
    params = module.params
    require("libvirt", "pydantic")
    check_name("environment", params["environment"])
    name, folders, only_looks = params["environment"], Folders.of(params["state_folder"]), "lock_timeout" not in params
    with (
        locked(folders.lock(name), name, params.get("lock_timeout", 0), Progress(), module.check_mode or only_looks),
        opened(params["uri"], folders, may_be_absent or module.check_mode) as hypervisor,
    ):
        yield Site(environment=name, hypervisor=hypervisor, check=module.check_mode)
