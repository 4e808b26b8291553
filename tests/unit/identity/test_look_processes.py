# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes by role, without those that looked, and sockets: texts of /proc -> plain data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.processes import Processes, listening

APP = "a" * 64
CHECK = "/bin/sh -c wget -q -O - localhost || exit 1"
SCOPE = f"/system.slice/docker-{APP}.scope"
SSH = "/user.slice/user-0.slice/session-4.scope"
#: pid, parent, name, words, cgroup; 900 is the shell that asked, 901 what it started.
ROWS: tuple[tuple[int, int, str, tuple[str, ...], str], ...] = (
    (1, 0, "systemd", ("/sbin/init",), "/init.scope"),
    (2, 0, "kthreadd", (), "/"),
    (17, 2, "kworker/0:1-events", (), "/"),
    (18, 2, "kworker/1:3H-kblockd", (), "/"),
    (300, 1, "sshd", ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups",), "/system.slice/ssh.service"),
    (400, 1, "cron", ("/usr/sbin/cron", "-f"), "/system.slice/cron.service"),
    (401, 1, "cron", ("/usr/sbin/cron", "-f"), "/system.slice/cron.service"),
    (500, 1, "containerd-shim", ("/usr/bin/containerd-shim-runc-v2", "-id", APP), "/system.slice/containerd.service"),
    (501, 500, "httpd", ("httpd", "-f", "-p", "80"), SCOPE),
    (502, 500, "sh", tuple(CHECK.split(" ", 2)), SCOPE),
    (503, 500, "runc:[2:INIT]", ("runc", "init"), SCOPE),
    (504, 500, "crun", ("/usr/bin/crun", "--root", "/run/docker", "exec", APP), f"{SCOPE}/container"),
    (505, 501, "crun", ("crun", "list"), SCOPE),
    (506, 500, "crun", (), f"{SCOPE}/container"),
    (800, 300, "sshd", ("sshd: root@notty",), SSH),
    (900, 800, "sh", ("sh", "-s"), SSH),
    (901, 900, "grep", ("grep", "-as", "", "/proc/1/status"), SSH),
    (810, 300, "sshd", ("sshd: admin@pts/0",), SSH),
    (811, 810, "bash", ("-bash",), SSH),
)


def parts(rows: Iterable[tuple[int, int, str, tuple[str, ...], str]] = ROWS, shell: int = 900) -> dict[str, str]:
    """As a guest prints them."""
    every = list(rows)
    status = "/proc/{0}/status:Name:\t{2}\n/proc/{0}/status:PPid:\t{1}\n/proc/{0}/status:Uid:\t0\t0\t0\t0\n"
    return {
        "statuses": "".join(status.format(*row) for row in every),
        "commands": "".join(f"/proc/{row[0]}/cmdline:{word}\0" for row in every for word in row[3]),
        "cgroups": "".join(f"/proc/{row[0]}/cgroup:0::{row[4]}\n" for row in every),
        "self": f"{shell}\n",
    }


def processes(**told: Any) -> Processes:
    return Processes.of(parts(**told), {APP: CHECK})


def test_the_role_of_a_process_is_its_unit() -> None:
    found = processes().of_guest()
    assert found["/system.slice/cron.service"] == {"/usr/sbin/cron -f": {"count": 2, "Uid": "0 0 0 0"}}
    assert found["/init.scope"]["/sbin/init"]["count"] == 1


def test_threads_of_the_kernel_are_told_without_their_numbers() -> None:
    found = processes().of_guest()
    assert {name: told["count"] for name, told in found["kernel"].items()} == {"kthreadd": 1, "kworker": 2}


def test_whoever_looked_is_left_out_with_its_session_and_nobody_else() -> None:
    found = processes().of_guest()
    assert found[SSH].keys() == {"sshd: admin@pts/0", "-bash"}
    assert list(found["/system.slice/ssh.service"]) == [ROWS[4][3][0]]


def test_a_shell_without_a_session_is_left_out_alone() -> None:
    rows = (*ROWS[:2], (700, 1, "python", ("python",), "/"), (900, 700, "sh", ("sh", "-s"), "/"))
    assert processes(rows=rows).of_guest()["/"].keys() == {"python"}


def test_a_guest_that_does_not_say_who_looked_has_all_its_processes() -> None:
    assert len(Processes.of({**parts(), "self": ""}).every) == len(ROWS)


def test_processes_of_a_container_are_of_it_alone_and_its_health_check_is_a_role() -> None:
    found = processes().of_container(APP)
    assert {role: list(commands) for role, commands in found.items()} == {
        "container": ["httpd -f -p 80", "crun list"],
        "healthcheck": [CHECK],
        "starting": ["runc init", f"/usr/bin/crun --root /run/docker exec {APP}", "crun"],
    }
    assert SCOPE not in processes().of_guest()
    assert processes().of_container("b" * 64) == {}


@pytest.mark.parametrize("cgroup", [SCOPE, f"/docker/{APP}", f"/machine.slice/docker-{APP}.scope/init"])
def test_a_container_is_known_by_its_cgroup(cgroup: str) -> None:
    found = processes(rows=((501, 500, "httpd", ("httpd",), cgroup),)).every
    assert [process.container for process in found] == [APP]


def test_one_that_has_ended_in_a_container_without_a_health_check_is_no_health_check() -> None:
    rows = ((501, 500, "httpd", ("httpd",), SCOPE), (502, 501, "defunct", (), SCOPE))
    assert Processes.of(parts(rows), {}).of_container(APP) == {
        "container": {
            "httpd": {"count": 1, "Uid": "0 0 0 0"},
            "defunct": {"count": 1, "Uid": "0 0 0 0"},
        }
    }


def test_words_with_ends_of_lines_and_colons_stay_in_their_command() -> None:
    rows = ((400, 1, "sh", ("sh", "-c", "echo a:b\n/proc/1/cmdline:c\nd"), "/x"), (401, 1, "cat", ("cat",), "/x"))
    assert list(processes(rows=rows).of_guest()["/x"]) == ["sh -c echo a:b\n/proc/1/cmdline:c\nd", "cat"]


def test_rights_that_differ_are_all_told() -> None:
    told = parts()
    other = told["statuses"].replace("/proc/401/status:Uid:\t0\t0\t0\t0", "/proc/401/status:Uid:\t7\t7\t7\t7")
    found = Processes.of({**told, "statuses": other}).of_guest()
    assert found["/system.slice/cron.service"]["/usr/sbin/cron -f"] == {"count": 2, "Uid": "0 0 0 0, 7 7 7 7"}


HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
ROW = "   0: {} {} {} 00000000:00000000 00:00000000 00000000 {:5d}        0 9 1 0 100 0 0 10 0"


def sockets(*rows: tuple[str, str, str, int], folder: str = "/proc/net") -> str:
    """Rows of protocol, address and port, state, user."""
    lines = [f"{folder}/{file}:{ROW.format(local, '0:0', state, user)}" for file, local, state, user in rows]
    return "\n".join([f"{folder}/tcp:{HEAD}", *lines, ""])


@pytest.mark.parametrize(
    ("file", "local", "state", "told"),
    [
        ("tcp", "0100007F:1F90", "0A", "tcp 127.0.0.1 8080"),
        ("tcp", "00000000:0016", "0A", "tcp 0.0.0.0 22"),
        ("udp", "0B00500A:0044", "07", "udp 10.80.0.11 68"),
        ("tcp6", "00000000000000000000000000000000:0016", "0A", "tcp6 :: 22"),
        ("tcp6", "00000000000000000000000001000000:0050", "0A", "tcp6 ::1 80"),
        ("tcp6", "B80D01200000000000000000EF000000:01BB", "0A", "tcp6 2001:db8::ef 443"),
        ("tcp6", "0000000000000000FFFF00000100007F:0050", "0A", "tcp6 ::ffff:127.0.0.1 80"),
        ("raw6", "00000000000000000000000000000000:003A", "07", "raw6 :: 58"),
    ],
)
def test_addresses_are_read_as_little_endian_words(file: str, local: str, state: str, told: str) -> None:
    assert listening(sockets((file, local, state, 101))) == {told: "uid 101"}


def test_only_sockets_that_listen_are_told_once_with_all_their_users() -> None:
    text = sockets(("tcp", "00000000:0050", "0A", 0), ("tcp", "00000000:0050", "0A", 33), ("tcp", "0:51", "01", 0))
    assert listening(text) == {"tcp 0.0.0.0 80": "uid 0, 33"}


def test_sockets_of_a_container_are_those_of_its_first_process() -> None:
    text = sockets(("tcp", "00000000:0050", "0A", 0), folder="/proc/77/net")
    assert (listening(text, 77), listening(text, 7), listening(text)) == ({"tcp 0.0.0.0 80": "uid 0"}, {}, {})
