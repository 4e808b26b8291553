# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures that all tests share; what they start ends with the session, whatever happens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

import lab

# A machine under load is no failure.
settings.register_profile("strata", deadline=None)
settings.load_profile("strata")

if TYPE_CHECKING:
    import docker
    from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor


@pytest.fixture(scope="session")
def hypervisor() -> Iterator[Hypervisor]:
    """An open connection to an embedded hypervisor in a state folder of its own."""
    with lab.lab_hypervisor() as opened:
        yield opened


@pytest.fixture(scope="session")
def lab_engine() -> Iterator[lab.LabEngine]:
    """A real dockerd in namespaces of its own: socket, network namespace."""
    with lab.lab_engine() as engine:
        yield engine


@pytest.fixture(scope="session")
def engine_client(lab_engine: lab.LabEngine) -> Iterator[docker.APIClient]:
    """The API of a real dockerd of this session."""
    client = lab_engine.client()
    yield client
    client.close()
