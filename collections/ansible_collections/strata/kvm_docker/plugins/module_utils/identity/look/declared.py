# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declaration as it was read, with its defaults: the plane of intent. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...declare.environment import Environment
from ..leaf import Branch

#: Where it is and who it is, and not what: these differ between two environments of one declaration.
_IDENTITY = ("name", "folder")


def declared_branches(environment: Environment) -> Iterator[Branch]:
    """One branch for each section of the declaration."""
    for section, tree in _as_data(environment).items():
        if section not in _IDENTITY:
            yield Branch(path=("intent", section), tree=_without_ports(tree), plane="intent", level=1)


def identity_branch(environment: Environment, derived: Mapping[str, str]) -> Branch:
    """What an environment has of its own: its name, ports of the hypervisor, and all that *derived* has names for."""
    ports = {name: {str(port): to for port, to in guest.publish.items()} for name, guest in environment.guests.items()}
    tree = {"environment": environment.name, "publish": ports, **{name: value for value, name in derived.items()}}
    return Branch(path=("identity",), tree=tree, plane="identity", level=1)


def _as_data(environment: Environment) -> dict[str, Any]:
    """In JSON's types."""
    from pydantic import TypeAdapter

    data: dict[str, Any] = TypeAdapter(Environment).dump_python(environment, mode="json", warnings=False)
    return data


def _without_ports(tree: Any) -> Any:
    """Ports of the hypervisor are of its own; those of guests that they lead to are declared alike."""
    if not isinstance(tree, Mapping):
        return tree
    told = {key: _without_ports(value) for key, value in tree.items()}
    if "publish" in told and "compose" in told:
        told["publish"] = sorted(told["publish"].values())
    return told
