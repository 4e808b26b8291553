# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules image and docker_info on a real engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from docker_module import IMAGE, Modules, actions, sleeper

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.lab


def names(client: docker.APIClient) -> set[str]:
    return {tag for image in client.images() for tag in image["RepoTags"] or ()}


def test_an_image_is_built_again_when_its_context_changes(
    modules: Modules, client: docker.APIClient, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {IMAGE}\nCOPY page /page\n")
    (tmp_path / "page").write_text("one")
    image = {"name": "team/app:1", "build": {"context": str(tmp_path), "labels": {"by": "test"}}}
    before = names(client)
    made = modules.four_phases("image", **image)
    assert actions(made) == ["create image team/app:1"]
    assert made["image"]["Config"]["Labels"]["by"] == "test"
    (tmp_path / "page").write_text("two")
    changed = modules.four_phases("image", **image)
    assert actions(changed) == ["update image team/app:1"]
    assert changed["image"]["Id"] != made["image"]["Id"]
    client.tag(IMAGE, "team/app", "1")
    drifted = modules.run("image", **image)
    assert [item["cause"] for item in drifted["plan"][0]["differences"]] == ["drift"]
    assert drifted["image"]["Id"] == changed["image"]["Id"]
    gone = modules.four_phases("image", name="team/app:1", state="absent")
    assert actions(gone) == ["delete image team/app:1"]
    assert names(client) == before


def test_a_strangers_image_of_the_name_is_left_alone_until_it_is_adopted(
    modules: Modules, client: docker.APIClient
) -> None:
    client.tag(IMAGE, "team/app", "1")
    build = {"context": "/", "dockerfile_inline": f"FROM {IMAGE}\nLABEL a=b\n"}
    build["context"] = str(Path(__file__).parent)
    assert "adopt: true" in modules.refused("image", name="team/app:1", build=build)
    assert "does not belong" in modules.refused("image", name="team/app:1", state="absent")
    adopted = modules.four_phases("image", name="team/app:1", build=build, adopt=True)
    assert adopted["image"]["Config"]["Labels"]["a"] == "b"
    assert IMAGE in names(client)


def test_an_image_that_is_there_is_not_pulled_and_one_that_is_not_fails_with_advice(modules: Modules) -> None:
    assert modules.run("image", name=IMAGE)["changed"] is False
    assert "pull_policy is never" in modules.refused("image", check=True, name="nowhere:1", pull_policy="never")
    assert modules.run("image", check=True, name="registry.invalid/nothing:1")["changed"] is True
    assert "cannot be pulled" in modules.refused("image", name="registry.invalid/nothing:1")


def test_an_archive_that_is_not_as_declared_is_refused(modules: Modules, tmp_path: Path) -> None:
    (tmp_path / "none.tar").write_text("no archive")
    said = modules.refused("image", check=True, name="team/app:1", archive=str(tmp_path / "none.tar"))
    assert "not an archive of an image" in said
    digest = "0" * 64
    said = modules.refused("image", check=True, name="a:1", archive=str(tmp_path / "none.tar"), sha256=digest)
    assert f"not {digest} as declared" in said


def test_docker_info_tells_what_there_is_and_hides_secrets(modules: Modules, client: docker.APIClient) -> None:
    app = sleeper(environment={"MODE": "quiet", "API_TOKEN": "planted", "URL": "http://me:planted@host/"})
    modules.run("container", project_name="shop", services={"app": app})
    modules.run("docker_volume", name="nas", driver_opts={"type": "nfs", "device": ":/x", "o": "password=planted"})
    client.create_network("theirs")
    found = modules.run("docker_info")
    assert found["changed"] is False
    assert found["version"] in found["info"]["ServerVersion"]
    assert [container["Name"] for container in found["containers"]] == ["/shop-app-1"]
    assert "MODE=quiet" in found["containers"][0]["Config"]["Env"]
    assert {"theirs", "shop_default"} < {network["Name"] for network in found["networks"]}
    assert "planted" not in modules.process("docker_info").stdout


def test_docker_info_returns_only_what_is_asked_for(modules: Modules, client: docker.APIClient) -> None:
    modules.run("container", project_name="shop", services={"app": sleeper()})
    modules.run("docker_network", name="alone", environment="other")
    client.create_network("theirs")
    ours = modules.run("docker_info", environment="standalone", subset=["networks", "volumes"])
    assert [network["Name"] for network in ours["networks"]] == ["shop_default"]
    assert "containers" not in ours
    named = modules.run("docker_info", name="alone", subset=["networks", "images"])
    assert ([network["Name"] for network in named["networks"]], named["images"]) == (["alone"], [])
    project = modules.run("docker_info", project="shop", subset=["containers"])
    assert [container["Name"] for container in project["containers"]] == ["/shop-app-1"]
