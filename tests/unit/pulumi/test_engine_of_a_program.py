# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The readiness gate as a program has it, under Pulumi's own mocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pulumi
import pytest
from mocked_program import Registered, mocked_program, value
from strata_pulumi.resources import Engine, EngineArgs, Provider

WEB: EngineArgs = {"environment": "lab", "guest": "web", "address": "10.83.0.11"}
TOLD = {
    "host": "ssh://root@10.83.0.11",
    "sshOpts": ["-F", "/srv/strata/ssh_config"],
    "engineVersion": "26.1.5",
    "apiVersion": "1.45",
    "engineId": "ABCD",
    "problem": "",
}


@pytest.fixture
def registered() -> Iterator[Registered]:
    with mocked_program({"strata:index:Engine": TOLD}) as made:
        yield made


def test_an_engine_is_declared_under_the_names_of_the_protocol(registered: Registered) -> None:
    value(Engine("web", {**WEB, "domain_id": "0f", "ready_timeout": 90.0}).host)
    ((kind, name, inputs, _provider),) = registered.all
    assert (kind, name) == ("strata:index:Engine", "web")
    assert inputs == {**WEB, "domainId": "0f", "readyTimeout": 90.0}


def test_what_an_engine_tells_has_the_names_of_python(registered: Registered) -> None:
    web = Engine("web", WEB)
    told = {
        "host": web.host,
        "sshOpts": web.ssh_opts,
        "engineVersion": web.engine_version,
        "apiVersion": web.api_version,
        "engineId": web.engine_id,
        "problem": web.problem,
    }
    assert {name: value(output) for name, output in told.items()} == TOLD


def test_a_provider_of_its_own_tells_where_guests_are(registered: Registered) -> None:
    provider = Provider("strata", {"hypervisor": "embedded", "state_folder": "/srv/strata"})
    value(Engine("web", WEB, pulumi.ResourceOptions(provider=provider)).host)
    (kind, name, inputs, _none), (*_engine, used) = registered.all
    assert (kind, name) == ("pulumi:providers:strata", "strata")
    assert inputs == {"hypervisor": "embedded", "stateFolder": "/srv/strata"}
    assert used.endswith("::strata-id")


def test_a_misspelt_argument_is_left_to_the_provider_to_name(registered: Registered) -> None:
    misspelt: Any = {**WEB, "adress": "10.83.0.12"}
    value(Engine("web", misspelt).host)
    assert registered.all[0][2] == misspelt
