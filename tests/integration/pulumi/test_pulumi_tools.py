# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tools/pulumi/build makes: a CLI that runs Python programs, and plugins that speak as Pulumi's packages do."""

from __future__ import annotations

import inspect
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pulumi
import pulumi_docker
import pulumi_libvirt
import pytest
from pulumi._types import input_type_py_to_pulumi_names
from pulumi.runtime.proto.provider_pb2 import GetSchemaRequest
from pulumi_tools import Project, binaries, plugin

pytestmark = pytest.mark.pulumi

PACKAGES = {"docker": (pulumi_docker, "5.2.0"), "libvirt": (pulumi_libvirt, "0.5.4")}

#: Of Pulumi's plugin beside the bridge; builds of ours are declared with the engine's own builder.
NOT_BRIDGED = {"docker:index/image:Image"}

#: What the provider of the plugin has, and the one that Pulumi's package was made from had not yet.
NEWER = {"libvirt:index/DomainNetworkInterface:DomainNetworkInterface": {"private"}}

PROGRAM = """
import pulumi


class Greeting(pulumi.ComponentResource):
    def __init__(self, name: str) -> None:
        super().__init__("test:index:Greeting", name)
        self.text = pulumi.Output.from_input(f"hello {name}")
        self.register_outputs({"text": self.text})


pulumi.export("text", Greeting("world").text)
pulumi.export("secret", pulumi.Output.secret("open-sesame-4711"))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A program without providers, brought up once."""
    made = Project(tmp_path_factory.mktemp("project"))
    (made.folder / "Pulumi.yaml").write_text("name: greeting\nruntime: python\n")
    (made.folder / "__main__.py").write_text(PROGRAM)
    made.pulumi("stack", "init", "test")
    made.pulumi("up", "--yes", "--stack", "test")
    yield made
    made.pulumi("destroy", "--yes", "--stack", "test", "--remove")


@pytest.fixture(scope="module", params=list(PACKAGES))
def schema(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The schema that a plugin tells over gRPC."""
    with plugin(request.param) as asked:
        return json.loads(asked.GetSchema(GetSchemaRequest(), timeout=60).schema)


def test_all_tools_are_there_and_can_be_run() -> None:
    programs = {file.name for file in binaries().iterdir() if os.access(file, os.X_OK)}
    assert programs == {
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-docker",
        "pulumi-resource-libvirt",
        "pulumi-resource-pulumi-python",
    }


def test_the_cli_tells_the_version_it_was_built_from(tmp_path: Path) -> None:
    assert Project(tmp_path).pulumi("version") == "v3.259.0\n"


def test_a_python_program_runs_and_its_outputs_are_kept_in_a_folder(project: Project) -> None:
    outputs = json.loads(project.pulumi("stack", "output", "--json", "--stack", "test", "--show-secrets"))
    assert outputs == {"text": "hello world", "secret": "open-sesame-4711"}
    state = next((project.folder / ".pulumi/stacks").rglob("test.json")).read_text()
    assert "test:index:Greeting" in state
    assert "open-sesame-4711" not in state


def test_a_program_that_did_not_change_has_nothing_to_do(project: Project) -> None:
    project.pulumi("preview", "--expect-no-changes", "--stack", "test")


@pytest.mark.parametrize("name", list(PACKAGES))
def test_a_plugin_tells_the_version_of_pulumis_package(name: str) -> None:
    from google.protobuf.empty_pb2 import Empty

    with plugin(name) as asked:
        assert asked.GetPluginInfo(Empty(), timeout=60).version == PACKAGES[name][1]


def resources(package: ModuleType) -> dict[str, type[Any]]:
    """Token -> class of the inputs, of the resources of a package of Pulumi that its plugin has too."""
    found = {}
    for name, value in inspect.getmembers(package, inspect.isclass):
        if issubclass(value, pulumi.CustomResource) and not issubclass(value, pulumi.ProviderResource):
            token = re.findall(rf"'(\w+:index/\w+:{name})'", inspect.getsource(value))[0]
            found[token] = getattr(package, f"{name}Args")
    return {token: arguments for token, arguments in found.items() if token not in NOT_BRIDGED}


def test_a_plugin_has_the_resources_of_pulumis_package(schema: dict[str, Any]) -> None:
    package, _version = PACKAGES[schema["name"]]
    assert set(schema["resources"]) == set(resources(package))


def test_a_plugin_takes_the_inputs_of_pulumis_package_by_their_names(schema: dict[str, Any]) -> None:
    package, _version = PACKAGES[schema["name"]]
    for token, arguments in resources(package).items():
        expected = set(input_type_py_to_pulumi_names(arguments).values())
        assert set(schema["resources"][token]["inputProperties"]) == expected, token


def test_a_plugin_takes_what_lies_within_inputs_by_its_names_too(schema: dict[str, Any]) -> None:
    package, _version = PACKAGES[schema["name"]]
    compared = 0
    for token, declared in schema["types"].items():
        arguments = getattr(package, f"{token.rsplit(':', 1)[1]}Args", None)
        if arguments:
            compared += 1
            expected = set(input_type_py_to_pulumi_names(arguments).values()) | NEWER.get(token, set())
            assert set(declared["properties"]) == expected, token
    assert compared > 10


def test_a_plugin_is_configured_by_the_names_of_pulumis_package(schema: dict[str, Any]) -> None:
    package, _version = PACKAGES[schema["name"]]
    expected = set(input_type_py_to_pulumi_names(package.ProviderArgs).values())
    assert set(schema["provider"]["inputProperties"]) == expected
