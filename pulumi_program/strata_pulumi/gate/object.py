# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resource ``strata:index:Object``: one object of the core, brought to its declaration by the core's own plan. No
I/O here.

What it has is what is given, with its spec as it was found: a leaf that is not as it was given has drifted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan import model
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.diff import differences, leaves
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import (
    Declared,
    Effect,
    Key,
    Observed,
    Path,
    Plan,
    Tree,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.show import plain
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import (
    ENGINE_KINDS,
    HYPERVISOR_KINDS,
    SETTINGS_KINDS,
    effect,
)

from .option import Failure, Option, check, declaration, moved, part_of_id, path_in, wrong_name, wrong_object
from .properties import Properties
from .resource import Difference, Output

TYPE = "strata:index:Object"

KINDS = (*HYPERVISOR_KINDS, *ENGINE_KINDS)
#: Those whose handle is not empty.
HANDLES = ("guest_image", "image", "guest")


def _wrong_kind(value: str) -> str | None:
    return None if value in KINDS else f"one of {', '.join(KINDS)}"


def _wrong_guest(value: str) -> str | None:
    return wrong_name(value) if value else None


INPUTS = (
    declaration("Absolute path of the declaration, which is read anew."),
    part_of_id("environment", "Name of the environment that the object is of."),
    part_of_id("kind", f"What it is: {', '.join(KINDS)}.", wrong=_wrong_kind),
    part_of_id("name", "Its name among those of its kind.", wrong=wrong_object),
    part_of_id(
        "guest",
        "The guest on whose engine it is; empty for objects of the hypervisor.",
        wrong=_wrong_guest,
        required=False,
    ),
    Option(
        name="spec",
        type="object",
        required=True,
        about="How it is to be: the core's canonical form of what is declared.",
    ),
    Option(
        name="adopt",
        type="boolean",
        effect="nothing",
        about="Whether what is there under its name, and nobody's, is taken over when it is created.",
    ),
    Option(
        name="replaceGuests",
        type="boolean",
        effect="nothing",
        about="Whether a disk whose image changed may be made anew, and lose what is on it.",
    ),
    Option(name="providerId", type="string", about="Id under which another provider knows it, if one does."),
)

OUTPUTS: Mapping[str, Output] = {
    "handle": Output(
        type="object",
        items="string",
        about="What others need of it: of a guest_image `disk`, `kernel` (paths) and `digest`; of an image `id`, and "
        "`volumes`, one path a line; of a guest `boot`, which is drawn at each of its starts.",
    ),
    "made": Output(about="Drawn when the object is made or made anew: what lives on it is made anew with it."),
    "due": Output(about="What the next update does, and why, e.g. `start: not running`; empty where nothing."),
    "reported": Output(
        type="array", items="string", about="Drift that a policy of the declaration leaves as it is, in words."
    ),
    "problem": Output(about="Why it could not be looked at at the last refresh, else empty."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """Which object it is, and how it is to be. ``hidden``: leaves of ``spec`` that are secret."""

    declaration: str
    environment: str
    key: Key
    spec: Tree
    hidden: frozenset[Path]
    adopt: bool
    replace_guests: bool

    @property
    def id(self) -> str:
        parts = (self.environment, self.key.kind, self.key.guest, self.key.name)
        return "/".join(part for part in parts if part)

    @property
    def declared(self) -> Declared:
        """As it was given, whatever the declaration says by now."""
        return Declared(self.key, self.spec, sensitive=self.hidden, exact=self.key.kind in SETTINGS_KINDS)

    def is_of(self, item: Declared) -> bool:
        """Whether *item* is what is given, to the leaf."""
        ours, theirs = Observed(self.key, self.spec), Observed(self.key, _tree(item.spec))
        both = replace(self.declared, exact=item.exact), replace(item, spec=_tree(item.spec))
        return not differences(both[0], theirs, _in_place) and not differences(both[1], ours, _in_place)


def aim(given: Properties) -> Aim:
    """What the checked inputs *given* are about."""
    return Aim(
        declaration=given.text("declaration"),
        environment=given.text("environment"),
        key=Key(given.text("kind"), given.text("name"), given.text("guest")),
        spec=given.tree("spec"),
        hidden=given.hidden_in("spec"),
        adopt=bool(given.known.get("adopt")),
        replace_guests=bool(given.known.get("replaceGuests")),
    )


def checked(given: Properties) -> list[Failure]:
    """All that is wrong with what is *given*."""
    failures, kind = check(INPUTS, given), given.text("kind")
    if "guest" not in given.unknown and kind in KINDS and bool(given.text("guest")) != (kind in ENGINE_KINDS):
        where = "on the engine of a guest: name it" if kind in ENGINE_KINDS else "of the hypervisor: give none"
        failures.append(Failure("guest", f"objects of kind {kind} are {where}"))
    return failures


def awaited(given: Properties, state: Properties) -> Properties:
    """What it has in a preview of an update of *state*, which is empty where it is to be created."""
    unknown = {"handle"} if given.text("kind") in HANDLES or "kind" in given.unknown else set()
    if not state.known or "spec" in given.unknown or _image(given) != _image(state):
        unknown.add("made")
    return Properties(
        known={**given.known, **_told({}, state.text("made"), unknown=frozenset(unknown))},
        unknown=given.unknown | unknown,
        hidden=given.hidden,
    )


def _image(of: Properties) -> object:
    """What an object stands on, so that another one is another object."""
    return of.tree("spec").get("image") if of.text("kind") == "disk" else None


def brought(given: Properties, item: Declared, handle: Mapping[str, str], made: str) -> Properties:
    """What it has once it is as it was *given*, which is *item* of the declaration."""
    return Properties(known={**given.known, **_told(handle, made)}, hidden=given.hidden | _of_spec(item.sensitive))


def boot(state: Properties) -> str:
    """What was drawn at the last start of a guest; empty where that is not known."""
    return str(state.tree("handle").get("boot", ""))


def gone(given: Properties, state: Properties) -> Properties:
    """What has the *state* is not there any more."""
    known = {**given.known, **_told({}), **state.known, "due": "create: it is gone"}
    return Properties(known=known, hidden=given.hidden | state.hidden)


def seen(given: Properties, state: Properties, made: Plan, handle: Mapping[str, str]) -> Properties:
    """What it has as it is: *made* is the plan that brings it to what is *given*."""
    spec, hidden = given.tree("spec"), given.hidden
    due = "".join(f"{change.action}: {change.reason}" for change in made)
    for found in [*_heeded(made), *(drift.difference for drift in made.reported)]:
        hidden |= _of_spec({found.path}) if found.sensitive else frozenset()
    for found in _heeded(made):
        spec = _with(spec, found.path, plain(found.before))
    reported = [str(drift.difference) for drift in made.reported]
    told = {**_told(handle, state.text("made")), "spec": spec, "due": due, "reported": reported}
    return Properties(known={**given.known, **told}, hidden=hidden)


def troubled(given: Properties, state: Properties, why: str) -> Properties:
    """The *state* of an object that cannot be looked at; the first line of *why* says why."""
    known = {**given.known, **_told({}), **state.known, "problem": why.partition("\n")[0]}
    return Properties(known=known, hidden=given.hidden | state.hidden)


def diff(before: Properties, state: Properties, given: Properties) -> dict[str, Difference]:
    """What changes from the inputs *before* and the *state* to what is *given*, by path.

    Raises :class:`StrataError` for what must not be applied.
    """
    changed = moved(INPUTS, before, given)
    if _image(given) != _image(before) and not aim(given).replace_guests:
        raise StrataError(
            f"disk {given.text('name')}: it stands on another image, and would be made anew without all that is on it. "
            "Set replaceGuests to agree."
        )
    found = {name: Difference(replaces=True) for name, option in changed.items() if option.effect == "replace"}
    found |= {"spec": Difference()} if "spec" in given.unknown else _leaves(before, state, given, bool(found))
    return found | {name: Difference(of_input=False) for name in ("due", "problem") if state.text(name)}


def refuse_move() -> StrataError:
    """Why a volume cannot follow its declaration here."""
    return StrataError(
        "it would be made anew and its data moved, for which the containers that use it have to stop. Bring the "
        "environment up with Ansible this once; Pulumi then goes on with what it finds."
    )


def _leaves(before: Properties, state: Properties, given: Properties, anew: bool) -> dict[str, Difference]:
    """*anew*: the object is replaced, so what it takes to change this one does not matter."""
    item = aim(given).declared
    was = dict(leaves(before.tree("spec")))
    now = Observed(item.key, state.tree("spec"), applied=state.tree("spec"))
    found = differences(item, now, _in_place if anew else lambda difference: effect(item.key, difference))
    if item.key.kind == "docker_volume" and any(each.effect is Effect.REPLACE for each in found):
        raise refuse_move()
    told = {
        each.path: Difference(replaces=_is_image(item.key, each.path), of_input=was.get(each.path) != each.after)
        for each in found
    }
    hidden = {place: Difference() for place in before.hidden_in("spec") ^ given.hidden_in("spec")}
    return {path_in("spec", place): difference for place, difference in (hidden | told).items()}


def _is_image(key: Key, path: Path) -> bool:
    """Whether another one is another object, as in :func:`_image`."""
    return key.kind == "disk" and path == ("image",)


def _in_place(_difference: model.Difference) -> Effect:
    return Effect.IN_PLACE


def _heeded(made: Plan) -> list[model.Difference]:
    return [difference for change in made for difference in change.differences]


def _told(handle: Mapping[str, str], made: str = "", unknown: frozenset[str] = frozenset()) -> dict[str, object]:
    told = {"handle": dict(handle), "made": made, "due": "", "reported": [], "problem": ""}
    return {name: value for name, value in told.items() if name not in unknown}


def _of_spec(places: frozenset[Path] | set[Path]) -> frozenset[Path]:
    return frozenset(("spec", *place) for place in places)


def _tree(spec: Tree) -> Tree:
    found = plain(spec)
    if not isinstance(found, dict):
        raise AssertionError("a spec is a mapping")
    return found


def _with(tree: Tree, place: Path, value: object) -> Tree:
    """*tree* with *value* at *place*; ``None`` takes what is there out."""
    first, *rest = place
    inner = tree.get(first)
    if rest:
        value = _with(inner if isinstance(inner, Mapping) else {}, tuple(rest), value)
    kept = {key: item for key, item in tree.items() if key != first}
    return kept if value is None else {**kept, first: value}


def refuse_import() -> StrataError:
    """Why an id alone is not enough."""
    return StrataError(
        "an object cannot be imported by its id, which does not tell its declaration. Declare it in the program: what "
        "is there of its environment is found, and taken over, when it is made."
    )
