# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects and files of containers as a program has them, under Pulumi's own mocks."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Key
from mocked_program import Registered, mocked_program, value
from pulumi.runtime import rpc
from strata_pulumi.gate.schema import schema
from strata_pulumi.resources import ContainerFiles, ContainerFilesArgs, Object, ObjectArgs, object_args, spec_of

ITEM = Declared(
    Key("engine", "docker", "web"),
    {"settings": {"log-driver": "local", "http-proxy": "http://me:s3cret@proxy"}, "list": ("a", "b"), "none": None},
    sensitive=frozenset({("settings", "http-proxy")}),
)
TOLD = {
    "strata:index:Object": {
        "handle": {"id": "sha256:0"},
        "made": "first",
        "due": "start: not running",
        "reported": ["x"],
        "problem": "silent",
    },
    "strata:index:ContainerFiles": {"edited": {"/p": "missing"}, "problem": "silent"},
}


@pytest.fixture
def registered() -> Iterator[Registered]:
    with mocked_program(TOLD) as made:
        yield made


def test_an_object_is_declared_with_all_that_the_core_declares_of_it(registered: Registered) -> None:
    made = Object("docker", {**object_args(ITEM, "/d.yml", "lab"), "replace_guests": False})
    told = {
        "handle": made.handle,
        "made": made.made,
        "due": made.due,
        "reported": made.reported,
        "problem": made.problem,
    }
    assert {name: value(output) for name, output in told.items()} == TOLD["strata:index:Object"]
    ((kind, name, inputs, _provider),) = registered.all
    assert (kind, name) == ("strata:index:Object", "docker")
    spec = rpc.unwrap_rpc_secret(inputs.pop("spec"))
    assert inputs == {
        "declaration": "/d.yml",
        "environment": "lab",
        "kind": "engine",
        "name": "docker",
        "guest": "web",
        "replaceGuests": False,
    }
    assert spec["settings"]["log-driver"] == "local"
    assert spec["list"] == ["a", "b"]


def test_sensitive_leaves_alone_are_secrets_of_pulumi(registered: Registered) -> None:
    spec = spec_of(ITEM)
    proxy = spec["settings"]["http-proxy"]
    assert asyncio.get_event_loop().run_until_complete(proxy.is_secret())
    assert value(proxy) == "http://me:s3cret@proxy"
    assert spec["settings"]["log-driver"] == "local"


def test_files_of_a_container_are_declared_by_their_paths(registered: Registered) -> None:
    place = {"declaration": "/d.yml", "environment": "lab", "guest": "web", "name": "shop-app-1"}
    given: Any = {**place, "files": ["/var/lib/strata/shop/shop-app-1/password-0"]}
    made = ContainerFiles("app", given)
    told = {"edited": made.edited, "problem": made.problem}
    assert {name: value(output) for name, output in told.items()} == TOLD["strata:index:ContainerFiles"]
    ((*registration, _provider),) = registered.all
    assert registration == ["strata:index:ContainerFiles", "app", given]


@pytest.mark.parametrize(("resource", "arguments"), [("Object", ObjectArgs), ("ContainerFiles", ContainerFilesArgs)])
def test_a_program_can_give_what_the_schema_has_and_must_give_what_that_requires(resource: str, arguments: Any) -> None:
    told = json.loads(schema("1.0"))["resources"][f"strata:index:{resource}"]
    snake = {re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name) for name in told["inputProperties"]}
    assert snake == arguments.__required_keys__ | arguments.__optional_keys__
    assert set(told["requiredInputs"]) == arguments.__required_keys__
    assert set(told["required"]) <= set(told["properties"])
    assert set(TOLD[f"strata:index:{resource}"]) | set(told["inputProperties"]) == set(told["properties"])
