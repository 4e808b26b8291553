# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The resource ``strata:index:Engine``: the Docker engine of a guest, which is there once it answers by SSH. No I/O.

Creating one makes nothing on the guest. What it has is what the guest told when it was ready.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.scalars import NAME
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access

from .option import Option, part_of_id
from .properties import Properties
from .resource import Difference, Output
from .site import Site

TYPE = "strata:index:Engine"

#: Seconds, as a declaration's ``boot_timeout``.
READY_TIMEOUT = 300.0


def _address(value: str) -> str | None:
    try:
        IPv4Address(value)
    except AddressValueError:
        return "an IPv4 address"
    return None


def _seconds(value: float) -> str | None:
    return None if 0 < value < float("inf") else "a number of seconds greater than 0"


INPUTS = (
    part_of_id("environment", "Name of the environment that the guest is of."),
    part_of_id("guest", "Name of the guest in its environment."),
    Option(
        name="address",
        type="string",
        required=True,
        wrong=_address,
        about="IPv4 address of the guest, to which the environment's SSH configuration has to lead.",
    ),
    Option(
        name="domainId",
        type="string",
        effect="replace",
        about="Id of the guest's domain; another one replaces the engine, and with it what lives on it.",
    ),
    Option(
        name="boot",
        type="string",
        about="Drawn at each start of the guest, as its object's handle tells; another one has its engine awaited.",
    ),
    Option(
        name="readyTimeout",
        type="number",
        effect="nothing",
        wrong=_seconds,
        about=f"Seconds to wait for SSH and the Docker API together; {READY_TIMEOUT:g} where not given.",
    ),
)


OUTPUTS: Mapping[str, Output] = {
    "host": Output(about="URL of the engine for pulumi_docker's provider: `ssh://root@ADDRESS`."),
    "sshOpts": Output(
        type="array",
        items="string",
        about="Options of ssh for pulumi_docker's provider: the environment's SSH configuration, which has the key, "
        "the pinned host keys and the one connection (ControlMaster) that all share.",
    ),
    "engineVersion": Output(about="Version of the engine, e.g. `26.1.5+dfsg1`."),
    "apiVersion": Output(about="Newest version of the Docker Engine API that it speaks, e.g. `1.45`."),
    "engineId": Output(about="Id of the engine: another one has another data folder, and none of the old containers."),
    "problem": Output(about="Why the engine did not answer at the last refresh, else empty; an update waits for it."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Which guest's engine it is."""

    environment: str
    guest: str

    @property
    def id(self) -> str:
        return f"{self.environment}/{self.guest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a ready engine tells of itself."""

    version: str
    api_version: str
    id: str


def place_of(inputs: Properties) -> Place:
    """Where checked *inputs* lead to."""
    return Place(environment=inputs.text("environment"), guest=inputs.text("guest"))


def parse(identity: str) -> Place:
    """The place with the id *identity*. Raises :class:`StrataError`."""
    environment, _slash, guest = identity.partition("/")
    if not (re.fullmatch(NAME, environment) and re.fullmatch(NAME, guest)):
        raise StrataError(f"{identity!r} is no id of an engine; write ENVIRONMENT/GUEST, e.g. two_hosts/web.")
    return Place(environment=environment, guest=guest)


def timeout(inputs: Properties, custom: float) -> float:
    """Seconds to wait; *custom* is that of Pulumi's own option ``customTimeouts``, 0 where it was not given."""
    given = float(inputs.known.get("readyTimeout", READY_TIMEOUT))
    return min(given, custom) if custom else given


def outputs(inputs: Properties, facts: Facts, site: Site) -> Properties:
    """What the resource has once its engine is ready."""
    told = {"engineVersion": facts.version, "apiVersion": facts.api_version, "engineId": facts.id, "problem": ""}
    hidden = {"host": "address" in inputs.secret, "sshOpts": site.folder_is_secret}
    return Properties(
        known={**_ways(inputs, site), **told}, hidden=frozenset((name,) for name, secret in hidden.items() if secret)
    )


def awaited(state: Properties) -> Properties:
    """What it has in a preview of an update of *state*: an engine that is awaited once more stays what it is. Of one
    that is to come nothing is known: a provider that had the host would connect to it, too early."""
    if state.known:
        return Properties(known={**state.known, "problem": ""}, hidden=state.hidden)
    return Properties(unknown=frozenset(OUTPUTS))


def troubled(state: Properties, why: str) -> Properties:
    """The *state* of an engine that does not answer; the first line of *why* says what is wrong."""
    return Properties(known={**state.known, "problem": why.partition("\n")[0]}, hidden=state.hidden)


def imported(place: Place, address: str) -> Properties:
    """The inputs that give what is there already."""
    return Properties(known={"environment": place.environment, "guest": place.guest, "address": address})


def diff(before: Properties, state: Properties, given: Properties, site: Site) -> dict[str, Difference]:
    """What changes from the inputs *before* and the *state* to what is *given*, by property."""
    inputs = {option.name: found for option in INPUTS if (found := _changed(option, before, given))}
    expected = {"sshOpts": _ways(given, site)["sshOpts"], "problem": ""}
    stale = [name for name, value in expected.items() if state.known.get(name, value) != value]
    return inputs | {name: Difference(of_input=False) for name in stale}


def _ways(inputs: Properties, site: Site) -> dict[str, Any]:
    """What leads to the engine. One file says how, so that it may change without the state noticing."""
    config = access.shell(inputs.text("environment"), inputs.text("guest"), site.folders).config
    return {"host": f"ssh://root@{inputs.text('address')}", "sshOpts": ["-F", str(config)]}


def _changed(option: Option, before: Properties, given: Properties) -> Difference | None:
    """A trigger that was not there before, or is there no more, tells nothing: only another value does."""
    both = option.name in before.names & given.names
    if option.effect == "nothing" or not both or before.same(given, option.name):
        return None
    return Difference(replaces=option.effect == "replace")
