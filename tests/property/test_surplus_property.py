# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever a project becomes, each container of it is declared, surplus or an orphan, and exactly one of these."""

from __future__ import annotations

from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import Project, Service
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.replicas import replicas
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.surplus import surplus
from hypothesis import given
from hypothesis import strategies as st

names = st.sampled_from(["app", "db"])


@st.composite
def projects(draw: st.DrawFn) -> Project:
    """Services of which some bear names of their own; no name is that of two containers."""
    services = [
        Service(
            name=name,
            image="app:1",
            replicas=draw(st.integers(0, 3)),
            container_name=draw(st.sampled_from([None, f"{name}-one", f"{name}-two"])),
        )
        for name in sorted(draw(st.sets(names)))
    ]
    return Project(name="p", file="/nowhere", services={service.name: service for service in services})


def engine(project: Project) -> Engine:
    nobody: Any = None
    return Engine(guest="apps", environment="lab", client=nobody, project=project)


@given(projects(), projects())
def test_a_container_is_surplus_exactly_where_its_service_is_declared_and_it_is_not(
    before: Project, after: Project
) -> None:
    for name, replica in replicas(before).items():
        service = replica.service.name
        labels = {
            "strata.container": name,
            "strata.project": "p",
            "strata.service": service,
            "strata.replica": str(replica.index),
        }
        expected = service in after.services and name not in replicas(after)
        assert bool(surplus(engine(after), name, labels)) is expected
