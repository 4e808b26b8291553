# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a Debian system a guest image of ours: packages, files, units. Data only; all of it is in the digest.

The choices serve one aim, a Docker API that answers soon after power-on, also where the CPU is emulated: nothing is
started, generated or waited for that a Docker host does not need. Measured: 41 CPU seconds from power-on to the API
instead of 69 of the same packages untrimmed.
"""

from __future__ import annotations

from typing import Any

from ..declare.environment import ImageBuild
from .modules import LOADED, OTHERS, UNUSED

#: Raised when a change of the build itself must lead to new images.
VERSION = 1

PACKAGES = (
    "linux-image-cloud-amd64",
    "tiny-initramfs",
    "systemd-sysv",
    "udev",
    "acpid",
    "openssh-server",
    "docker.io",
    "docker-cli",
    "iptables",
    "iproute2",
    "kmod",
    "procps",
    "e2fsprogs",
    "ca-certificates",
    "xz-utils",
    "zstd",
)

#: ``rw``: no remount; ``lsm``: as Debian's, less BPF, whose program takes a second to load on an emulated CPU.
CMDLINE = "root=/dev/vda rootfstype=ext4 rw console=ttyS0 quiet audit=0 lsm=landlock,lockdown,yama,integrity,apparmor"

#: UUID and hash seed of the root file system: fixed, so that equal trees are equal disks.
FILESYSTEM_UUID = "5f7c1d3e-9a54-4f0c-8d2b-3b5e8f0c7a11"
FILESYSTEM_HASH_SEED = "c1a0e6d4-2f7b-4e19-b0c3-6d9f1e2a8b47"

APPLY_SEED = """\
#!/bin/sh
# Unpacks the seed, a tar archive on the disk with the serial strata-seed, over /: once for each content of it.
set -eu
stamp=/var/lib/strata/seed.sha256
for file in /sys/block/vd*/serial; do
    read -r serial < "$file" || true # false without a newline at its end
    [ "$serial" = strata-seed ] || continue
    name=${file#/sys/block/}
    device=/dev/${name%/serial}
    digest=$(sha256sum < "$device")
    applied=
    if [ -e "$stamp" ]; then read -r applied < "$stamp" || true; fi
    if [ "$digest" != "$applied" ]; then
        tar --extract --file="$device" --directory=/ --no-same-owner --unlink-first
        mkdir -p "${stamp%/*}"
        echo "$digest" > "$stamp.new"
        sync "$stamp.new"
        mv "$stamp.new" "$stamp"
    fi
    read -r hostname < /etc/hostname
    echo "$hostname" > /proc/sys/kernel/hostname
    exit 0
done
echo "no disk with the serial strata-seed is attached" >&2
exit 1
"""

_SEED_UNIT = """\
[Unit]
Description=Unpack the seed of this guest
DefaultDependencies=no
Before=sysinit.target systemd-networkd.service containerd.service docker.service ssh.service shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/strata/apply-seed
StandardError=journal+console

[Install]
WantedBy=sysinit.target
"""

_GROW_UNIT = """\
[Unit]
Description=Grow the root file system to its disk
DefaultDependencies=no
Before=docker.service containerd.service shutdown.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/resize2fs /dev/vda

[Install]
WantedBy=sysinit.target
"""

#: runc runs itself from a copy of 10 MB for every container and every command in one, so that none of them can change
#: the program (CVE-2019-5736); it makes none where it is run from sealed memory already. On an emulated processor each
#: copy is new code to translate: without them a command in a container took 0.6 s instead of 0.95 (measured). Linux
#: since 6.12 does not let it be bound over runc's path, as runc's own memfd-bind did, so a link before that in the
#: search path leads there; while it leads nowhere, runc itself is found.
HOLD_RUNC = """\
#!/usr/bin/perl
# Makes a sealed copy of runc in memory, has /run/strata/runc lead to it, and stays, as it is gone with its last holder.
use strict;
use warnings;

my ($source, $link) = ("/usr/sbin/runc", "/run/strata/runc");
$^F = 1000; # file descriptors up to this one stay open in the program that we become
my $name = "runc";
my $number = syscall 319, $name, 2; # memfd_create, MFD_ALLOW_SEALING
die "memfd_create: $!\n" if $number < 0;
open my $copy, "+<&=", $number or die "memory: $!\n";
open my $binary, "<:raw", $source or die "$source: $!\n";
my $part;
while (my $read = sysread($binary, $part, 1 << 20) // die "$source: $!\n") {
    (syswrite($copy, $part) // 0) == $read or die "memory: $!\n";
}
close $binary;
fcntl $copy, 1033, 15 or die "F_ADD_SEALS: $!\n"; # neither written, grown, shrunk, nor unsealed
unlink "$link.new";
symlink "/proc/$$/fd/$number", "$link.new" or die "$link.new: $!\n";
rename "$link.new", $link or die "$link: $!\n";
exec "sleep", "infinity" or die "sleep: $!\n";
"""

#: After the engine, which is waited for.
_RUNC_UNIT = """\
[Unit]
Description=Keep runc in sealed memory
After=docker.service

[Service]
ExecStart=/usr/lib/strata/hold-runc
RuntimeDirectory=strata
Restart=always

[Install]
WantedBy=multi-user.target
"""

#: An update of runc counts at once.
_RUNC_UPDATED = """\
post-invoke=cmp -s /usr/sbin/runc /run/strata/runc || systemctl try-restart strata-runc.service || true
"""

_SSHD = """\
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
HostKey /etc/ssh/ssh_host_ed25519_key
MaxSessions 64
MaxStartups 64:30:128
Ciphers aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com
"""

#: Coldplug of what a guest has; the default walks every device of the kernel, in seconds.
_UDEV_TRIGGER = """\
[Service]
ExecStart=
ExecStart=-udevadm trigger --action=add --subsystem-match=block --subsystem-match=net --subsystem-match=virtio \
--subsystem-match=pci --subsystem-match=acpi --subsystem-match=scsi --subsystem-match=usb \
--prioritized-subsystem=block,net
"""

_CONTAINERD = """\
version = 2
disabled_plugins = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.nri.v1.nri",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.tracing",
]

[plugins."io.containerd.internal.v1.opt"]
  path = "/var/lib/containerd/opt"
"""

#: Path -> (mode, content).
FILES: dict[str, tuple[int, str]] = {
    "/etc/hostname": (0o644, "localhost\n"),
    "/etc/hosts": (0o644, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"),
    "/etc/fstab": (0o644, "# The kernel mounts the root file system (root=, rw).\n"),
    "/etc/machine-id": (0o444, ""),
    # Newer than /usr would mean "update is due" (systemd.unit(5), ConditionNeedsUpdate=).
    "/etc/.updated": (0o644, ""),
    "/var/.updated": (0o644, ""),
    "/usr/lib/strata/apply-seed": (0o755, APPLY_SEED),
    "/usr/lib/strata/hold-runc": (0o755, HOLD_RUNC),
    "/etc/systemd/system/strata-seed.service": (0o644, _SEED_UNIT),
    "/etc/systemd/system/strata-grow.service": (0o644, _GROW_UNIT),
    "/etc/systemd/system/strata-runc.service": (0o644, _RUNC_UNIT),
    "/etc/dpkg/dpkg.cfg.d/strata": (0o644, _RUNC_UPDATED),
    "/etc/systemd/system/ssh.service.d/strata.conf": (0o644, "[Service]\nExecStartPre=\n"),
    "/etc/systemd/system/systemd-udev-trigger.service.d/strata.conf": (0o644, _UDEV_TRIGGER),
    "/etc/systemd/journald.conf.d/strata.conf": (0o644, "[Journal]\nStorage=volatile\nRuntimeMaxUse=16M\n"),
    "/etc/ssh/sshd_config.d/strata.conf": (0o644, _SSHD),
    "/etc/containerd/config.toml": (0o644, _CONTAINERD),
    # It would load the module overlay, which is there.
    "/etc/systemd/system/containerd.service.d/strata.conf": (0o644, "[Service]\nExecStartPre=\n"),
    "/etc/modules-load.d/strata.conf": (0o644, "".join(f"{name}\n" for name in LOADED)),
    "/etc/modprobe.d/strata.conf": (0o644, "".join(f"blacklist {name}\n" for name in UNUSED)),
    # Powering off by ACPI: udev loads the button's driver, acpid listens to it.
    "/etc/acpi/events/power": (0o644, "event=button/power.*\naction=/usr/bin/systemctl poweroff\n"),
    # Device nodes that containers ask for before the module behind them is loaded (kmod static-nodes).
    "/etc/tmpfiles.d/strata.conf": (
        0o644,
        "d /dev/net 0755 - - -\nc! /dev/net/tun 0666 - - - 10:200\nc! /dev/loop-control 0660 root disk - 10:237\n",
    ),
}

#: Unit -> target or unit that wants it.
ENABLED = {
    "strata-seed.service": "sysinit.target",
    "strata-grow.service": "sysinit.target",
    "strata-runc.service": "multi-user.target",
    "systemd-networkd.service": "multi-user.target",
    "ssh.service": "multi-user.target",
    "containerd.service": "multi-user.target",
    "docker.service": "multi-user.target",
    "acpid.service": "multi-user.target",
}

#: Units that cost time at boot, or disturb what is measured, and serve nobody in a guest.
MASKED_UNITS = (
    "acpid.path",
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "kmod-static-nodes.service",
    "ldconfig.service",
    "modprobe@.service",
    "proc-sys-fs-binfmt_misc.automount",
    "remote-fs.target",
    "run-lock.mount",
    "sshd-keygen.service",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-hibernate-clear.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-journal-flush.service",
    "systemd-logind.service",
    "systemd-machine-id-commit.service",
    "systemd-network-generator.service",
    "systemd-networkd-persistent-storage.service",
    "systemd-networkd-wait-online.service",
    "systemd-pcrmachine.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-pcrphase.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-sysusers.service",
    "systemd-tmpfiles-clean.timer",
    "systemd-tmpfiles-setup-dev-early.service",
    "systemd-tpm2-setup-early.service",
    "systemd-tpm2-setup.service",
    "systemd-udev-load-credentials.service",
    "systemd-update-done.service",
    "systemd-user-sessions.service",
)

#: Programs that systemd runs before it starts anything; systemd-fstab-generator stays.
MASKED_GENERATORS = (
    "systemd-debug-generator",
    "systemd-getty-generator",
    "systemd-gpt-auto-generator",
    "systemd-hibernate-resume-generator",
    "systemd-rc-local-generator",
    "systemd-run-generator",
    "systemd-ssh-generator",
    "systemd-system-update-generator",
    "systemd-sysv-generator",
    "systemd-tpm2-generator",
)

#: Symbolic links beside those that follow from the lists above.
LINKS = {
    "/etc/systemd/system/default.target": "/usr/lib/systemd/system/multi-user.target",
    "/usr/local/sbin/runc": "/run/strata/runc",
    # Nobody would remove /run/nologin again: systemd-user-sessions is masked.
    "/etc/tmpfiles.d/systemd-nologin.conf": "/dev/null",
}

#: Patterns below the root of what differs between two builds, belongs to one machine, or was only needed to build.
REMOVED = (
    "boot/initrd.img*",
    "boot/vmlinuz*",
    "etc/.pwd.lock",
    "etc/resolv.conf",
    "etc/ssh/ssh_host_*",
    "initrd.img*",
    "vmlinuz*",
    "var/cache/apt/*.bin",
    "var/cache/debconf/*-old",
    "var/cache/ldconfig/*",
    "var/lib/apt/lists/*",
    "var/lib/dbus/machine-id",
    "var/lib/systemd/random-seed",
    "var/log/*.log",
    "var/log/apt/*",
    "var/log/journal",
    "var/tmp/*",
    "run/*",
    "tmp/*",
)


def packages(build: ImageBuild) -> tuple[str, ...]:
    """What is asked of the mirror; dependencies come along."""
    return tuple(dict.fromkeys((*PACKAGES, *sorted(build.packages))))


def recipe(build: ImageBuild) -> dict[str, Any]:
    """Everything that decides what the image holds, but for the state of the mirror, as a JSON-like tree."""
    return {
        "version": VERSION,
        "suite": build.suite,
        "mirror": build.mirror,
        "packages": packages(build),
        "cmdline": CMDLINE,
        "filesystem": [FILESYSTEM_UUID, FILESYSTEM_HASH_SEED],
        "files": FILES,
        "unpacked": [LOADED, OTHERS],
        "enabled": ENABLED,
        "masked": [MASKED_UNITS, MASKED_GENERATORS],
        "links": LINKS,
        "removed": REMOVED,
    }
