# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What most likely made a leaf differ, by its path: the first pattern that fits. No I/O."""

from __future__ import annotations

import re

_ADDED, _REMOVED, _CHANGED = "added", "removed", "changed"

#: Pattern of whole paths, kinds of difference it is for (none: all), and the words.
_CAUSES: tuple[tuple[str, tuple[str, ...], str], ...] = (
    (r"intent/.*", (), "the declaration, or a file that it names, was edited"),
    (r"lock/.*/packages/.*", (), "the package mirror has moved on: the guest image holds another version"),
    (r"lock/.*", (), "an outside input has moved; strata lock --check tells it from what is locked"),
    (r"artifacts/.*", (), "the artifact was built anew, and not bit by bit the same"),
    (r"networks/[^/]*/dhcp.*", (), "the network's DHCP was edited (virsh net-edit, net-update)"),
    (r"networks/.*", (), "the network was edited or restarted outside of Strata (virsh net-edit)"),
    (r"(pools|disks)/.*", (), "the pool or disk was changed outside of Strata (virsh pool-edit, qemu-img)"),
    (r"domains/[^/]*/state/.*", (), "the guest was started, stopped or paused"),
    (r"domains/.*", (), "the domain was edited outside of Strata (virsh edit, attach-device)"),
    (r"forwards/.*/listening", (_CHANGED,), "a published port is not listened on, or is again"),
    (r"forwards/.*", (), "a port was published otherwise"),
    (r"guests/[^/]*/packages/.*", (_ADDED,), "a package was installed"),
    (r"guests/[^/]*/packages/.*", (_REMOVED,), "a package was removed"),
    (r"guests/[^/]*/packages/.*", (_CHANGED,), "a package was upgraded or downgraded"),
    (r"guests/[^/]*/units/.*", (), "a unit was enabled, disabled, masked, started or stopped (systemctl)"),
    (r"guests/[^/]*/(users|groups|passwords)/.*", (), "a user or group was edited (useradd, usermod, passwd)"),
    (r"guests/[^/]*/sysctls/.*", (), "a kernel setting was changed (sysctl)"),
    (r"guests/[^/]*/sockets/.*", (_ADDED,), "something listens that did not"),
    (r"guests/[^/]*/sockets/.*", (), "something that listened does so no more, or as another user"),
    (r"guests/[^/]*/processes/.*", (), "a process was started or ended, or runs with other arguments"),
    (r"guests/[^/]*/mounts/.*", (), "something was mounted or unmounted"),
    (r"guests/[^/]*/(routes|routing_rules|links)/.*", (), "the guest's network was changed (ip)"),
    (r"guests/[^/]*/firewall/.*", (), "a firewall rule was added or removed (iptables)"),
    (r"guests/[^/]*/boot/.*", (), "the guest booted with another kernel or command line"),
    (r"guests/[^/]*/files/.*", (_ADDED,), "a file was made in the guest"),
    (r"guests/[^/]*/files/.*", (_REMOVED,), "a file was deleted in the guest"),
    (r"guests/[^/]*/files/.*/:(mode|owner)", (), "chmod or chown in the guest"),
    (r"guests/[^/]*/files/.*", (), "a file was edited in the guest"),
    (r"engines/.*", (), "the engine was upgraded, or its daemon.json or command line was changed"),
    (r"images/.*/files/.*", (), "the image was built anew, or files of it were changed behind the engine's back"),
    (r"images/.*", (_ADDED,), "an image was pulled, built, loaded or tagged (docker tag)"),
    (r"images/.*", (_REMOVED,), "an image or tag was removed"),
    (r"images/.*", (), "a tag stands for another image: it was built, pulled or tagged anew"),
    (r"docker_networks/[^/]*/[^/]*/Containers/.*", (), "a container was connected or disconnected"),
    (r"docker_networks/.*", (), "a network of the engine was made, removed or made anew with other options"),
    (r"docker_volumes/[^/]*/[^/]*/files/.*", (), "data in the volume was written"),
    (r"docker_volumes/.*", (), "a volume of the engine was made, removed or made anew with other options"),
    (r"containers/[^/]*/[^/]*/files/.*", (), "a file was changed in the container (docker exec, docker cp)"),
    (r"containers/[^/]*/[^/]*/State/.*", (), "the container was started, stopped, paused or turned unhealthy"),
    (r"containers/[^/]*/[^/]*/processes/.*", (), "a process was started or ended in the container"),
    (r"containers/[^/]*/[^/]*/sockets/.*", (), "something listens in the container that did not, or no more"),
    (r"containers/[^/]*/[^/]*/HostConfig/.*", (), "the container was made anew with other options, or docker update"),
    (
        r"containers/[^/]*/[^/]*/NetworkSettings/.*",
        (),
        "the container was connected otherwise (docker network connect)",
    ),
    (r"containers/.*", (_ADDED,), "a container was made"),
    (r"containers/.*", (_REMOVED,), "a container was removed"),
    (r"containers/.*", (), "the container was made anew with another configuration"),
    (r"identity/.*", (), "it is another environment, or was moved: name, address, UUID or machine id"),
)
_COMPILED = [(re.compile(pattern, re.DOTALL), kinds, words) for pattern, kinds, words in _CAUSES]


def cause_of(path: str, kind: str = _CHANGED) -> str:
    """What most likely made the leaf at *path* differ; *kind*: ``added``, ``removed`` or ``changed``."""
    found = (words for pattern, kinds, words in _COMPILED if (not kinds or kind in kinds) and pattern.fullmatch(path))
    return next(found, "it was changed outside of Strata")
