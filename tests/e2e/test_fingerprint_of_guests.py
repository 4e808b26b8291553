# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fingerprint of real guests: it rests, survives restarts, and names what somebody changed."""

from __future__ import annotations

import re
import time
from contextlib import suppress

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import GuestError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import access
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Verdict, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import Fingerprint
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.take import take
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm import processes
from two_hosts import TwoHosts

pytestmark = [pytest.mark.lab, pytest.mark.guests]

#: What is done in the guest ``web``, the path that it must be named by, and how it is undone.
CHANGES = {
    "user": ("useradd --no-create-home eve", "guests/web/users/eve", "userdel eve"),
    "sysctl": ("sysctl -w vm.swappiness=10", "guests/web/sysctls/vm/swappiness", "sysctl -w vm.swappiness=60"),
    "route": (
        "ip route add blackhole 198.51.100.0/24",
        "guests/web/routes/198.51.100.0~124 .*",
        "ip route del 198.51.100.0/24",
    ),
    "routing rule": (
        "ip rule add to 198.51.100.7 prohibit",
        "guests/web/routing_rules/ipv4/.*prohibit dst 198.51.100.7.*",
        "ip rule del to 198.51.100.7 prohibit",
    ),
    "firewall": (
        "iptables -A INPUT -p tcp --dport 9999 -j DROP",
        "guests/web/firewall/ipv4 filter/-A INPUT .*9999.*",
        "iptables -D INPUT -p tcp --dport 9999 -j DROP",
    ),
    "process": (
        "setsid sleep 8000 > /dev/null 2>&1 < /dev/null &",
        ".*/sleep 8000/count",
        "pkill --full --exact 'sleep 8000'",
    ),
    "image": ("docker tag debian-haproxy:13 other:1", "images/web/other:1/Id", "docker rmi other:1"),
    "network": (
        "docker network create --subnet 172.28.0.0/24 extra && docker network connect extra web-haproxy-1",
        "containers/web/web-haproxy-1/NetworkSettings/Networks/extra/.*",
        "docker network disconnect extra web-haproxy-1 && docker network rm extra",
    ),
    "volume": ("docker volume create extra", "docker_volumes/web/extra/Name", "docker volume rm extra"),
}
FILES = {
    "edited": ("echo x >> /etc/issue", "guests/web/files/etc/issue/:content"),
    "rights": ("chmod 4755 /usr/bin/find", "guests/web/files/usr/bin/find/:mode"),
    "key": ("echo x >> /root/.ssh/authorized_keys", "guests/web/files/root/.ssh/authorized_keys/:content"),
    "config": (
        "for f in /var/lib/strata/web/web-haproxy-1/haproxy-*; do cp -p $f /root/kept; echo '# x' >> $f; done",
        "guests/web/files/var/lib/strata/web/web-haproxy-1/haproxy-.*/:content",
    ),
}
PUT_BACK = (
    "sed -i '$d' /etc/issue /root/.ssh/authorized_keys && chmod 0755 /usr/bin/find "
    "&& for f in /var/lib/strata/web/web-haproxy-1/haproxy-*; do cat /root/kept > $f; done && rm /root/kept"
)


def fingerprint(two_hosts: TwoHosts, level: int = 3) -> Fingerprint:
    return take(two_hosts.copy.declaration, two_hosts.copy.lab.folders, level)


def run(two_hosts: TwoHosts, command: str, guest: str = "web") -> bytes:
    return access.shell("two_hosts", guest, two_hosts.copy.lab.folders).run(command, timeout=300)


def await_other(two_hosts: TwoHosts, command: str, said: bytes) -> None:
    """Wait until the guest prints something else; meanwhile it may not answer at all."""
    until = time.monotonic() + 300
    while time.monotonic() < until:
        with suppress(GuestError):
            if run(two_hosts, command) != said:
                return
        time.sleep(2)
    raise AssertionError(f"{command} still prints {said!r}")


def paths(first: Fingerprint, second: Fingerprint) -> list[str]:
    return [difference.path for difference in compare(first, second).differences]


@pytest.fixture(scope="module")
def whole(two_hosts: TwoHosts) -> tuple[Fingerprint, Fingerprint]:
    """Two fingerprints of level 4, one right after the other."""
    return fingerprint(two_hosts, 4), fingerprint(two_hosts, 4)


def test_of_every_file_it_is_settled_and_complete_and_the_same_twice(whole: tuple[Fingerprint, Fingerprint]) -> None:
    first, second = whole
    assert (first.missing, first.moving, first.unknown) == ((), (), ())
    assert paths(first, second) == []
    assert compare(first, second).verdict is Verdict.IDENTICAL
    assert first.root == second.root
    told = {leaf.path for leaf in first.leaves if leaf.counts}
    assert "guests/web/files/etc/ssh/sshd_config/:content" in told
    assert "docker_volumes/apps/apps_counter/files/appendonlydir/appendonly.aof.manifest/:content" in told
    assert "images/apps/two-hosts~1app:latest/files/1/srv/app.py/:content" in told


def test_changed_files_are_named_and_put_back_it_is_identical(
    two_hosts: TwoHosts, whole: tuple[Fingerprint, Fingerprint]
) -> None:
    _first, before = whole
    for command, _path in FILES.values():
        run(two_hosts, command)
    told = paths(before, fingerprint(two_hosts, 4))
    run(two_hosts, PUT_BACK)
    for command, path in FILES.values():
        assert any(re.fullmatch(path, each) for each in told), f"{command}: {told}"
    assert paths(before, fingerprint(two_hosts, 4)) == []


def test_restarts_of_containers_engines_guests_and_libvirt_leave_it_identical(two_hosts: TwoHosts) -> None:
    before = fingerprint(two_hosts)
    run(two_hosts, "docker restart apps-redis-1", "apps")
    run(two_hosts, "systemctl restart docker.service", "web")
    folders = two_hosts.copy.lab.folders
    record = folders.hypervisor / "records" / "libvirtd"
    libvirtd = processes.running(record)
    assert libvirtd
    processes.terminate([libvirtd])
    two_hosts.copy.lab.start_hypervisor()
    assert processes.running(record) not in (None, libvirtd)
    assert paths(before, fingerprint(two_hosts)) == []
    boot = run(two_hosts, "cat /proc/sys/kernel/random/boot_id")
    two_hosts.copy.lab.virsh("reboot", "two_hosts-web")
    await_other(two_hosts, "cat /proc/sys/kernel/random/boot_id", boot)
    assert paths(before, fingerprint(two_hosts)) == []


def test_what_somebody_changed_is_named_and_undone_it_is_identical(two_hosts: TwoHosts) -> None:
    """All of it at once: each change has leaves of its own."""
    before = fingerprint(two_hosts)
    run(two_hosts, "\n".join(["set -e", *(command for command, _path, _undo in CHANGES.values())]))
    told = paths(before, fingerprint(two_hosts))
    run(two_hosts, "\n".join(["set -e", *(undo for _command, _path, undo in CHANGES.values())]))
    for command, path, _undo in CHANGES.values():
        assert any(re.fullmatch(path, each) for each in told), f"{command}: {told}"
    assert paths(before, fingerprint(two_hosts)) == []
