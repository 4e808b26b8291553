# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures that all tests share; what they start ends with the session, whatever happens."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

sys.path.insert(0, str(Path(__file__).parent))

import lab

# A machine under load is no failure.
settings.register_profile("strata", deadline=None)
settings.load_profile("strata")

if TYPE_CHECKING:
    import docker
    from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor


#: These share the guests of one `two_hosts`, which one worker brings up.
SHARING = ("test_fingerprint_of_guests.py", "test_two_hosts.py")
#: Files that take longest begin first.
LONGEST = ("test_molecule.py", *SHARING, "test_pulumi_two_hosts.py")


class ByFile(LoadFileScheduling):
    """Each worker has one file after the other; files that share guests are one."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "two_hosts" if file.endswith(SHARING) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


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
