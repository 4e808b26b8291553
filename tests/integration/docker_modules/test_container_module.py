# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module container on a real engine: a project from options or files, all in one call."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.engine import Engine
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import observed
from docker_module import IMAGE, SLEEP, Modules, actions, sleeper

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.lab


def identities(client: docker.APIClient) -> dict[str, str]:
    return {row["Names"][0].lstrip("/"): row["Id"] for row in client.containers(all=True)}


def test_a_project_lives_from_its_creation_to_its_end(modules: Modules, client: docker.APIClient) -> None:
    project: dict[str, Any] = {
        "project_name": "shop",
        "services": {
            "app": sleeper(environment={"MODE": "a"}, volumes=["data:/data"], depends_on=["db"]),
            "db": sleeper(mem_limit="64m", deploy={"replicas": 2}),
        },
        "volumes": {"data": {}},
    }
    made = modules.four_phases("container", **project)
    assert sorted(actions(made)) == [
        "create container shop-app-1",
        "create container shop-db-1",
        "create container shop-db-2",
        "create docker_network shop_default",
        "create docker_volume shop_data",
    ]
    first = made["containers"][0]
    assert (first["name"], first["state"]) == ("shop-app-1", "running")
    client.update_container("shop-db-1", mem_limit="80m", memswap_limit="160m")
    client.remove_container("shop-db-2", force=True)
    drifted = modules.run("container", **project)
    assert sorted(actions(drifted)) == ["create container shop-db-2", "update container shop-db-1"]
    causes = {item["cause"] for change in drifted["plan"] for item in change["differences"]}
    assert causes == {"drift"}
    project["services"]["app"]["environment"] = {"MODE": "b"}
    project["services"]["db"]["mem_limit"] = "96m"
    changed = modules.four_phases("container", **project)
    assert sorted(actions(changed)) == [
        "replace container shop-app-1",
        "update container shop-db-1",
        "update container shop-db-2",
    ]
    gone = modules.four_phases("container", project_name="shop", state="absent")
    assert len(actions(gone)) == 4
    assert [volume["Name"] for volume in client.volumes()["Volumes"]] == ["shop_data"]
    cleared = modules.four_phases("container", project_name="shop", state="absent", remove_volumes=True)
    assert actions(cleared) == ["delete docker_volume shop_data"]


def test_what_is_stopped_stays_so_until_it_is_started(modules: Modules, client: docker.APIClient) -> None:
    project = {"project_name": "shop", "services": {"app": sleeper(), "db": sleeper()}}
    assert modules.run("container", state="stopped", **project)["plan"] == []
    modules.run("container", **project)
    before = identities(client)
    stopped = modules.four_phases("container", state="stopped", **project)
    assert sorted(actions(stopped)) == ["stop container shop-app-1", "stop container shop-db-1"]
    started = modules.four_phases("container", state="started", **project)
    assert sorted(actions(started)) == ["start container shop-app-1", "start container shop-db-1"]
    assert identities(client) == before
    modules.stands("container", **project)


def test_a_project_whose_services_wait_for_health_and_for_a_job_stops_and_starts(
    modules: Modules, client: docker.APIClient
) -> None:
    check = {"test": ["CMD", "true"], "interval": "0.2s"}
    needs = {"db": {"condition": "service_healthy"}, "job": {"condition": "service_completed_successfully"}}
    services = {
        "app": sleeper(depends_on=needs, deploy={"replicas": 2}),
        "db": sleeper(healthcheck=check),
        "job": {"image": IMAGE, "command": ["true"], "restart": "no", "depends_on": {"db": needs["db"]}},
    }
    project = {"project_name": "shop", "services": services}
    modules.run("container", **project)
    ended = client.inspect_container("shop-job-1")["State"]["FinishedAt"]
    stopped = modules.four_phases("container", state="stopped", **project)
    assert actions(stopped) == [f"stop container shop-{name}" for name in ("app-2", "app-1", "db-1")]
    started = modules.four_phases("container", state="started", **project)
    assert actions(started) == [f"start container shop-{name}" for name in ("db-1", "app-1", "app-2")]
    assert client.inspect_container("shop-job-1")["State"]["FinishedAt"] == ended
    modules.stands("container", **project)


def test_a_job_that_does_not_end_fails_the_task_when_its_time_is_up(modules: Modules, client: docker.APIClient) -> None:
    waits = sleeper(depends_on={"job": {"condition": "service_completed_successfully"}})
    project: dict[str, Any] = {"project_name": "shop", "services": {"app": waits, "job": sleeper()}}
    said = modules.refused("container", wait_timeout=1, **project)
    assert "container local/shop-job-1 is not ready after 1 s (has not ended yet)" in said
    assert "raise wait_timeout" in said
    assert set(identities(client)) == {"shop-job-1"}
    assert "wait_timeout must be a number of seconds" in modules.refused("container", wait_timeout=-1, **project)
    project["services"]["job"] = {"image": IMAGE, "command": ["true"]}
    modules.run("container", wait_timeout=60, **project)
    modules.stands("container", **project)


def memory(client: docker.APIClient, megabytes: int) -> None:
    client.update_container("shop-app-1", mem_limit=f"{megabytes}m", memswap_limit=f"{2 * megabytes}m")


def causes(result: dict[str, Any]) -> set[str]:
    return {item["cause"] for change in result["plan"] for item in change["differences"]}


def test_what_was_applied_in_place_is_known_when_somebody_edits_it_and_when_it_is_declared_back(
    modules: Modules, client: docker.APIClient
) -> None:
    def shop(megabytes: int, **keys: Any) -> dict[str, Any]:
        return {"project_name": "shop", "services": {"app": sleeper(mem_limit=f"{megabytes}m", **keys)}}

    modules.run("container", **shop(64))
    identity = identities(client)
    assert causes(modules.four_phases("container", **shop(96))) == {"declaration"}
    memory(client, 80)
    client.rename("shop-app-1", "elsewhere")
    client.rename("elsewhere", "shop-app-1")
    assert causes(modules.run("container", check=True, **shop(96))) == {"drift"}
    memory(client, 96)
    assert causes(modules.four_phases("container", **shop(64))) == {"declaration"}
    assert identities(client) == identity


def test_without_a_note_of_what_was_applied_a_difference_is_taken_for_a_new_declaration(
    modules: Modules, client: docker.APIClient, state: Path
) -> None:
    """As after a kill between the engine's update and the note, and on a machine with another state folder."""
    services = {"app": sleeper(mem_limit="64m", environment={"DB_PASSWORD": "planted"})}
    project: dict[str, Any] = {"project_name": "shop", "environment": "noted", "services": services}
    modules.run("container", **project)
    notes = state / "environments/noted/applied"
    (note,) = notes.glob("*/*")
    assert note.name == identities(client)["shop-app-1"]
    assert "planted" not in note.read_text()
    assert note.stat().st_mode & 0o777 == 0o600
    memory(client, 80)
    for there in (None, "{half a no"):
        note.unlink() if there is None else note.write_text(there)
        assert causes(modules.run("container", check=True, **project)) == {"declaration"}
    modules.four_phases("container", **project)
    memory(client, 80)
    assert causes(modules.run("container", **project)) == {"drift"}
    modules.run("container", project_name="shop", environment="noted", state="absent")
    assert list(notes.glob("*/*")) == []


def test_notes_of_containers_that_somebody_removed_go_with_the_next_run_and_not_with_a_preview(
    modules: Modules, client: docker.APIClient, state: Path
) -> None:
    services = {"app": sleeper(), "beside": sleeper()}
    project: dict[str, Any] = {"project_name": "shop", "environment": "noted", "services": services}
    modules.run("container", **project)
    (mine,) = (state / "environments/noted/applied").iterdir()
    other = mine.with_name("another-engine") / ("0" * 64)
    other.parent.mkdir()
    other.write_text("{}")
    client.remove_container("shop-app-1", force=True)
    modules.run("container", check=True, **project)
    before = {note.name for note in mine.iterdir()}
    assert len(before - set(identities(client).values())) == 1
    modules.run("container", **project)
    assert {note.name for note in mine.iterdir()} == set(identities(client).values())
    assert other.exists()


def test_orphans_are_those_of_the_project_alone(modules: Modules, client: docker.APIClient) -> None:
    both = {"app": sleeper(), "old": sleeper(volumes=["data:/data"])}
    modules.run("container", project_name="shop", services=both, volumes={"data": {}})
    modules.run("container", project_name="blog", services={"web": sleeper()})
    modules.run("docker_network", name="alone")
    modules.run("docker_volume", name="alone")
    one = {"project_name": "shop", "services": {"app": sleeper()}}
    told = modules.run("container", **one)
    assert (told["changed"], told["orphans"]) == (
        False,
        ["container local/shop-old-1", "docker_volume local/shop_data"],
    )
    (warning,) = replace(modules, before=("env",)).run("container", **one)["warnings"]
    assert all(word in str(warning) for word in [*told["orphans"], "orphans: remove", "remove_volumes: true"])
    removed = modules.four_phases("container", **one, orphans="remove")
    assert actions(removed) == ["delete container shop-old-1"]
    with_data = modules.four_phases("container", **one, orphans="remove", remove_volumes=True)
    assert actions(with_data) == ["delete docker_volume shop_data"]
    modules.run("container", project_name="shop", state="absent", remove_volumes=True)
    assert set(identities(client)) == {"blog-web-1"}
    assert {network["Name"] for network in client.networks()} == {"bridge", "host", "none", "alone", "blog_default"}
    assert [volume["Name"] for volume in client.volumes()["Volumes"]] == ["alone"]


def test_a_service_that_is_scaled_down_keeps_the_data_of_the_replicas_that_go(
    modules: Modules, client: docker.APIClient
) -> None:
    def shop(replicas: int, **keys: Any) -> dict[str, Any]:
        service = sleeper(volumes=["/data"], deploy={"replicas": replicas}, **keys)
        return {"project_name": "shop", "services": {"app": service}}

    modules.run("container", **shop(2))
    before = identities(client)
    volumes = {found["Name"] for found in client.volumes()["Volumes"]}
    (left,) = [found for found in volumes if "app-2" in found]
    down = modules.four_phases("container", **shop(1))
    assert [(change["name"], change["reason"]) for change in down["plan"]] == [("shop-app-2", "app has 1 replica now")]
    assert down["orphans"] == [f"docker_volume local/{left}"]
    assert {found["Name"] for found in client.volumes()["Volumes"]} == volumes
    assert identities(client)["shop-app-1"] == before["shop-app-1"]
    modules.four_phases("container", **shop(2))
    assert {found["Name"] for found in client.volumes()["Volumes"]} == volumes
    both = modules.four_phases("container", **shop(1, environment={"MODE": "b"}))
    assert actions(both) == ["delete container shop-app-2", "replace container shop-app-1"]
    modules.run("container", **shop(2, environment={"MODE": "b"}))
    modules.run("container", remove_volumes=True, **shop(1, environment={"MODE": "b"}))
    assert {found["Name"] for found in client.volumes()["Volumes"]} == volumes - {left}


def test_what_is_of_another_project_is_not_taken_from_it(modules: Modules, client: docker.APIClient) -> None:
    service, names = sleeper(container_name="db", volumes=["data:/data"]), {"data": {"name": "data"}}
    modules.run("container", project_name="shop", services={"db": service}, volumes=names)
    before = identities(client)
    blog: dict[str, Any] = {"project_name": "blog", "services": {"db": service}, "volumes": names}
    for check in (True, False):
        said = modules.refused("container", check=check, **blog)
        assert "container local/db of project shop" in said
        assert "docker_volume local/data of project shop" in said
        assert "adopt: true" in said
        assert "of project shop" in modules.refused("docker_volume", check=check, name="data", state="absent")
    modules.run("container", project_name="blog", state="absent", remove_volumes=True)
    assert identities(client) == before
    modules.four_phases("container", **blog, adopt=True)
    assert modules.run("container", project_name="shop", state="absent", remove_volumes=True)["plan"] != []
    modules.stands("container", **blog)


def test_volumes_without_a_name_stay_and_go_as_named_ones(modules: Modules, client: docker.APIClient) -> None:
    one = {"project_name": "shop", "services": {"app": sleeper()}}
    two = {"project_name": "shop", "services": {"app": sleeper(), "db": sleeper(volumes=["/data"])}}
    modules.run("container", **two)
    (volume,) = [found["Name"] for found in client.volumes()["Volumes"]]
    assert actions(modules.run("container", **one, orphans="remove")) == ["delete container shop-db-1"]
    assert modules.run("container", **one)["orphans"] == [f"docker_volume local/{volume}"]
    modules.run("container", **two)
    modules.run("container", project_name="shop", state="absent")
    assert [found["Name"] for found in client.volumes()["Volumes"]] == [volume]
    cleared = modules.four_phases("container", project_name="shop", state="absent", remove_volumes=True)
    assert actions(cleared) == [f"delete docker_volume {volume}"]
    modules.run("container", **two)
    modules.four_phases("container", project_name="shop", state="absent", remove_volumes=True)
    assert not client.volumes()["Volumes"]


def test_what_a_module_made_tells_so(modules: Modules, client: docker.APIClient) -> None:
    """That keeps it from being an orphan of the environment whose mark it has."""
    service = sleeper(volumes=["data:/data", "/more"])
    modules.run("container", project_name="shop", services={"app": service}, volumes={"data": {}})
    engine = Engine(guest="apps", environment="standalone", client=client)
    kinds = ("docker_network", "docker_volume", "container")
    found = [item for item in observed(kinds, engine, "standalone") if item.owned]
    assert len(found) == 3
    assert all((item.by_module, item.project) == (True, "shop") for item in found)
    volumes = client.volumes()["Volumes"]
    assert [volume["Labels"]["strata.layer"] for volume in volumes] == ["docker", "docker"]


def test_a_network_that_another_project_uses_is_not_taken_from_it(modules: Modules, client: docker.APIClient) -> None:
    modules.run("container", project_name="shop", services={"app": sleeper()})
    shared = {"default": {"external": True, "name": "shop_default"}}
    modules.run("container", project_name="blog", services={"web": sleeper()}, networks=shared)
    said = modules.refused("container", project_name="shop", state="absent")
    assert "container blog-web-1 of somebody else is attached" in said
    assert "shop_default" in client.inspect_container("blog-web-1")["NetworkSettings"]["Networks"]


def test_what_docker_made_by_hand_is_adopted_with_its_data(modules: Modules, client: docker.APIClient) -> None:
    """Network, volume and container of a project that somebody else brought up, under the names that Compose gives."""
    client.create_network("shop_default")
    client.create_volume("shop_data")
    mounts = [{"Type": "volume", "Source": "shop_data", "Target": "/data"}]
    host = client.create_host_config(network_mode="shop_default", mounts=mounts)
    client.create_container(
        IMAGE, ["sh", "-c", "echo kept > /data/file; sleep 3600"], name="shop-app-1", host_config=host
    )
    client.start("shop-app-1")
    project = {
        "project_name": "shop",
        "services": {"app": sleeper(volumes=["data:/data"])},
        "volumes": {"data": {}},
    }
    theirs = identities(client)["shop-app-1"]
    for check in (True, False):
        said = modules.refused("container", check=check, **project)
        assert "container local/shop-app-1" in said
        assert "adopt: true" in said
    assert identities(client)["shop-app-1"] == theirs
    adopted = modules.four_phases("container", **project, adopt=True)
    assert {change["action"] for change in adopted["plan"]} == {"replace"}
    run = client.exec_create("shop-app-1", ["cat", "/data/file"])
    assert client.exec_start(run["Id"]) == b"kept\n"


def theirs(client: docker.APIClient, *volumes: str) -> str:
    client.create_container(IMAGE, SLEEP, name="db", volumes=list(volumes))
    client.start("db")
    return str(client.inspect_container("db")["Id"])


def test_an_adopted_container_is_back_when_its_replacement_does_not_start(
    modules: Modules, client: docker.APIClient
) -> None:
    before = theirs(client)
    broken = {"project_name": "shop", "services": {"db": sleeper(container_name="db", entrypoint=["/none"])}}
    for _again in range(2):
        assert "does not start" in modules.refused("container", **broken, adopt=True)
        assert identities(client) == {"db": before}
        assert client.inspect_container("db")["State"]["Running"]
    modules.four_phases("container", project_name="shop", services={"db": sleeper(container_name="db")}, adopt=True)
    assert identities(client).keys() == {"db"}


def test_a_container_with_a_volume_without_a_name_is_adopted_with_that_volume_only(
    modules: Modules, client: docker.APIClient
) -> None:
    before = theirs(client, "/data")
    (volume,) = [found["Name"] for found in client.volumes()["Volumes"]]
    service = sleeper(container_name="db")
    said = modules.refused("container", project_name="shop", services={"db": service}, adopt=True)
    assert f"Declare volume {volume} as external" in said
    assert identities(client) == {"db": before}
    named = {
        "services": {"db": {**service, "volumes": ["old:/data"]}},
        "volumes": {"old": {"external": True, "name": volume}},
    }
    modules.four_phases("container", project_name="shop", **named, adopt=True)
    assert client.inspect_container("db")["Mounts"][0]["Name"] == volume


def test_no_secret_appears_in_what_the_module_returns(modules: Modules, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("planted-in-file")
    (tmp_path / "Dockerfile").write_text("FROM scratch\nARG NPM_TOKEN\n")
    secret = {"DB_PASSWORD": "planted-in-env"}
    project: dict[str, Any] = {
        "project_name": "shop",
        "project_folder": str(tmp_path),
        "services": {"app": sleeper(environment=secret, secrets=["token"])},
        "secrets": {"token": {"file": "token"}},
    }
    seen = ""
    for options in ({"check": True}, {}, {"orphans": "remove"}):
        done = modules.process("container", **options, **project)
        seen += done.stdout + done.stderr
    project["services"]["app"]["environment"] = {"DB_PASSWORD": "planted-anew"}
    project["services"]["app"]["nonsense"] = True
    failed = modules.process("container", **project)
    seen += failed.stdout + failed.stderr
    build = {"context": str(tmp_path), "args": {"NPM_TOKEN": "planted-build"}}
    others: tuple[tuple[str, dict[str, Any]], ...] = (
        ("docker_info", {}),
        ("docker_network", {"name": "quiet", "driver_opts": {"example.password": "planted-option"}}),
        ("docker_volume", {"name": "quiet", "labels": {"deploy-token": "planted-label"}}),
        ("image", {"name": "quiet:1", "build": build, "check": True}),
    )
    for module, options in others:
        done = modules.process(module, **options)
        seen += done.stdout + done.stderr
    assert "services.app.nonsense" in seen
    assert "planted" not in seen
    modules.run("container", project_name="shop", state="absent")


def test_a_project_of_files_takes_variables_from_beside_them(modules: Modules, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(json.dumps({"services": {"app": sleeper(environment={"MODE": "${MODE}"})}}))
    (tmp_path / ".env").write_text("MODE=quiet\n")
    project = {"project_name": "shop", "project_folder": str(tmp_path), "files": ["compose.yaml"]}
    made = modules.run("container", **project)
    created = next(entry for entry in made["diff"] if entry["before_header"] == "container local/shop-app-1")
    assert created["after"]["Config"]["Env"] == {"MODE": "MODE=quiet"}
    modules.stands("container", **project)
    (tmp_path / "compose.yaml").write_text(json.dumps({"name": "other", "services": {"app": sleeper()}}))
    assert "the file says name: other" in modules.refused("container", check=True, **project)


def test_every_mistake_is_told_before_anything_is_touched(modules: Modules, client: docker.APIClient) -> None:
    services = {"app": sleeper(restart="sometimes"), "db": sleeper(networks=["nowhere"], imagine=1)}
    result = modules.ran("container", project_name="shop", services=services)
    assert {problem["path"] for problem in result["problems"]} >= {"services.app.restart", "services.db.imagine"}
    assert identities(client) == {}


def test_a_failure_tells_what_was_changed_before_it(modules: Modules) -> None:
    services = {"app": sleeper(command=["sh", "-c", "echo broken pipe organ; exit 3"], restart="no")}
    result = modules.ran("container", project_name="shop", services=services)
    assert result["failed"] is True
    assert "exited with code 3" in result["msg"]
    assert "broken pipe organ" in result["msg"]
    assert "create container shop-app-1" in actions(result)


def test_an_image_that_the_module_image_loaded_is_run_as_it_is(
    modules: Modules, client: docker.APIClient, tmp_path: Path
) -> None:
    archive = tmp_path / "app.tar"
    archive.write_bytes(b"".join(client.get_image(IMAGE)))
    loaded = modules.four_phases("image", name="team/app:1", archive=str(archive))
    assert actions(loaded) == ["create image team/app:1"]
    project = {"project_name": "shop", "services": {"app": {**sleeper(), "image": "team/app:1"}}}
    made = modules.four_phases("container", **project)
    assert "image" not in {change["kind"] for change in made["plan"]}
    assert client.inspect_container("shop-app-1")["Config"]["Cmd"] == SLEEP
