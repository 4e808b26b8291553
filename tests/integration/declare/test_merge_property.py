# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two random Compose files, the second over the first: we merge them as `docker compose` does."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from compose_config import config
from compose_corpus import Case
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_compose_corpus import differences, reasons

pytestmark = pytest.mark.lab

NAMES = st.sampled_from(["A", "B", "C"])
WORDS = st.sampled_from(["one", "two", "three"])
PAIRS = st.dictionaries(NAMES, WORDS, min_size=1)
#: A mapping, or a list of the same.
EITHER = PAIRS | PAIRS.map(lambda pairs: [f"{name}={value}" for name, value in pairs.items()])


def some(*choices: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(choices), min_size=1, unique_by=json.dumps)


SERVICE = st.fixed_dictionaries(
    {},
    optional={
        "image": st.sampled_from(["app:1", "app:2"]),
        "command": some("a", "b") | st.just("a b"),
        "entrypoint": some("a", "b"),
        "environment": EITHER,
        "labels": EITHER,
        "annotations": EITHER,
        "build": st.just(".") | st.fixed_dictionaries({}, optional={"target": WORDS, "args": EITHER, "labels": EITHER}),
        "ports": some("80:80", "81:80", "127.0.0.1:80:80", {"target": 90, "published": "91"}),
        "volumes": st.sampled_from(
            [
                ["data:/a"],
                ["/srv:/a", "data:/b"],
                [{"type": "bind", "source": "/s", "target": "/b", "bind": {"create_host_path": True}}],
            ]
        ),
        "devices": st.sampled_from([["/dev/a:/dev/x"], ["/dev/b:/dev/x", "/dev/c"]]),
        "expose": some("1", "2", "3"),
        "dns": st.just("1.1.1.1") | some("1.1.1.1", "8.8.8.8"),
        "tmpfs": st.just("/run") | some("/run", "/tmp"),
        "cap_add": some("NET_ADMIN", "SYS_TIME"),
        "depends_on": st.just(["db"]) | st.just({"db": {"condition": "service_healthy"}}),
        "networks": some("front", "back")
        | st.dictionaries(
            st.sampled_from(["front", "back"]),
            st.none() | st.fixed_dictionaries({}, optional={"priority": st.integers(1, 9), "aliases": some("x", "y")}),
            min_size=1,
        ),
        "healthcheck": st.fixed_dictionaries(
            {"test": some("CMD").map(lambda test: [*test, "x"])}, optional={"retries": st.integers(1, 5)}
        ),
        "logging": st.fixed_dictionaries(
            {"driver": st.sampled_from(["local", "json-file"])}, optional={"options": PAIRS}
        ),
        "ulimits": st.dictionaries(st.sampled_from(["nofile", "nproc"]), st.just(5) | st.just({"soft": 1, "hard": 2})),
        "deploy": st.fixed_dictionaries({}, optional={"replicas": st.integers(1, 3)}),
        "extra_hosts": st.just(["a=10.0.0.1"]) | st.just({"b": "10.0.0.2"}),
        "restart": st.sampled_from(["always", "no"]),
    },
)


def written(service: dict[str, Any]) -> str:
    db = {"image": "db:1", "networks": ["front", "back"], "volumes": ["data:/data"]}
    empty: dict[str, None] = {"front": None, "back": None}
    return json.dumps({"services": {"app": service, "db": db}, "networks": empty, "volumes": {"data": None}})


@settings(max_examples=20, deadline=None, phases=[Phase.generate], suppress_health_check=[HealthCheck.too_slow])
@given(SERVICE, SERVICE)
def test_two_files_are_merged_as_by_docker_compose(first: dict[str, Any], second: dict[str, Any]) -> None:
    with TemporaryDirectory(prefix="merge-") as folder:
        case = Case(Path(folder) / "project")
        case.folder.mkdir()
        (case.folder / "Dockerfile").write_text("FROM scratch\n")
        (case.folder / "compose.yaml").write_text(written({"image": "app:0", **first}))
        (case.folder / "compose.override.yaml").write_text(written(second))
        shown = config(case)
        assert isinstance(shown, dict), shown
        assert {path: two for path, two in differences(case, shown).items() if not reasons(path)} == {}
