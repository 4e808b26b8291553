# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module docker_volume on a real engine: whatever happens, the data stays."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING, Any

import pytest
from docker_module import IMAGE, Modules, actions, sleeper

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.lab


def holder(client: docker.APIClient, volume: str, name: str = "holder") -> str:
    host = client.create_host_config(mounts=[{"Type": "volume", "Source": volume, "Target": "/data"}])
    client.create_container(IMAGE, ["true"], name=name, host_config=host)
    return name


def fill(client: docker.APIClient, volume: str) -> None:
    """A file of an owner and mode of its own, and a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("notes/letter")
        info.size, info.uid, info.gid, info.mode = 5, 1000, 1001, 0o640
        archive.addfile(info, io.BytesIO(b"words"))
        link = tarfile.TarInfo("latest")
        link.type, link.linkname = tarfile.SYMTYPE, "notes/letter"
        archive.addfile(link)
    name = holder(client, volume)
    client.put_archive(name, "/data", buffer.getvalue())
    client.remove_container(name)


def content(client: docker.APIClient, volume: str) -> dict[str, Any]:
    name = holder(client, volume)
    stream, _stat = client.get_archive(name, "/data/.")
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        found = {member.name: member for member in archive}
        letter = found["./notes/letter"]
        text = archive.extractfile(letter)
        facts = {"text": text.read() if text else b"", "owner": (letter.uid, letter.gid), "mode": letter.mode & 0o777}
    client.remove_container(name)
    return {**facts, "link": found["./latest"].linkname}


LETTER = {"text": b"words", "owner": (1000, 1001), "mode": 0o640, "link": "notes/letter"}


def test_a_volume_lives_from_its_creation_to_its_end(modules: Modules, client: docker.APIClient) -> None:
    made = modules.four_phases("docker_volume", name="data")
    assert actions(made) == ["create docker_volume data"]
    fill(client, "data")
    for check in (True, False):
        assert "recreate: true" in modules.refused("docker_volume", check=check, name="data", labels={"a": "b"})
    changed = modules.four_phases("docker_volume", name="data", labels={"a": "b"}, recreate=True)
    assert actions(changed) == ["replace docker_volume data"]
    assert changed["volume"]["Labels"]["a"] == "b"
    assert content(client, "data") == LETTER
    assert [volume["Name"] for volume in client.volumes()["Volumes"]] == ["data"]
    client.remove_volume("data")
    assert actions(modules.run("docker_volume", name="data", labels={"a": "b"})) == ["create docker_volume data"]
    assert actions(modules.four_phases("docker_volume", name="data", state="absent")) == ["delete docker_volume data"]


def test_an_adopted_volume_keeps_its_data(modules: Modules, client: docker.APIClient) -> None:
    client.create_volume("legacy")
    fill(client, "legacy")
    assert "adopt: true" in modules.refused("docker_volume", name="legacy")
    assert "does not belong" in modules.refused("docker_volume", name="legacy", state="absent")
    modules.four_phases("docker_volume", name="legacy", adopt=True)
    assert content(client, "legacy") == LETTER


def test_a_volume_in_use_is_not_made_anew(modules: Modules, client: docker.APIClient) -> None:
    modules.run("docker_volume", name="data")
    fill(client, "data")
    holder(client, "data", "user")
    said = modules.refused("docker_volume", name="data", labels={"a": "b"}, recreate=True)
    assert "container user, which is not declared, has it mounted" in said
    client.remove_container("user")
    assert content(client, "data") == LETTER


def test_a_volume_that_is_kept_is_removed_by_nothing(modules: Modules, client: docker.APIClient) -> None:
    made = modules.four_phases("docker_volume", name="data", keep=True)
    assert made["volume"]["Labels"]["strata.keep"] == "true"
    for check in (True, False):
        assert "made with keep: true" in modules.refused("docker_volume", check=check, name="data", state="absent")
        assert "recreate: true" in modules.refused("docker_volume", check=check, name="data")
    project = {"project_name": "shop", "services": {"app": sleeper()}, "volumes": {"box": {"x-strata": {"keep": True}}}}
    modules.run("container", **project)
    modules.run("container", **{**project, "volumes": {}}, orphans="remove", remove_volumes=True)
    modules.run("container", project_name="shop", state="absent", remove_volumes=True)
    assert sorted(volume["Name"] for volume in client.volumes()["Volumes"]) == ["data", "shop_box"]
    modules.four_phases("docker_volume", name="data", recreate=True)
    assert actions(modules.four_phases("docker_volume", name="data", state="absent")) == ["delete docker_volume data"]


def test_the_password_of_a_mount_appears_nowhere(modules: Modules) -> None:
    options = {"type": "cifs", "device": "//nas/x", "o": "username=me,password=geheim"}
    made = modules.process("docker_volume", name="nas", driver_opts=options)
    assert '"changed": true' in made.stdout
    assert "geheim" not in made.stdout + made.stderr
