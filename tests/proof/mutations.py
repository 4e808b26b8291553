# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes behind the declaration's back, one leaf at a time, each with the path that a fingerprint must name it by.

``web`` and ``apps`` are guests of two_hosts; commands run in their shells, ``virsh`` on the hypervisor, and of a
``forward`` the process is ended. In this order: later ones build on earlier ones.
"""

from __future__ import annotations

from dataclasses import dataclass

_PERL = "perl -MIO::Socket::INET -e"
_AWAY = "> /dev/null 2>&1 < /dev/null &"
_UNIT = "[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n"


@dataclass(frozen=True)
class Mutation:
    """*command* at *where* changes the leaf whose path matches the regular expression *path*.

    ``level``: the lowest that sees it. ``declared``: it is something that the declaration speaks of.
    """

    words: str
    where: str
    command: str
    path: str
    level: int = 3
    declared: bool = False


def _package(version: str) -> str:
    control = (
        f"Package: extra\\nVersion: {version}\\nArchitecture: all\\nMaintainer: x <x@example.org>\\nDescription: x\\n"
    )
    return (
        f"d=$(mktemp -d) && mkdir $d/DEBIAN && printf '{control}' > $d/DEBIAN/control && chmod 755 $d "
        "&& dpkg-deb --build $d $d.deb > /dev/null && dpkg -i $d.deb && rm -r $d $d.deb"
    )


def _build(file: str) -> str:
    dockerfile = f'FROM debian-haproxy:13\\nRUN ["busybox", "touch", "/{file}"]\\n'
    return f"printf '{dockerfile}' | docker build --quiet --tag built:1 - > /dev/null"


HAPROXY = "containers/web/web-haproxy-1"
REDIS = "containers/apps/apps-redis-1"
STRANGER = "containers/web/stranger"

MUTATIONS = (
    # The engine's objects.
    Mutation(
        "network made", "web", "docker network create --subnet 172.28.0.0/24 extra", "docker_networks/web/extra/.*"
    ),
    Mutation(
        "extra network on a container",
        "web",
        "docker network connect --ip 172.28.0.9 extra web-haproxy-1",
        f"{HAPROXY}/NetworkSettings/Networks/extra/.*",
    ),
    Mutation(
        "network taken from a container",
        "web",
        "docker network disconnect extra web-haproxy-1",
        f"{HAPROXY}/NetworkSettings/Networks/extra/.*",
    ),
    Mutation("network removed", "web", "docker network rm extra", "docker_networks/web/extra/.*"),
    Mutation(
        "docker update: memory",
        "web",
        "docker update --memory 120m --memory-swap 240m web-haproxy-1",
        f"{HAPROXY}/HostConfig/Memory",
        declared=True,
    ),
    Mutation(
        "docker update: processors",
        "web",
        "docker update --cpus 0.5 web-haproxy-1",
        f"{HAPROXY}/HostConfig/NanoCpus",
        declared=True,
    ),
    Mutation(
        "docker update: restart policy",
        "web",
        "docker update --restart always web-haproxy-1",
        f"{HAPROXY}/HostConfig/RestartPolicy/Name",
        declared=True,
    ),
    Mutation(
        "docker update: shares",
        "web",
        "docker update --cpu-shares 512 web-haproxy-1",
        f"{HAPROXY}/HostConfig/CpuShares",
    ),
    Mutation(
        "docker update: pids", "web", "docker update --pids-limit 200 web-haproxy-1", f"{HAPROXY}/HostConfig/PidsLimit"
    ),
    Mutation(
        "docker update: reservation",
        "web",
        "docker update --memory-reservation 64m web-haproxy-1",
        f"{HAPROXY}/HostConfig/MemoryReservation",
    ),
    Mutation(
        "docker update: processors by number",
        "web",
        "docker update --cpuset-cpus 0 web-haproxy-1",
        f"{HAPROXY}/HostConfig/CpusetCpus",
    ),
    Mutation("volume made", "web", "docker volume create extra", "docker_volumes/web/extra/.*"),
    Mutation("image tagged", "web", "docker tag debian-haproxy:13 other:1", "images/web/other:1/.*"),
    Mutation(
        "container made",
        "web",
        "docker run --detach --name stranger --volume extra:/data other:1 busybox sleep 10000",
        f"{STRANGER}/.*",
    ),
    Mutation("container paused", "web", "docker pause stranger", f"{STRANGER}/State/Paused"),
    Mutation("container unpaused", "web", "docker unpause stranger", f"{STRANGER}/State/Paused"),
    Mutation(
        "container renamed", "web", "docker rename stranger other && docker rename other stranger2", f"{STRANGER}2/.*"
    ),
    Mutation("container renamed back", "web", "docker rename stranger2 stranger", f"{STRANGER}/.*"),
    Mutation("container killed", "web", "docker kill stranger", f"{STRANGER}/State/(Status|Running)"),
    Mutation("container started", "web", "docker start stranger", f"{STRANGER}/State/(Status|Running)"),
    Mutation(
        "container that ends",
        "web",
        "docker run --name ended --volume extra:/data other:1 busybox sh -c 'exit $(cat /data/code || echo 3)' || true",
        "containers/web/ended/.*",
    ),
    Mutation(
        "exit code",
        "web",
        "echo 4 > /var/lib/docker/volumes/extra/_data/code; docker start --attach ended || true",
        "containers/web/ended/State/ExitCode",
    ),
    Mutation(
        "process started in a container",
        "apps",
        "docker exec --detach apps-redis-1 busybox sleep 9000",
        f"{REDIS}/processes/container/busybox sleep 9000/.*",
    ),
    Mutation(
        "port opened in a container",
        "apps",
        "docker exec --detach apps-redis-1 busybox nc -l -p 7777",
        f"{REDIS}/sockets/tcp6? \\S+ 7777",
    ),
    Mutation("image made of a container", "web", "docker commit stranger made:1", "images/web/made:1/.*"),
    Mutation("image retagged", "web", "docker tag made:1 other:1", "images/web/other:1/.*"),
    Mutation("image removed", "web", "docker rmi made:1", "images/web/made:1/.*"),
    Mutation("image built", "web", _build("made"), "images/web/built:1/.*"),
    Mutation(
        "declared image retagged",
        "web",
        "docker tag other:1 debian-haproxy:13",
        "images/web/debian-haproxy:13/.*",
        declared=True,
    ),
    Mutation(
        "declared container stopped", "web", "docker stop web-haproxy-1", f"{HAPROXY}/State/Status", declared=True
    ),
    Mutation(
        "declared container started", "web", "docker start web-haproxy-1", f"{HAPROXY}/State/Status", declared=True
    ),
    # The guest's operating system.
    Mutation("package installed", "web", _package("1.0"), "guests/web/packages/extra:all"),
    Mutation("package upgraded", "web", _package("1.1"), "guests/web/packages/extra:all"),
    Mutation("package removed", "web", "dpkg --purge extra", "guests/web/packages/extra:all"),
    Mutation("user made", "web", "useradd --no-create-home eve", "guests/web/users/eve"),
    Mutation("user in a group", "web", "gpasswd --add eve docker", "guests/web/groups/docker"),
    Mutation("user's shell", "web", "usermod --shell /bin/bash eve", "guests/web/users/eve"),
    Mutation(
        "user who is there twice",
        "web",
        "echo 'root:x:0:0::/root:/bin/sh' >> /etc/passwd",
        "guests/web/users/root \\(2\\)",
    ),
    Mutation("password set", "web", "echo eve:xyzzy | chpasswd", "guests/web/passwords/eve/password"),
    Mutation("group made", "web", "groupadd extra", "guests/web/groups/extra"),
    Mutation("root's password", "web", "echo root:xyzzy | chpasswd", "guests/web/passwords/root/password"),
    Mutation(
        "unit enabled",
        "web",
        f"printf '{_UNIT}' > /etc/systemd/system/extra.service && systemctl enable extra.service",
        "guests/web/enabled_units/multi-user.target.wants~1extra.service",
    ),
    Mutation("unit started", "web", "systemctl start extra.service", "guests/web/units/extra.service"),
    Mutation(
        "unit stopped",
        "web",
        "systemctl stop extra.service",
        "guests/web/(units/extra.service|processes/.*extra.service.*)",
    ),
    Mutation(
        "unit masked", "web", "systemctl mask debug-shell.service", "guests/web/enabled_units/debug-shell.service"
    ),
    Mutation("sysctl: swappiness", "web", "sysctl -w vm.swappiness=10", "guests/web/sysctls/vm/swappiness"),
    Mutation("sysctl: somaxconn", "web", "sysctl -w net.core.somaxconn=128", "guests/web/sysctls/net/core/somaxconn"),
    Mutation("sysctl: panic", "web", "sysctl -w kernel.panic=5", "guests/web/sysctls/kernel/panic"),
    Mutation(
        "sysctl: redirects",
        "web",
        "sysctl -w net.ipv4.conf.all.accept_redirects=1",
        "guests/web/sysctls/net/ipv4/conf/all/accept_redirects",
    ),
    Mutation("host name", "web", "hostname other", "guests/web/boot/hostname", declared=True),
    Mutation("host name back", "web", "hostname web", "guests/web/boot/hostname", declared=True),
    Mutation("mount", "web", "mount -t tmpfs none /mnt", "guests/web/mounts/~1mnt/.*"),
    Mutation("mount's size", "web", "mount -o remount,size=10m /mnt", "guests/web/mounts/~1mnt/options/size=10240k"),
    Mutation("bind mount", "web", "mount --bind /srv /opt", "guests/web/mounts/~1opt/.*"),
    Mutation(
        "bind mount of another folder",
        "web",
        "umount /opt && mount --bind /usr/local /opt",
        "guests/web/mounts/~1opt/folder",
    ),
    Mutation("mount option", "web", "mount -o remount,noatime /", "guests/web/mounts/~1/options/noatime"),
    Mutation("unmount", "web", "umount /mnt", "guests/web/mounts/~1mnt/.*"),
    Mutation(
        "address added", "web", "ip addr add 192.0.2.1/32 dev lo", "guests/web/links/lo/addresses/192.0.2.1~132/.*"
    ),
    Mutation(
        "routing rule",
        "web",
        "ip rule add to 198.51.100.7 prohibit",
        "guests/web/routing_rules/ipv4/.*prohibit dst 198.51.100.7.*",
    ),
    Mutation("route added", "web", "ip route add blackhole 198.51.100.0/24", "guests/web/routes/198.51.100.0~124 .*"),
    Mutation("interface added", "web", "ip link add extra type bridge", "guests/web/links/extra/.*"),
    Mutation("packet size", "web", "ip link set docker0 mtu 1400", "guests/web/links/docker0/mtu"),
    Mutation(
        "firewall rule",
        "web",
        "iptables -A INPUT -p tcp --dport 9999 -j DROP",
        "guests/web/firewall/ipv4 filter/-A INPUT .*9999.*",
    ),
    Mutation(
        "port opened",
        "web",
        f"setsid {_PERL} '$s = IO::Socket::INET->new(LocalPort => 9998, Listen => 1); sleep 9000' {_AWAY}",
        "guests/web/(sockets/tcp 0.0.0.0 9998|processes/.*perl.*)",
    ),
    Mutation(
        "process started",
        "web",
        f"setsid sleep 8000 {_AWAY}",
        "guests/web/processes/.*/sleep 8000/.*",
    ),
    Mutation("module loaded", "web", "modprobe dummy", "guests/web/modules/dummy"),
    Mutation(
        "daemon setting",
        "web",
        "sed -i 's/{/{\"debug\": true, /' /etc/docker/daemon.json && systemctl reload docker",
        "engines/web/info/Debug",
        declared=True,
    ),
    # The hypervisor's objects.
    Mutation(
        "autostart of a guest", "virsh", "autostart {web} --disable", "domains/web/state/autostart", declared=True
    ),
    Mutation(
        "description of a guest", "virsh", "desc {web} --config changed", "domains/web/description", declared=True
    ),
    Mutation("title of a guest", "virsh", "desc {web} --config --title changed", "domains/web/title"),
    Mutation(
        "memory of a guest", "virsh", "setmem {web} 700M --config", "domains/web/currentMemory/#text", declared=True
    ),
    Mutation(
        "live memory of a guest",
        "virsh",
        "setmem {web} 700M --live",
        "domains/web/live/currentMemory/#text",
        declared=True,
    ),
    Mutation("processors of a guest", "virsh", "setvcpus {web} 2 --config", "domains/web/vcpu/@current", declared=True),
    Mutation(
        "shares of a guest",
        "edit",
        "s/<os>/<cputune><shares>100<\\/shares><\\/cputune><os>/",
        "domains/web/cputune/shares.*",
    ),
    Mutation(
        "link of a guest",
        "virsh",
        "domif-setlink {web} {mac web} down --config",
        "domains/web/devices/interface.*/link/@state",
        declared=True,
    ),
    Mutation(
        "disk throttled",
        "virsh",
        "blkdeviotune {web} vda --total-iops-sec 1000 --config",
        "domains/web/devices/disk.vda./iotune/.*",
    ),
    Mutation(
        "NIC model",
        "edit",
        "s/<model type='virtio'\\/>/<model type='e1000'\\/>/",
        "domains/web/devices/interface.*/model/@type",
    ),
    Mutation("boot order", "edit", "s/<boot dev='hd'\\/>/<boot dev='network'\\/>/", "domains/web/os/boot.*/@dev"),
    Mutation(
        "CPU flag",
        "edit",
        "s/<feature policy='require' name='aes'\\/>/<feature policy='disable' name='aes'\\/>/",
        "domains/web/cpu/feature.aes./@policy",
    ),
    Mutation("disk cache", "edit", "s/cache='writeback'/cache='none'/", "domains/web/devices/disk.vda./driver/@cache"),
    Mutation("what a crash does", "edit", "s/<on_crash>destroy/<on_crash>restart/", "domains/web/on_crash"),
    Mutation("kernel command line", "edit", "s/ quiet / quiet nosmt /", "domains/web/os/cmdline", declared=True),
    Mutation(
        "DHCP host of a network",
        "virsh",
        "net-update {lan} add ip-dhcp-host \"<host mac='52:54:00:00:00:01' ip='{subnet}.99'/>\" --config",
        "networks/lan/ip.*/dhcp/host.*",
        declared=True,
    ),
    Mutation(
        "DHCP range of a network",
        "virsh",
        "net-update {lan} add ip-dhcp-range \"<range start='{subnet}.100' end='{subnet}.110'/>\" --config",
        "networks/lan/ip.*/dhcp/range.*",
        declared=True,
    ),
    Mutation(
        "autostart of a network",
        "virsh",
        "net-autostart {lan} --disable",
        "networks/lan/state/autostart",
        declared=True,
    ),
    Mutation("autostart of a pool", "virsh", "pool-autostart {pool} --disable", "pools/:own/state/autostart"),
    Mutation("volume in a pool", "virsh", "vol-create-as {pool} extra.raw 1M --format raw", "disks/:own/extra.raw/.*"),
    Mutation(
        "disk grown",
        "virsh",
        "vol-resize extra.raw 2M --pool {pool}",
        "disks/:own/extra.raw/capacity/#text",
        declared=True,
    ),
    Mutation("published port", "forward", "web 80", "forwards/web/80/.*/listening", declared=True),
    # Files, which level 4 sees.
    Mutation("file edited", "web", "echo '192.0.2.9 evil' >> /etc/hosts", "guests/web/files/etc/hosts/:content", 4),
    Mutation("file's rights", "web", "chmod 4755 /usr/bin/find", "guests/web/files/usr/bin/find/:mode", 4),
    Mutation("file's owner", "web", "chown 1 /usr/bin/sort", "guests/web/files/usr/bin/sort/:owner", 4),
    Mutation("file made", "web", "touch /usr/local/bin/tool", "guests/web/files/usr/local/bin/tool/:type", 4),
    Mutation("file deleted", "web", "rm /etc/motd", "guests/web/files/etc/motd/.*", 4),
    Mutation(
        "link turned", "web", "ln -sf /bin/true /usr/local/bin/link", "guests/web/files/usr/local/bin/link/:target", 4
    ),
    Mutation(
        "same size, same time",
        "web",
        "touch -r /etc/issue /tmp/r; sed -i 's/GNU/gnu/' /etc/issue; touch -r /tmp/r /etc/issue",
        "guests/web/files/etc/issue/:content",
        4,
    ),
    Mutation(
        "key that opens the guest",
        "web",
        "echo 'ssh-ed25519 AAAA x' >> /root/.ssh/authorized_keys",
        "guests/web/files/root/.ssh/authorized_keys/:content",
        4,
    ),
    Mutation("secret file", "web", "umask 077; echo xyzzy > /root/secret", "guests/web/files/root/secret/:content", 4),
    Mutation(
        "file in a volume",
        "apps",
        "echo 1 > /var/lib/docker/volumes/apps_counter/_data/extra",
        "docker_volumes/apps/apps_counter/files/extra/:content",
        4,
    ),
    Mutation(
        "docker exec that edits a file",
        "web",
        "docker exec stranger sh -c 'echo x >> /etc/passwd'",
        f"{STRANGER}/files/etc/passwd/:content",
        4,
    ),
    Mutation(
        "docker cp", "web", "docker cp /etc/hostname stranger:/srv/copied", f"{STRANGER}/files/srv/copied/:content", 4
    ),
    Mutation(
        "file deleted in a container",
        "web",
        "docker exec stranger rm /etc/issue",
        f"{STRANGER}/files/etc/issue/:type",
        4,
    ),
    Mutation("image rebuilt", "web", _build("other"), "images/web/built:1/files/.*", 4),
    Mutation(
        "file of an image, behind the engine's back",
        "apps",
        "echo x >> $(docker image inspect debian-services:13 --format '{{.GraphDriver.Data.UpperDir}}')/etc/issue",
        "images/apps/debian-services:13/files/0/etc/issue/:content",
        4,
    ),
    Mutation(
        "config of a container",
        "web",
        "for f in /var/lib/strata/web/web-haproxy-1/haproxy-*; do echo '# x' >> $f; done",
        "guests/web/files/var/lib/strata/web/web-haproxy-1/haproxy-.*/:content",
        4,
    ),
)
