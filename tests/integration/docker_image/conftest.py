# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries beside the session's engine, each on a port of its own in the engine's namespace."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import registry as registries
from lab import LabEngine
from packages import unpacked
from registry import Registry


@pytest.fixture(scope="session")
def registry_program() -> Path:
    return unpacked("docker-registry") / "usr/bin/docker-registry"


@pytest.fixture(scope="session")
def registry(lab_engine: LabEngine, registry_program: Path) -> Iterator[Registry]:
    """A registry that everybody may read and write."""
    with registries.registry(lab_engine, registry_program, 5000) as running:
        yield running


@pytest.fixture(scope="session")
def closed_registry(lab_engine: LabEngine, registry_program: Path) -> Iterator[Registry]:
    """A registry that asks for a user and a password."""
    with registries.registry(lab_engine, registry_program, 5001, password=True) as running:
        yield running


@pytest.fixture(scope="session")
def faulty_registry(lab_engine: LabEngine) -> Iterator[str]:
    """The address of a registry that fails as its repositories are named."""
    with registries.faulty_registry(lab_engine, 5002) as address:
        yield address
