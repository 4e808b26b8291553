# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The corpus of Compose files: it has every key that we read, and what is to be refused is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from itertools import chain
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare import (
    build,
    deploy,
    devices,
    endpoints,
    env_file,
    file_source,
    mounts,
    ports,
    read_compose,
    service,
    top_level,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.located import OVERRIDE, RESET
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.yaml_file import read_yaml
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import DeclarationError
from compose_corpus import Case, cases, paths

#: Where keys stand (as a path, * for a name or a number) -> those that we read there.
SUPPORTED: Mapping[str, Iterable[str]] = {
    "": read_compose.KNOWN,
    "services.*": service.KNOWN,
    "services.*.build": build.KNOWN,
    "services.*.deploy": deploy.KNOWN,
    "services.*.deploy.update_config": deploy.UPDATE,
    "services.*.deploy.resources.limits": deploy.LIMITS,
    "services.*.deploy.resources.reservations": deploy.RESERVATIONS,
    "services.*.deploy.restart_policy": deploy.RESTART,
    "services.*.healthcheck": service.HEALTHCHECK,
    "services.*.depends_on.*": service.DEPENDENCY,
    "services.*.configs.*": service.FILE_REFERENCE,
    "services.*.secrets.*": service.FILE_REFERENCE,
    "services.*.devices.*": devices.KNOWN,
    "services.*.blkio_config": devices.BLKIO,
    "services.*.env_file.*": env_file.KNOWN,
    "services.*.networks.*": endpoints.READERS,
    "services.*.ports.*": ports.KNOWN,
    "services.*.volumes.*": mounts.KNOWN,
    **{f"services.*.volumes.*.{kind}": keys for kind, keys in mounts.OPTIONS.items()},
    "networks.*": top_level.NETWORK,
    "networks.*.ipam": top_level.IPAM,
    "networks.*.ipam.config.*": top_level.IPAM_CONFIG,
    "volumes.*": top_level.VOLUME,
    "configs.*": file_source.KNOWN,
    "secrets.*": file_source.KNOWN,
}
REFUSED = cases("refused")
ACCEPTED = cases("compose")


@cache
def written() -> list[tuple[tuple[str, ...], Any]]:
    """Path and value of everything in the corpus."""
    files = [file for case in ACCEPTED for file in case.folder.rglob("*.yaml")]
    return [found for file in files for found in paths(read_yaml(file, (RESET, OVERRIDE))[0].tree)]


def keys_at(pattern: str) -> set[str]:
    """Keys in the corpus that stand at *pattern*."""
    found = (value for path, value in written() if fits(path, pattern) and isinstance(value, dict))
    return set(chain.from_iterable(found))


def fits(path: tuple[str, ...], pattern: str) -> bool:
    parts = pattern.split(".") if pattern else []
    return len(parts) == len(path) and all(fnmatchcase(part, want) for part, want in zip(path, parts, strict=True))


@pytest.mark.parametrize("pattern", SUPPORTED, ids=lambda pattern: pattern or "top level")
def test_the_corpus_has_every_key_that_is_supported(pattern: str) -> None:
    assert set(SUPPORTED[pattern]) - keys_at(pattern) == set()


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert len(ACCEPTED) >= 60
    assert len(REFUSED) >= 25


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_cannot_be_done_is_refused_with_path_and_advice(case: Case) -> None:
    with pytest.raises(DeclarationError) as caught:
        case.read()
    found = [(problem.path, problem.message) for problem in caught.value.problems]
    expected = case.refusals()
    assert [path for path, _message in found] == [path for path, _essence in expected], found
    assert [
        essence for (_path, message), (_same, essence) in zip(found, expected, strict=True) if essence not in message
    ] == [], found
