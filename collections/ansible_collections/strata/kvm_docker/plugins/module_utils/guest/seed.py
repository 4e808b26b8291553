# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a guest finds at its first boot: its name, keys, network, resolver and engine settings.

Images that Strata builds unpack it over ``/`` from a raw disk with the serial ``strata-seed`` that holds a tar archive;
stock cloud images get a NoCloud CD-ROM that says the same (see ``nocloud``).
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NamedTuple

from ..declare.environment import Environment, Guest
from ..folders import Folders
from .access import Access, have_keys
from .files import write_whole
from .inside import network_file
from .interfaces import Interface, interfaces
from .nocloud import write_iso

if TYPE_CHECKING:
    from .image_store import StoredImage

#: Modification time of everything in the archive, 2025-01-01: equal declarations give equal bytes.
_TIME = 1735689600
_SECTOR = 512


class SeedFile(NamedTuple):
    """One file of a guest, owned by root."""

    mode: int
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedKeys:
    """``authorized``: the line of the key that opens the guest. ``host_private``, ``host_public``: the guest's own."""

    authorized: str
    host_private: bytes = field(repr=False)
    host_public: str

    @classmethod
    def of(cls, access: Access, guest: str) -> SeedKeys:
        """The keys of *guest*, read from their files."""
        pair = access.host_keys[guest]
        return cls(authorized=access.public_key, host_private=pair.private.read_bytes(), host_public=pair.public)


def seed_files(environment: Environment, guest: Guest, keys: SeedKeys) -> dict[str, SeedFile]:
    """The files of *guest* by absolute path. Pure."""
    attached = interfaces(environment, guest)
    return {
        "/etc/hostname": _text(guest.name),
        "/etc/hosts": _text(*_hosts(guest, attached)),
        "/etc/resolv.conf": _text(*_resolver(attached)),
        "/etc/docker/daemon.json": SeedFile(0o600, daemon_json(guest.engine.settings)),
        "/etc/ssh/ssh_host_ed25519_key": SeedFile(0o600, keys.host_private),
        "/etc/ssh/ssh_host_ed25519_key.pub": _text(keys.host_public),
        "/root/.ssh/authorized_keys": SeedFile(0o600, f"{keys.authorized}\n".encode()),
        **network_files(environment, guest),
    }


def network_files(environment: Environment, guest: Guest) -> dict[str, SeedFile]:
    """systemd-networkd's files of *guest*, one an interface, by absolute path. Pure."""
    return {network_file(one.network): _text(*_network(one)) for one in interfaces(environment, guest)}


def daemon_json(settings: Mapping[str, Any]) -> bytes:
    """``/etc/docker/daemon.json`` that says *settings*; equal settings give equal bytes."""
    return (json.dumps(dict(settings), indent=2, sort_keys=True) + "\n").encode()


def write_seed(environment: Environment, guest: Guest, folders: Folders, stored: StoredImage, target: Path) -> bool:
    """Have the seed of *guest* at *target* (0600: it holds the host key); ``False`` when it was right already."""
    keys = SeedKeys.of(have_keys(environment, folders), guest.name)
    files = seed_files(environment, guest, keys)
    if stored.kernel is None:
        return write_iso(environment, guest, files, target)
    return write_whole(target, archive(files), 0o600)


def archive(files: Mapping[str, SeedFile]) -> bytes:
    """*files* as a tar archive of whole sectors; equal files give equal bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for member, content in _members(files):
            tar.addfile(member, io.BytesIO(content))
    content = buffer.getvalue()
    return content + bytes(-len(content) % _SECTOR)


def _members(files: Mapping[str, SeedFile]) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """root's ``.ssh`` is named for its mode; all other folders are left as the image has them."""
    private = PurePosixPath("/root/.ssh")
    folder = _member(private, 0o700)
    folder.type = tarfile.DIRTYPE
    yield folder, b""
    for path, (mode, content) in sorted(files.items()):
        member = _member(PurePosixPath(path), mode)
        member.size = len(content)
        yield member, content


def _member(path: PurePosixPath, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(str(path.relative_to("/")))
    member.mode, member.mtime, member.uname, member.gname = mode, _TIME, "root", "root"
    return member


def _text(*lines: str) -> SeedFile:
    return SeedFile(0o644, "".join(f"{line}\n" for line in lines).encode())


def _hosts(guest: Guest, attached: tuple[Interface, ...]) -> Iterator[str]:
    """hosts(5). Only the guest's own name: another guest more or less must not change this one."""
    yield "127.0.0.1 localhost"
    yield "::1 localhost ip6-localhost ip6-loopback"
    for one in attached[:1]:
        names = [f"{guest.name}.{one.domain}", guest.name] if one.domain else [guest.name]
        yield f"{one.address.ip} {' '.join(names)}"


def _resolver(attached: tuple[Interface, ...]) -> Iterator[str]:
    """resolv.conf(5): libvirt's dnsmasq answers at the hypervisor's address on each network."""
    domains = dict.fromkeys(one.domain for one in attached if one.domain)
    if domains:
        yield f"search {' '.join(domains)}"
    for one in [one for one in attached if one.resolver][:1]:
        yield f"nameserver {one.resolver}"


def _network(interface: Interface) -> Iterator[str]:
    """systemd.network(5). No IPv6: waiting for router advertisements delays the boot."""
    yield "[Match]"
    yield f"MACAddress={interface.mac}"
    yield ""
    yield "[Network]"
    yield f"Address={interface.address}"
    if interface.gateway:
        yield f"Gateway={interface.gateway}"
    if interface.resolver:
        yield f"DNS={interface.resolver}"
    if interface.domain:
        yield f"Domains={interface.domain}"
    yield "LinkLocalAddressing=no"
    yield "IPv6AcceptRA=no"
