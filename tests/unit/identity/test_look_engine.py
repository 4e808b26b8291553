# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine's answers -> branches: names for what it drew, lists without an order, layers and where their files go."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.engine import (
    chance_names,
    named_volumes,
    places,
    told_apart,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.guest_look import GuestLook
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.script import PARTS
from ansible_collections.strata.kvm_docker.plugins.module_utils.naming import LABEL_APPLIED
from made_engine import ANONYMOUS, APP, LOOK, ROOT, container, drawn, leaves


def of_app(**told: Any) -> dict[str, Any]:
    """Values of the leaves that count of a container."""
    found = leaves(replace(LOOK, containers={"app": {**APP, **told}}))
    prefix = "containers/web/app/"
    return {
        path.removeprefix(prefix): leaf.value for path, leaf in found.items() if path.startswith(prefix) and leaf.counts
    }


def test_all_that_the_engine_drew_has_a_name() -> None:
    assert chance_names(LOOK) == {
        drawn("0"): "layer zoo:1 0",
        drawn("1"): "layer zoo:1 1",
        drawn("5"): "volume <app>/data",
        drawn("6"): "network lan",
        "6" * 12: "network lan",
        drawn("7"): "container app",
        "7" * 12: "container app",
        drawn("8"): "image zoo:1",
        drawn("9"): "layer of app",
    }
    assert of_app()["Image"] == "sha256:{image zoo:1}"
    assert not any(drawn(str(n)) in f"{path}{leaf.value}" for path, leaf in leaves(LOOK).items() for n in range(10))


def test_files_of_layers_volumes_and_containers_have_their_places() -> None:
    assert places(LOOK) == {
        f"{ROOT}/overlay2/{drawn('0')}/diff": ("images", "web", "zoo:1", "files", "0"),
        f"{ROOT}/overlay2/{drawn('1')}/diff": ("images", "web", "zoo:1", "files", "1"),
        f"{ROOT}/overlay2/{drawn('9')}/diff": ("containers", "web", "app", "files"),
        f"{ROOT}/volumes/db/_data": ("docker_volumes", "web", "db", "files"),
        f"{ROOT}/volumes/{ANONYMOUS}/_data": ("docker_volumes", "web", "<app>/data", "files"),
    }


def test_with_another_driver_or_none_there_are_no_folders() -> None:
    told = replace(LOOK, containers={"app": container("app", "7", GraphDriver=None)}, images={}, volumes={})
    assert places(told) == {}


def test_lists_without_an_order_go_by_what_tells_an_entry() -> None:
    found = of_app()
    assert {path: value for path, value in found.items() if path.startswith("Config/Env")} == {
        "Config/Env/A": "1=x",
        "Config/Env/B": "2",
        "Config/Env/C": "C",
    }
    assert of_app(Config={"Env": ["C", "A=1=x", "B=2"]}) == found
    assert found["HostConfig/CapAdd/KILL"] == "KILL"
    assert found["Mounts/~1data/Name"] == "{volume <app>~1data}".replace("~1", "/")


def test_the_order_of_words_of_a_command_counts() -> None:
    assert of_app(Args=["a", "b"]) != of_app(Args=["b", "a"])


@pytest.mark.parametrize("empty", [None, [], {}])
def test_what_is_empty_is_nothing(empty: Any) -> None:
    assert of_app(HostConfig={"Dns": empty, "Privileged": False})["HostConfig/Dns"] is None
    assert of_app(HostConfig={"Dns": empty, "Privileged": False})["HostConfig/Privileged"] is False


@pytest.mark.parametrize(
    ("one", "other"), [({"CapAdd": ["CAP_KILL"]}, {"CapAdd": ["KILL"]}), ({"Init": False}, {"Init": None}), ({}, {})]
)
def test_what_clients_have_several_words_for_is_one_leaf(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert of_app(HostConfig=one) == of_app(HostConfig=other)
    assert of_app(HostConfig=one) != of_app(HostConfig={**other, "Init": True})


def test_what_is_applied_counts_by_each_of_its_leaves_and_is_known() -> None:
    told = leaves(
        replace(LOOK, containers={"app": container("app", "7", Config={"Labels": {LABEL_APPLIED: '{"a":{"b":1}}'}})})
    )
    leaf = told[f"containers/web/app/Config/Labels/{LABEL_APPLIED}/a/b"]
    assert (leaf.value, leaf.known) == (1, True)


def test_state_is_of_runtime_and_the_rest_of_the_definition() -> None:
    found = leaves(LOOK)
    assert found["containers/web/app/State/Status"].plane == "runtime"
    assert found["containers/web/app/HostConfig/CapAdd/KILL"].plane == "definition"
    assert found["docker_networks/web/lan/Containers/app/IPv4Address"].known


def test_a_field_that_no_table_knows_is_told() -> None:
    found = leaves(replace(LOOK, containers={"app": container("app", "7", Warp={"Factor": 9})}))
    assert [path for path, leaf in found.items() if not leaf.known] == ["containers/web/app/Warp/Factor"]


def test_a_volume_that_the_engine_named_goes_by_who_uses_it() -> None:
    rows = [{"Name": ANONYMOUS}, {"Name": drawn("e")}, {"Name": "db"}]
    found = named_volumes(rows, [container("plain", "1"), APP])
    assert {name: row["Name"] for name, row in found.items()} == {
        "<app>/data": ANONYMOUS,
        drawn("e"): drawn("e"),
        "db": "db",
    }


def test_a_volume_that_containers_share_goes_by_the_same_one_whatever_their_order() -> None:
    other = {**APP, "Name": "/backup", "Id": drawn("3")}
    one, two = (named_volumes([{"Name": ANONYMOUS}], order) for order in ([APP, other], [other, APP]))
    assert list(one) == list(two)


@pytest.mark.parametrize(
    ("config", "check"),
    [
        ({"Healthcheck": {"Test": ["CMD", "curl", "-f", "x"]}}, "curl -f x"),
        ({"Healthcheck": {"Test": ["CMD-SHELL", "true || false"]}}, "/bin/sh -c true || false"),
        ({"Healthcheck": {"Test": ["CMD-SHELL", "true"]}, "Shell": ["/bin/bash", "-ec"]}, "/bin/bash -ec true"),
        ({"Healthcheck": {"Test": ["NONE"]}}, None),
        ({"Healthcheck": None}, None),
        ({}, None),
    ],
)
def test_a_health_check_is_known_by_its_command_line(config: dict[str, Any], check: str | None) -> None:
    told = replace(LOOK, containers={"app": container("app", "7", Config=config)})
    assert told.checks.get(drawn("7")) == check


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"Running": True, "Pid": 7, "Health": {"Status": "starting"}}, 1),
        ({"Running": True, "Pid": 7, "Health": {"Status": "healthy"}}, 0),
        ({"Running": True, "Pid": 7}, 0),
        ({"Running": False, "Pid": 0, "Health": {"Status": "unhealthy"}}, 0),
    ],
)
def test_a_container_whose_check_does_not_pass_is_unhealthy(state: dict[str, Any], told: int) -> None:
    engine = replace(LOOK, containers={"app": container("app", "7", State=state)})
    look = GuestLook(guest="web", engine=engine, parts=dict.fromkeys(PARTS, ""))
    assert list(look.unhealthy()) == ["containers/web/app/State/Health/Status"] * told
    assert {branch.path[3] for branch in look.branches() if len(branch.path) > 3} == {"processes", "sockets"}


def test_networks_of_one_name_are_told_apart_the_oldest_first() -> None:
    networks = [{"Id": "b", "Name": "lan", "Created": "2026-02"}, {"Id": "a", "Name": "lan", "Created": "2026-01"}]
    assert {name: network["Id"] for name, network in told_apart(networks)} == {"lan": "a", "lan (2)": "b"}


def test_how_a_container_ended_counts_once_it_does_not_run() -> None:
    state = {"Running": False, "ExitCode": 1, "Pid": 0}
    assert of_app(State=state)["State/ExitCode"] == 1
    assert "State/ExitCode" not in of_app(State={**state, "Running": True})


def test_what_a_health_check_wrote_is_not_kept() -> None:
    health = {"Status": "healthy", "Log": [{"ExitCode": 0, "Output": "token 123"}]}
    look = replace(LOOK, containers={"app": {**APP, "State": {"Running": True, "Health": health}}})
    assert not any("token 123" in str(leaf.value) for leaf in leaves(look).values())


def test_seals_of_a_mark_are_made_with_a_key_that_goes_and_do_not_count() -> None:
    def label(digest: str) -> dict[str, Any]:
        applied = json.dumps({"Config": {"Env": {"DB_PASSWORD": {"strata.sealed": digest}}}})
        return of_app(Config={**APP["Config"], "Labels": {LABEL_APPLIED: applied}})

    assert label("a" * 64) == label("b" * 64)
