# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pools as libvirt's own test driver tells them: real definitions in the memory of this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kvm_lab
import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment, StoragePool
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import Fingerprint
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import segments_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.hypervisor import hypervisor_branches
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.names import derived_names, whole_names
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.ruleset import RULES
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.tokens import Tokens
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.pool import render_pool
from ansible_collections.strata.kvm_docker.plugins.module_utils.naming import libvirt_name, object_uuid
from made_fingerprint import made


@pytest.fixture
def kvm() -> Iterator[Any]:
    """A hypervisor without pools."""
    connection = libvirt.open("test:///default")
    for pool in connection.listAllStoragePools():
        pool.destroy()
        pool.undefine()
    yield SimpleNamespace(connection=connection)
    connection.close()


def environment(name: str) -> Environment:
    return replace(kvm_lab.environment(name), pools={"own": StoragePool(path="/srv/own")})


def look(kvm: Any, environment: Environment) -> Fingerprint:
    """What there is of *environment* while its own pool and the declared one are defined."""
    name = environment.name
    places = {name: (name, "/srv/first"), libvirt_name(name, "own"): ("own", "/srv/own")}
    pools = [
        kvm.connection.storagePoolDefineXML(render_pool(called, str(object_uuid(name, "pool", pool)), Path(folder)))
        for called, (pool, folder) in places.items()
    ]
    tokens = Tokens(derived_names(environment), whole=whole_names(environment))
    found = made(*hypervisor_branches(kvm, name), tokens=tokens, rules=RULES)
    for pool in pools:
        pool.undefine()
    return found


def test_a_pool_that_is_declared_as_own_is_told_from_the_environments_own(kvm: Any) -> None:
    found = look(kvm, environment("lab"))
    assert found.unknown == ()
    leaves = {segments_of(leaf.path): leaf.value for leaf in found.leaves}
    folders = {path[1]: value for path, value in leaves.items() if path[2:4] == ("target", "path")}
    assert folders == {":own": "/srv/first", "own": "/srv/own"}


def test_pools_of_two_environments_of_one_declaration_are_the_same(kvm: Any) -> None:
    one, other = (
        {leaf.path: leaf.value for leaf in look(kvm, environment(name)).leaves if leaf.path.startswith("pools/")}
        for name in ("lab", "quite-another")
    )
    assert one == other
