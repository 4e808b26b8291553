# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that the embedded hypervisor and the forwards are made of, and the Debian packages that bring them."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterable
from pathlib import Path

from ..errors import HypervisorError

#: Where programs are looked for: Ansible and cron leave the sbin folders out of PATH.
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

#: What a daemon of ours gets to see of our environment: nothing that could be a secret.
ENVIRONMENT = {"PATH": SEARCH_PATH, "LANG": "C.UTF-8", "HOME": "/root"}

EMULATOR = f"qemu-system-{platform.machine()}"

PACKAGES = {
    "dnsmasq": "dnsmasq-base",
    "ip": "iproute2",
    "iptables": "iptables",
    "libvirtd": "libvirt-daemon",
    "nsenter": "util-linux",
    "qemu-img": "qemu-utils",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-x86_64": "qemu-system-x86",
    "setpriv": "util-linux",
    "slirp4netns": "slirp4netns",
    "socat": "socat",
    "unshare": "util-linux",
    "virtlogd": "libvirt-daemon",
}

HYPERVISOR = (
    "dnsmasq",
    "ip",
    "iptables",
    "libvirtd",
    "nsenter",
    "qemu-img",
    EMULATOR,
    "slirp4netns",
    "unshare",
    "virtlogd",
)

#: Folders of the package libvirt-daemon-system that ours are mounted over.
MOUNT_POINTS = ("/etc/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt")


def find(name: str) -> str | None:
    """Absolute path of the program, or ``None``."""
    return shutil.which(name, path=SEARCH_PATH)


def check_programs(names: Iterable[str], folders: Iterable[str] = ()) -> None:
    """Raise :class:`HypervisorError` with the Debian packages that bring what is missing."""
    missing = [name for name in names if find(name) is None]
    packages = {PACKAGES.get(name, name) for name in missing}
    absent = [folder for folder in folders if not Path(folder).is_dir()]
    if absent:
        packages.add("libvirt-daemon-system")
    if packages:
        raise HypervisorError(
            f"missing: {', '.join([*missing, *absent])}. Install the Debian packages that bring them: "
            f"apt-get install {' '.join(sorted(packages))}"
        )


def check_root(what: str) -> None:
    """Raise :class:`HypervisorError` where we are not root."""
    if os.geteuid() != 0:
        raise HypervisorError(f"{what} needs root. Run it as root (Ansible: become: true).")
