# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""First boot of stock cloud images: cloud-init's NoCloud data source, an ISO 9660 image with the label ``cidata``.

https://cloudinit.readthedocs.io/en/latest/reference/datasources/nocloud.html
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import naming
from ..declare.environment import Environment, Guest
from ..requirements import require
from .files import write_whole
from .interfaces import Interface, interfaces

if TYPE_CHECKING:
    from .seed import SeedFile

LABEL = "cidata"

#: What cloud-init has no module of its own for.
_WRITTEN = ("/etc/hosts", "/etc/docker/daemon.json")

#: Engine and its socket; images that bring Docker are left as they are.
_HAVE_ENGINE = (
    "command -v dockerd >/dev/null || { export DEBIAN_FRONTEND=noninteractive; "
    "apt-get update && apt-get install -y --no-install-recommends docker.io; }; "
    "systemctl enable --now docker.socket docker.service"
)


def nocloud_files(environment: Environment, guest: Guest, files: Mapping[str, SeedFile]) -> dict[str, bytes]:
    """The data source's three files, saying what the seed's *files* say. Pure.

    cloud-init does its work once for each instance-id, so that follows what the files say: a changed address is taken
    over at the next boot.
    """
    said = {
        "user-data": b"#cloud-config\n" + _json(_user_data(guest, files)),
        "network-config": _json({"version": 2, "ethernets": _ethernets(interfaces(environment, guest))}),
    }
    uuid = naming.object_uuid(environment.name, "guest", guest.name)
    digest = hashlib.sha256(b"".join(said.values())).hexdigest()[:16]
    return {"meta-data": _json({"instance-id": f"{uuid}-{digest}", "local-hostname": guest.name}), **said}


def write_iso(environment: Environment, guest: Guest, files: Mapping[str, SeedFile], target: Path) -> bool:
    """Have the data source at *target* (0600); ``False`` when it was right already.

    The files are compared, not the image, which holds the time of its making.
    """
    wanted = nocloud_files(environment, guest, files)
    if target.exists() and target.stat().st_mode & 0o777 == 0o600 and read_iso(target) == wanted:
        return False
    return write_whole(target, _iso(wanted), 0o600)


def read_iso(path: Path) -> dict[str, bytes] | None:
    """The files of a data source by name; ``None`` when *path* is not one."""
    require("pycdlib")
    from pycdlib import PyCdlib
    from pycdlib.pycdlibexception import PyCdlibException

    iso = PyCdlib()
    try:
        iso.open(str(path))
    except PyCdlibException:
        return None
    try:
        files = (child for child in iso.list_children(joliet_path="/") if child.is_file())
        return {name: _content(iso, name) for name in (child.file_identifier().decode("utf-16-be") for child in files)}
    finally:
        iso.close()


def _content(iso: Any, name: str) -> bytes:
    buffer = io.BytesIO()
    iso.get_file_from_iso_fp(buffer, joliet_path=f"/{name}")
    return buffer.getvalue()


def _iso(files: Mapping[str, bytes]) -> bytes:
    require("pycdlib")
    from pycdlib import PyCdlib

    iso = PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    for number, (name, content) in enumerate(sorted(files.items())):
        source = io.BytesIO(content)
        iso.add_fp(source, len(content), f"/FILE{number}.;1", rr_name=name, joliet_path=f"/{name}")
    buffer = io.BytesIO()
    iso.write_fp(buffer)
    iso.close()
    return buffer.getvalue()


def _user_data(guest: Guest, files: Mapping[str, SeedFile]) -> dict[str, Any]:
    """A cloud-config; no user but root, whose password stays as it is, and no host key but ours."""
    authorized = files["/root/.ssh/authorized_keys"].content.decode().strip()
    return {
        "hostname": guest.name,
        "manage_etc_hosts": False,
        "users": [{"name": "root", "lock_passwd": False}],
        "disable_root": False,
        "ssh_pwauth": False,
        "ssh_authorized_keys": [authorized],
        "ssh_deletekeys": True,
        "ssh_keys": {
            "ed25519_private": files["/etc/ssh/ssh_host_ed25519_key"].content.decode(),
            "ed25519_public": files["/etc/ssh/ssh_host_ed25519_key.pub"].content.decode().strip(),
        },
        "write_files": [
            {"path": path, "permissions": f"{files[path].mode:04o}", "content": files[path].content.decode()}
            for path in _WRITTEN
        ],
        "runcmd": [["sh", "-c", _HAVE_ENGINE]],
    }


def _ethernets(attached: tuple[Interface, ...]) -> dict[str, Any]:
    """Netplan's version 2; the names are set, because renderers without a match by address go by name."""
    return {f"eth{number}": _ethernet(f"eth{number}", one) for number, one in enumerate(attached)}


def _ethernet(name: str, interface: Interface) -> dict[str, Any]:
    resolver: dict[str, Any] = {"addresses": [str(interface.resolver)] if interface.resolver else []}
    if interface.domain:
        resolver["search"] = [interface.domain]
    ethernet: dict[str, Any] = {
        "match": {"macaddress": interface.mac},
        "set-name": name,
        "dhcp4": False,
        "addresses": [str(interface.address)],
        "nameservers": resolver,
    }
    if interface.gateway:
        ethernet["routes"] = [{"to": "0.0.0.0/0", "via": str(interface.gateway)}]
    return ethernet


def _json(value: Mapping[str, Any]) -> bytes:
    """JSON is YAML, which cloud-init reads; keys keep their order, so equal input gives equal bytes."""
    return (json.dumps(value, indent=2) + "\n").encode()
