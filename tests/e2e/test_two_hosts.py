# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job on real parts: two guests, their engines and containers, through the front end that users call."""

from __future__ import annotations

import json
import re
import subprocess
import time

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from environments import load
from two_hosts import TwoHosts

pytestmark = [pytest.mark.lab, pytest.mark.guests]

RECAP = re.compile(r"^localhost\s*: ok=\d+\s+changed=(\d+)\s+unreachable=0\s+failed=0", re.MULTILINE)


def up(two_hosts: TwoHosts, *arguments: str) -> str:
    """Run the playbook of `make up`; its output."""
    done = two_hosts.copy.lab.playbook("up", two_hosts.copy.folder, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def changed(output: str) -> int:
    recap = RECAP.search(output)
    assert recap, output
    return int(recap[1])


def in_guest(two_hosts: TwoHosts, guest: str, command: str) -> str:
    """What *command* prints in a guest."""
    return access.shell("two_hosts", guest, two_hosts.copy.lab.folders).run(command, timeout=300).decode()


def inspect(two_hosts: TwoHosts, guest: str, container: str, leaf: str) -> str:
    return in_guest(two_hosts, guest, f"docker inspect --format '{{{{{leaf}}}}}' {container}")


def test_check_mode_from_empty_shows_every_object_of_the_environment(two_hosts: TwoHosts) -> None:
    for expected in (
        "network lan",
        "guest web",
        "guest apps",
        "container apps/apps-app-2",
        "container web/web-haproxy-1",
    ):
        assert expected in two_hosts.preview


def test_it_was_killed_at_ten_points_and_more_and_still_came_up(two_hosts: TwoHosts) -> None:
    assert len(two_hosts.kills) >= 10
    assert json.loads(two_hosts.copy.get())["greeting"] == "Hello from two hosts"


def test_another_environment_came_up_at_the_same_time(two_hosts: TwoHosts) -> None:
    assert "create guest only: not there" in two_hosts.neighbour["changes"]
    assert [guest["name"] for guest in two_hosts.neighbour["guests"]] == ["only"]


def test_the_load_balancer_spreads_requests_over_both_replicas(two_hosts: TwoHosts) -> None:
    answers = [json.loads(two_hosts.copy.get()) for _ in range(6)]
    assert {answer["served_by"] for answer in answers} == {"apps-app-1", "apps-app-2"}
    assert [answer["visits"] for answer in answers] == list(range(answers[0]["visits"], answers[0]["visits"] + 6))


def test_the_stats_page_of_the_load_balancer_answers(two_hosts: TwoHosts) -> None:
    assert "app-1" in two_hosts.copy.get(8404)


def test_a_second_run_changes_nothing(two_hosts: TwoHosts) -> None:
    assert changed(up(two_hosts)) == 0


def test_check_mode_right_after_a_run_reports_nothing(two_hosts: TwoHosts) -> None:
    assert changed(up(two_hosts, "--check", "--diff")) == 0


def test_the_table_at_the_end_shows_guests_containers_health_and_ports(two_hosts: TwoHosts) -> None:
    output = up(two_hosts)
    for expected in ("10.80.0.11", "10.80.0.12", "apps-redis-1", "healthy", f"127.0.0.1:{two_hosts.copy.ports[8080]}"):
        assert expected in output


def test_guests_are_hosts_of_the_inventory(two_hosts: TwoHosts) -> None:
    command = ("-i", str(two_hosts.copy.folder), "application_servers", "-m", "raw", "-a", "docker ps --all")
    done = two_hosts.copy.lab.command("ansible", *command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "apps-redis-1" in done.stdout


def test_the_app_runs_unprivileged_on_a_read_only_root(two_hosts: TwoHosts) -> None:
    assert "65534:65534" in inspect(two_hosts, "apps", "apps-app-1", ".Config.User")
    assert "true" in inspect(two_hosts, "apps", "apps-app-1", ".HostConfig.ReadonlyRootfs")
    assert "no-new-privileges" in inspect(two_hosts, "apps", "apps-app-1", ".HostConfig.SecurityOpt")


def test_new_source_of_the_app_replaces_only_the_app_without_a_failed_request(two_hosts: TwoHosts) -> None:
    before = json.loads(two_hosts.copy.get())
    redis = inspect(two_hosts, "apps", "apps-redis-1", ".Id")
    two_hosts.copy.edit(two_hosts.copy.folder / "compose/apps/app/app.py", '"greeting": GREETING', '"greeting": "v2"')
    with load(two_hosts.copy.url(8080)) as made:
        changes = two_hosts.copy.converge()["changes"]
    after = json.loads(two_hosts.copy.get())
    assert made.failures == []
    assert made.answers > 20
    assert after["greeting"] == "v2"
    assert after["visits"] > before["visits"]
    assert sorted(change.partition(":")[0] for change in changes) == [
        "replace container apps/apps-app-1",
        "replace container apps/apps-app-2",
        "update image apps/two-hosts/app",
    ]
    assert inspect(two_hosts, "apps", "apps-redis-1", ".Id") == redis


def test_drift_is_told_by_check_mode_and_repaired_by_a_run(two_hosts: TwoHosts) -> None:
    in_guest(two_hosts, "apps", "docker update --memory 200m --memory-swap 400m apps-redis-1")
    preview = up(two_hosts, "--check", "--diff")
    assert "update container apps/apps-redis-1" in preview
    told = two_hosts.copy.lab.playbook("drift", two_hosts.copy.folder)
    assert told.returncode == 2, told.stdout
    assert "changed     container apps/apps-redis-1  [in place]" in told.stdout
    assert "HostConfig.Memory: 209715200 is there, 134217728 is declared" in told.stdout
    assert two_hosts.copy.converge()["changes"] != []
    assert "134217728" in inspect(two_hosts, "apps", "apps-redis-1", ".HostConfig.Memory")


def test_a_guest_that_lost_power_comes_back_with_everything_on_it(two_hosts: TwoHosts) -> None:
    two_hosts.copy.lab.virsh("destroy", "two_hosts-web")
    changes = two_hosts.copy.converge()["changes"]
    assert changes[0] == "start guest web: not running"
    assert json.loads(two_hosts.copy.get())["greeting"] == "v2"


def test_stopped_guests_are_off_and_started_ones_serve_again(two_hosts: TwoHosts) -> None:
    copy = two_hosts.copy
    stopped = copy.converge("stopped")["changes"]
    assert {"stop guest apps: running", "stop guest web: running"} < set(stopped)
    assert copy.converge("stopped")["changes"] == []
    assert copy.lab.virsh("list", "--name").split() == []
    copy.converge("started")
    assert json.loads(copy.get())["greeting"] == "v2"
    assert copy.converge("started")["changes"] == []
    assert copy.converge()["changes"] == []


def test_a_network_that_somebody_stopped_is_started_before_the_guests_on_it_are_looked_at(two_hosts: TwoHosts) -> None:
    two_hosts.copy.lab.virsh("net-destroy", "two_hosts-lan")
    assert two_hosts.copy.converge()["changes"] == ["start network lan: not running"]
    assert json.loads(two_hosts.copy.get())["greeting"] == "v2"


def test_a_second_converge_at_the_same_time_is_refused_with_a_clear_message(two_hosts: TwoHosts) -> None:
    lock = two_hosts.copy.lab.folders.lock("two_hosts")
    holder = subprocess.Popen(["flock", "--no-fork", str(lock), "sleep", "600"])
    try:
        time.sleep(0.5)
        refused = two_hosts.copy.start()
        _output, errors = refused.popen.communicate(timeout=60)
    finally:
        holder.kill()
        holder.wait()
    assert refused.popen.returncode == 1
    assert "two_hosts is being worked on by another run" in errors


def test_down_leaves_nothing_of_the_environment(two_hosts: TwoHosts) -> None:
    lab = two_hosts.copy.lab
    done = lab.playbook("down", two_hosts.copy.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert lab.virsh("list", "--all", "--name").split() == []
    assert [name for name in lab.virsh("net-list", "--all", "--name").split() if name != "default"] == []
    assert lab.virsh("pool-list", "--all", "--name").split() == []
    assert not list((lab.folders.root / "environments").glob("two_hosts/*"))
    assert not list((lab.folders.root / "pools").glob("*"))
