# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real guest: its first boot, its one connection, and the waits. The tests share one boot, so their order matters
only in that the last one powers it off."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import naming
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import GuestError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.ping import ping
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.ssh import receive_command
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.ssh_config import control_path, engine_socket
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import ready
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from booted_guest import BootedGuest

pytestmark = [pytest.mark.lab, pytest.mark.guests]


def master(booted: BootedGuest) -> int:
    """Process id of the guest's one connection."""
    argv = ["ssh", "-F", str(booted.access.ssh_config), "-O", "check", "web"]
    told = subprocess.run(argv, capture_output=True, text=True, check=True)
    found = re.search(r"pid=(\d+)", told.stderr + told.stdout)
    assert found
    return int(found[1])


#: Prints what the first process of a container runs from that was created and not started.
CREATED = """
set -e
mkdir -p /tmp/bundle/rootfs
cd /tmp/bundle
mount --bind / rootfs
runc spec
sed -i 's/"terminal": true/"terminal": false/' config.json
runc create created > log 2>&1 < /dev/null
readlink "/proc/$(runc state created | sed -n 's/.*"pid": \\([0-9]*\\).*/\\1/p')/exe"
runc delete --force created
umount rootfs
rm -r /tmp/bundle
"""


def is_alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_the_first_boot_gives_name_addresses_and_resolver(booted: BootedGuest) -> None:
    said = booted.shell.run("hostname; ip -4 -brief address; ip route show default; cat /etc/resolv.conf").decode()
    assert said.startswith("web\n")
    assert "10.87.0.11/24" in said
    assert "default via 10.87.0.1 " in said
    assert "search ready\nnameserver 10.87.0.1\n" in said


def test_the_first_boot_leaves_secrets_to_root_alone(booted: BootedGuest) -> None:
    files = "/etc/ssh/ssh_host_ed25519_key /root/.ssh/authorized_keys /root/.ssh"
    said = booted.shell.run(f"stat --format '%a %U' {files}; ls /etc/ssh/ssh_host_*_key").decode()
    assert said.splitlines() == ["600 root", "600 root", "700 root", "/etc/ssh/ssh_host_ed25519_key"]


def test_the_engine_answers_with_its_declared_settings(booted: BootedGuest) -> None:
    import docker

    client = docker.APIClient(base_url=f"unix://{booted.engine}", version="auto")
    assert client.info()["LoggingDriver"] == "local"
    client.close()


def test_runc_makes_no_copy_of_itself_as_it_runs_from_memory_that_nobody_can_write(booted: BootedGuest) -> None:
    assert booted.shell.run(CREATED) == b"/memfd:runc (deleted)\n"
    with pytest.raises(GuestError, match=r"Operation not permitted|Text file busy"):
        booted.shell.run("echo > /run/strata/runc")


def test_without_its_holder_runc_is_used_as_it_lies_and_an_update_has_it_held_anew(booted: BootedGuest) -> None:
    booted.shell.run("systemctl stop strata-runc.service")
    copied = booted.shell.run(f"command -v runc; {CREATED}")
    assert copied == b"/usr/sbin/runc\n/memfd:runc_cloned:/proc/self/exe (deleted)\n"

    booted.shell.run("systemctl start strata-runc.service")
    held = "until [ -e /usr/local/sbin/runc ]; do sleep 0.1; done"
    holder = "systemctl show --property=MainPID --value strata-runc.service"
    updated = "cp /usr/sbin/runc /usr/sbin/new; echo >> /usr/sbin/new; mv /usr/sbin/new /usr/sbin/runc"
    configured = f"dpkg --configure -a; {holder}"
    told = booted.shell.run(f"{held}; {holder}; {configured}; {updated}; {configured}")
    before, of_others, after = told.split()
    assert before == of_others != after
    assert booted.shell.run(f"{held}; {CREATED}") == b"/memfd:runc (deleted)\n"


def test_waiting_is_reported_while_it_lasts(booted: BootedGuest) -> None:
    messages = [event.message for event in booted.events if event.stage == "guest web"]
    assert any(message.startswith("waiting for SSH for ") for message in messages)


def test_a_command_reads_its_input_and_a_failed_one_tells_status_and_words(booted: BootedGuest) -> None:
    assert booted.shell.run("tr a-z A-Z", stdin=b"secret") == b"SECRET"
    with pytest.raises(GuestError, match=r"guest web: 'echo oops >&2; exit 7' failed with status 7: oops"):
        booted.shell.run("echo oops >&2; exit 7")


def test_a_command_that_takes_too_long_is_given_up_and_the_next_one_works(booted: BootedGuest) -> None:
    with pytest.raises(GuestError, match="did not end within 1 s"):
        booted.shell.run("sleep 30", timeout=1)
    assert booted.shell.run("echo on") == b"on\n"


def test_many_commands_run_at_once_over_one_connection(booted: BootedGuest) -> None:
    before = master(booted)
    with ThreadPoolExecutor(12) as pool:
        said = list(pool.map(lambda number: booted.shell.run(f"echo {number}"), range(12)))
    assert said == [f"{number}\n".encode() for number in range(12)]
    assert master(booted) == before


def test_a_file_arrives_whole_with_its_mode_under_any_name(booted: BootedGuest) -> None:
    content, path = os.urandom(300_000), "/root/it's a $file"
    booted.shell.write_file(path, content, 0o640)
    assert booted.shell.run('stat --format "%a" "/root/it\'s a \\$file"') == b"640\n"
    assert booted.shell.run('cat "/root/it\'s a \\$file"') == content
    assert b"strata-new" not in booted.shell.run("ls -A /root")


def test_a_file_that_arrives_cut_does_not_replace_the_one_that_is_there(booted: BootedGuest) -> None:
    booted.shell.write_file("/root/kept", b"before", 0o600)
    with pytest.raises(GuestError, match="status 1"):
        booted.shell.run(receive_command("/root/kept", 4, 0o600), stdin=b"cut")
    assert booted.shell.run("cat /root/kept") == b"before"


def test_the_next_run_finds_the_connection_and_the_engine_of_the_last_one(booted: BootedGuest) -> None:
    before = master(booted)
    booted.shell.close()
    other = booted.other_shell()
    other.connect()
    assert master(booted) == before
    assert other.forward() == booted.engine
    assert ping(booted.engine, 5, lambda: None)


def test_a_connection_that_was_killed_is_made_anew_with_the_way_to_the_engine(booted: BootedGuest) -> None:
    before = master(booted)
    os.kill(before, signal.SIGKILL)
    assert booted.shell.run("echo anew") == b"anew\n"
    assert master(booted) != before
    assert ping(booted.shell.forward(), 5, lambda: None)


def test_a_connection_that_hangs_is_made_anew(booted: BootedGuest) -> None:
    hung = master(booted)
    os.kill(hung, signal.SIGSTOP)
    try:
        other = booted.other_shell()
        other.connect()
        assert other.run("echo anew") == b"anew\n"
        assert master(booted) != hung
    finally:
        os.kill(hung, signal.SIGKILL)


def test_another_host_key_is_refused_at_once_with_what_to_do(booted: BootedGuest) -> None:
    booted.shell.disconnect()
    pinned = booted.access.known_hosts.read_text()
    booted.access.known_hosts.write_text(f"web {' '.join(booted.access.public_key.split()[:2])}\n")
    try:
        with pytest.raises(GuestError, match=r"another host key.*bring the environment down and up"):
            ready.wait_for_shell(booted.hypervisor, booted.environment, booted.guest, Progress())
    finally:
        booted.access.known_hosts.write_text(pinned)
    booted.shell.connect()


def test_disconnecting_leaves_no_process_and_no_socket(booted: BootedGuest) -> None:
    booted.shell.forward()
    ended = master(booted)
    booted.shell.disconnect()
    folder = booted.access.ssh_config.parent
    assert not control_path(folder, "web").exists()
    assert not engine_socket(folder, "web").exists()
    until = time.monotonic() + 10
    while is_alive(ended):
        assert time.monotonic() < until, "the connection's process is still there"
        time.sleep(0.05)
    booted.shell.connect()


def test_an_engine_that_cannot_start_ends_the_wait_with_its_words(booted: BootedGuest) -> None:
    settings = booted.shell.run("cat /etc/docker/daemon.json")
    booted.shell.write_file("/etc/docker/daemon.json", json.dumps({"no-such-key": 1}).encode(), 0o644)
    booted.shell.run("systemctl --no-block restart docker.service; sleep 1")
    try:
        with pytest.raises(GuestError, match=r"(?s)engine does not start.*no-such-key"):
            ready.wait_for_engine(
                booted.hypervisor, booted.environment, booted.guest, booted.shell, Progress(), timeout=120
            )
    finally:
        booted.shell.write_file("/etc/docker/daemon.json", settings, 0o644)
        booted.shell.run("systemctl reset-failed docker.service docker.socket; systemctl start docker.service")
    ready.wait_for_engine(booted.hypervisor, booted.environment, booted.guest, booted.shell, Progress(), timeout=120)


def test_a_docker_that_cloud_init_could_not_install_ends_the_wait_with_its_words(booted: BootedGuest) -> None:
    unit, away = "/usr/lib/systemd/system/docker.service", "/root/docker.service"
    failing = b"[Service]\nType=oneshot\nExecStart=/bin/false\n"
    booted.shell.write_file("/run/systemd/system/cloud-final.service", failing, 0o644)
    booted.shell.write_file("/var/log/cloud-init-output.log", b"E: Unable to locate package docker.io\n", 0o644)
    booted.shell.run(f"systemctl stop docker.socket docker.service; mv {unit} {away}; systemctl daemon-reload")
    booted.shell.run("systemctl start cloud-final.service || true")
    try:
        with pytest.raises(GuestError, match=r"(?s)could not install docker.io.*Unable to locate package"):
            ready.wait_for_engine(
                booted.hypervisor, booted.environment, booted.guest, booted.shell, Progress(), timeout=120
            )
    finally:
        booted.shell.run(f"mv {away} {unit}; rm /run/systemd/system/cloud-final.service /var/log/cloud-init-output.log")
        booted.shell.run("systemctl reset-failed; systemctl daemon-reload; systemctl start docker.service")
    ready.wait_for_engine(booted.hypervisor, booted.environment, booted.guest, booted.shell, Progress(), timeout=120)


def test_the_seed_on_the_disk_is_what_the_next_run_would_write(booted: BootedGuest) -> None:
    from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.seed import SeedKeys, archive, seed_files

    keys = SeedKeys.of(access.have_keys(booted.environment, booted.hypervisor.folders), "web")
    wanted = archive(seed_files(booted.environment, booted.guest, keys))
    assert (booted.hypervisor.folders.pool("ready") / "web.seed").read_bytes() == wanted


def test_a_guest_that_powers_off_ends_the_wait_at_once_with_the_end_of_its_console(booted: BootedGuest) -> None:
    booted.shell.run("(sleep 1; systemctl poweroff --force --force) >/dev/null 2>&1 &")
    domain = booted.hypervisor.connection.lookupByUUIDString(str(naming.object_uuid("ready", "guest", "web")))
    until = time.monotonic() + 60
    while domain.isActive() and time.monotonic() < until:
        time.sleep(0.1)
    began = time.monotonic()
    with pytest.raises(GuestError, match="powered off") as raised:
        ready.wait_for_shell(booted.hypervisor, booted.environment, booted.guest, Progress())
    assert time.monotonic() - began < 15
    assert "Its console (" in str(raised.value)
