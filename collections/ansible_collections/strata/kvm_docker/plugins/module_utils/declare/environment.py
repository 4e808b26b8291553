# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The typed model of a declaration: what ``*.environment.yml`` says, validated and defaulted. No I/O.

The JSON Schema that editors complete from is generated from these classes; attribute docstrings become descriptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from os.path import join, normpath
from typing import Annotated, Any, ClassVar, Literal

from ..naming import mac_address
from .compose import Project
from .scalars import (
    AbsolutePath,
    DiskSize,
    DomainName,
    FilePath,
    GroupName,
    HostName,
    JumpHost,
    MacAddress,
    Memory,
    Mtu,
    Name,
    PackageName,
    Port,
    Processors,
    Reference,
    Seconds,
    Sha256,
    Text,
)


class Written:
    """What a person writes: unknown keys and values of another type are refused (read by pydantic's TypeAdapter)."""

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageBuild(Written):
    """A guest image that Strata builds from Debian packages, bit-identical for one state of the mirror."""

    suite: Name
    """Debian suite, e.g. ``trixie``."""
    packages: tuple[PackageName, ...] = ()
    """Packages beyond the system, SSH server and Docker engine that every image has."""
    mirror: Text | None = None
    """Package mirror, e.g. ``http://mirror.example/debian``; the machine's usual mirror where not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestImage(Written):
    """Where the first disk of a guest comes from; exactly one of ``build`` and ``source``."""

    build: ImageBuild | None = None
    """Build it from Debian packages."""
    source: Text | None = None
    """Path (relative to the declaration) or URL of a stock cloud image, qcow2 or raw."""
    sha256: Sha256 | None = None
    """Digest that ``source`` must have; required for a URL."""
    preload: bool = False
    """Have new guests start with the images whose content is known on the engine already, by a shared layer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerImageBuild(Written):
    """A container image made from Debian packages, without a registry."""

    suite: Name
    """Debian suite, e.g. ``trixie``."""
    packages: tuple[PackageName, ...]
    """Packages to install; their dependencies come along."""
    mirror: Text | None = None
    """Package mirror; the machine's usual mirror where not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerImage(Written):
    """An image that services name and no registry has; exactly one of ``build`` and ``archive``."""

    build: ContainerImageBuild | None = None
    """Make it from Debian packages."""
    archive: Text | None = None
    """Path (relative to the declaration) of an archive as ``docker save`` writes it."""
    sha256: Sha256 | None = None
    """Digest that the archive must have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRange(Written):
    """Addresses that DHCP gives to whoever asks, the first and the last one included."""

    start: IPv4Address
    """First address of the range."""
    end: IPv4Address
    """Last address of the range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation(Written):
    """A machine that DHCP gives a fixed address to, beside the guests, which all have one."""

    mac: MacAddress
    """Hardware address of the machine."""
    address: IPv4Address
    """Address that it gets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DhcpSettings(Written):
    """The DHCP server of a network. Guests of the environment have their reservations by themselves."""

    ranges: tuple[AddressRange, ...] = ()
    """Addresses for machines without a reservation; without a range these get none."""
    hosts: Mapping[HostName, Reservation] = field(default_factory=dict)
    """Reservations by host name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsSettings(Written):
    """The name server of a network. The guests' names are answered by themselves."""

    enable: bool = True
    """Whether there is a name server; without one guests have no resolver on this network."""
    hosts: Mapping[HostName, IPv4Address] = field(default_factory=dict)
    """Further names, each with its address."""
    forwarders: tuple[IPv4Address, ...] = ()
    """Name servers that are asked for other names, in place of the hypervisor's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRange(Written):
    """Ports, the first and the last one included."""

    start: Port
    """First port of the range."""
    end: Port
    """Last port of the range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestNetwork(Written):
    """A libvirt network that guests attach to."""

    cidr: IPv4Network
    """Subnet, e.g. ``10.80.0.0/24``; its first address is the hypervisor's (gateway and resolver)."""
    forward: Literal["nat", "route", "open", "isolated"] = "nat"
    """How guests reach the world beyond the network; ``open`` routes without a firewall rule of libvirt's."""
    domain: DomainName | None = None
    """DNS domain of the network; the guests' names resolve in it."""
    mtu: Mtu | None = None
    """Largest packet on the network in bytes; the kernel's 1500 where not given."""
    autostart: bool = True
    """Start the network when the hypervisor starts."""
    dhcp: DhcpSettings = field(default_factory=DhcpSettings)
    """The DHCP server of the network."""
    dns: DnsSettings = field(default_factory=DnsSettings)
    """The name server of the network."""
    nat_ports: PortRange | None = None
    """Ports of the hypervisor that connections of guests leave from, with ``forward: nat``; 1024 to 65535 else."""

    @property
    def gateway(self) -> IPv4Address:
        """The hypervisor's address on the network."""
        return self.cidr[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoragePool(Written):
    """A libvirt storage pool of type ``dir``, beside the one that holds the guests' first disks."""

    path: Text
    """Folder of the pool; made where it is not there, and never removed."""
    autostart: bool = True
    """Start the pool when the hypervisor starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment(Written):
    """A guest's interface on a network."""

    address: IPv4Address
    """Fixed address of the guest."""
    mac: MacAddress | None = None
    """Hardware address; derived from the environment, guest and network where not given."""
    link: Literal["up", "down"] = "up"
    """State of the link; ``down`` is a pulled cable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk(Written):
    """A data disk of a guest, beside its first one; the guest finds it by its serial number."""

    size: DiskSize
    """Size in bytes, written as ``5 GiB``; it can grow later, and never shrinks."""
    pool: Name | None = None
    """Name of an entry of ``pools``; the environment's own pool where not given."""
    mount: AbsolutePath | None = None
    """Where the guest mounts it. It is formatted (ext4) where it is blank; without this it is left raw."""
    keep: bool = False
    """Its file outlives the guest and the environment, and the next build of them finds it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings(Written):
    """The Docker engine of a guest."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """What ``/etc/docker/daemon.json`` is to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest(Written):
    """A KVM guest with a Docker engine in it."""

    name: Name
    image: Name
    """Name of an entry of ``images``."""
    description: Text | None = None
    """What the guest is for, as ``virsh desc`` shows it."""
    vcpus: Processors = 1
    """Virtual processors."""
    vcpus_max: Processors | None = None
    """Up to how many ``vcpus`` can grow while the guest runs; as many as ``vcpus`` where not given."""
    memory: Memory = 1024**3
    """Memory in bytes, written as ``768 MiB`` or ``1g``."""
    memory_max: Memory | None = None
    """Up to how much ``memory`` can change while the guest runs; as much as ``memory`` where not given."""
    firmware: Literal["bios", "uefi"] = "bios"
    """What the virtual machine starts with; ``uefi`` needs OVMF on the hypervisor."""
    disk: DiskSize = 8 * 1024**3
    """Size of the first disk in bytes, written as ``6 GiB``."""
    disks: Mapping[Name, Disk] = field(default_factory=dict)
    """Data disks, by name."""
    networks: Mapping[Name, Attachment] = field(default_factory=dict)
    """Interfaces by network name; the first one carries the default route."""
    engine: EngineSettings = field(default_factory=EngineSettings)
    """The guest's Docker engine."""
    compose: Annotated[Project | None, FilePath()] = None
    """What runs on the engine: the path of a Compose file; or several, the later ones over the earlier."""
    profiles: tuple[Text, ...] = ()
    """Profiles of the Compose file that are active; services without a profile run anyway."""
    publish: Mapping[Port, Port] = field(default_factory=dict)
    """Ports of the hypervisor's loopback, each with the guest's port that it leads to."""
    groups: tuple[GroupName, ...] = ()
    """Ansible groups of the guest, beside the one of the environment."""
    autostart: bool = True
    """Whether libvirt starts the guest with the machine."""
    boot_timeout: Seconds = 300
    """Seconds until the engine must answer after power-on."""

    @property
    def address(self) -> IPv4Address:
        """Where the guest is reached: its address on its first network."""
        return next(iter(self.networks.values())).address


@dataclass(frozen=True, slots=True, kw_only=True)
class HypervisorSettings(Written):
    """The libvirt that runs the guests."""

    uri: Text = "auto"
    """libvirt URI; ``auto`` takes the embedded hypervisor where it was started before, else ``qemu:///system``."""
    virt_type: Literal["auto", "kvm", "qemu"] = "auto"
    """``auto`` uses KVM where a kernel really boots on it, else QEMU's software emulation."""
    jump_host: JumpHost | None = None
    """Where the controller is another machine: the hypervisor as ``user@host`` for OpenSSH's ``ProxyJump``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRule(Written):
    """What is done about leaves that were edited behind our back; of several rules the first that matches decides."""

    object: Text = "*"
    """Glob of objects as a plan names them, e.g. ``container apps/*``."""
    path: Text = "*"
    """Glob of dotted paths, e.g. ``HostConfig.Memory``; the leaf ``running`` is whether the object runs."""
    policy: Literal["repair", "report", "ignore"]
    """``repair`` puts it right, ``report`` only tells, ``ignore`` does neither."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment(Written):
    """One environment: networks, guests, and what runs on their engines."""

    name: Name
    """Name of the environment: of its Ansible group, and the start of every name on the hypervisor."""
    folder: str
    """Absolute path of the folder of the declaration; relative paths in it start here."""
    hypervisor: HypervisorSettings = field(default_factory=HypervisorSettings)
    """The libvirt that runs the guests."""
    images: Mapping[Name, GuestImage] = field(default_factory=dict)
    """Guest images by name."""
    container_images: Mapping[Reference, ContainerImage] = field(default_factory=dict)
    """Container images that come from no registry, by the reference that services name."""
    networks: Mapping[Name, GuestNetwork] = field(default_factory=dict)
    """Networks of the guests, by name."""
    pools: Mapping[Name, StoragePool] = field(default_factory=dict)
    """Storage pools in folders of your own, by name."""
    guests: Mapping[Name, Guest] = field(default_factory=dict)
    """KVM guests, by name, which is their host name too."""
    drift: tuple[DriftRule, ...] = ()
    """What is done about drift; all of it is repaired where nothing else is said."""

    def pool_path(self, name: str) -> str:
        """Absolute path of the declared pool *name*."""
        return normpath(join(self.folder, self.pools[name].path))

    def mac(self, guest: Guest, network: str) -> str:
        """Hardware address of *guest* on *network*: the given one, else one that follows from the names."""
        return guest.networks[network].mac or mac_address(self.name, guest.name, network)
