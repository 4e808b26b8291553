# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our reader of Compose files against Debian 13's `docker compose`: each file of the corpus means the same to both.

Where the two differ on purpose, the reason stands in a table; one that no file needs any longer is an error too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from typing import Any

import pytest
from compose_config import config
from compose_corpus import Case, cases
from compose_model import as_compose

pytestmark = pytest.mark.lab

CASES = cases("compose")
#: Of values that `docker compose` leaves out.
DEFAULTS: Mapping[str, Any] = {
    "services.*.replicas": 1,
    "services.*.restart": "no",
    "services.*.pull_policy": "missing",
    "services.*.networks.*.priority": 0,
    "services.*.update_config.parallelism": 1,
    "services.*.update_config.order": "stop-first",
    "services.*.depends_on.*.restart": False,
    "services.*.ports.*.mode": "ingress",
    "networks.*.ipam.driver": "default",
    "networks.*.driver": "bridge",
    "volumes.*.driver": "local",
}
#: Where an empty value differs from none.
EMPTY_COUNTS = (".command", ".entrypoint", ".init", ".replicas")
#: Path of what differs -> why.
DIFFERENCES: Mapping[str, str] = {
    "networks.*.enable_ipv4": "IPv4 is always on before engine 28, so the key says nothing; false is refused",
    "services.*.ports.*.name": "a name for people; an engine is not told",
    "services.*.ports.*.app_protocol": "a hint for other platforms; an engine is not told",
    "services.*.ports.*.mode": "only swarms distinguish host and ingress",
    "services.*.profiles.*": "the project holds only what runs, so nobody asks any more",
    "services.app.depends_on.debug.condition": "what need not be there and does not run is no dependency",
    "volumes.unused.name": "what the file declares is made, used or not: data may be in it",
    "networks.unused.name": "what the file declares is made, used or not",
    "secrets.unused": "a file that is named is read, used or not, so that a mistake shows at once",
}
#: By file: what `docker compose` 2.26 says to something of the Specification that came later.
REFUSED_THERE: Mapping[str, str] = {
    "env-file-format": 'unsupported env_file format "raw"',
    "secrets-content": "Additional property content is not allowed",
}


@pytest.fixture(scope="session")
def configs() -> dict[str, dict[str, Any] | str]:
    """What `docker compose` shows, by file."""
    with ThreadPoolExecutor(4) as pool:
        return dict(zip([case.name for case in CASES], pool.map(config, CASES), strict=True))


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """What is set: no empty collection, nothing that is off, no default. An empty command is set."""
    if isinstance(value, (dict, list)) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, f"{path}.{key}".lstrip("."))
    elif is_set(value, path):
        yield path, value


def is_set(value: Any, path: str) -> bool:
    if value in (None, False, 0, [], {}) and not (value is not None and path.endswith(EMPTY_COUNTS)):
        return False
    return bool(value != next((default for name, default in DEFAULTS.items() if fnmatchcase(path, name)), None))


def differences(case: Case, config: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    ours, theirs = dict(leaves(as_compose(case.read()))), dict(leaves(config))
    return {
        path: (ours.get(path), theirs.get(path))
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path) != theirs.get(path)
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_means_what_it_means_to_docker_compose(case: Case, configs: dict[str, dict[str, Any] | str]) -> None:
    shown = configs[case.name]
    if case.name in REFUSED_THERE:
        assert isinstance(shown, str)
        assert REFUSED_THERE[case.name] in shown
        assert case.read().services
        return
    assert isinstance(shown, dict), shown
    found = differences(case, shown)
    assert {path: two for path, two in found.items() if not reasons(path)} == {}


def reasons(path: str) -> set[str]:
    """Entries of the table that *path* is about."""
    return {pattern for pattern in DIFFERENCES if fnmatchcase(path, pattern)}


def test_every_difference_that_has_a_reason_is_there(configs: dict[str, dict[str, Any] | str]) -> None:
    shown = [(case, configs[case.name]) for case in CASES]
    found = {path for case, config in shown if isinstance(config, dict) for path in differences(case, config)}
    assert {pattern for path in found for pattern in reasons(path)} == DIFFERENCES.keys()
    assert {case.name for case, config in shown if isinstance(config, str)} == REFUSED_THERE.keys()
