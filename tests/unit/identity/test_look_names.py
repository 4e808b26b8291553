# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two environments of one declaration differ in what is theirs, and in nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

import kvm_lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    FileReference,
    FileSource,
    Project,
    Service,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    AddressRange,
    DhcpSettings,
    DnsSettings,
    Environment,
    Reservation,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.replicas import Replica
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.file_mounts import file_mounts
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.access import have_keys
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Verdict, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import Fingerprint, text_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.known.xml_tree import tree_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import Branch
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.applied import opened
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.declared import (
    declared_branches,
    identity_branch,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.engine import (
    EngineLook,
    chance_names,
    engine_branches,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.files import (
    File,
    Places,
    file_branches,
    named_digest,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.guest import guest_branches
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.names import (
    derived_names,
    file_names,
    key_names,
    place_names,
    whole_names,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.processes import Processes
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.script import PARTS
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.ruleset import RULES
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.tokens import Tokens
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.network_spec import network_spec
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.network_xml import render_network
from ansible_collections.strata.kvm_docker.plugins.module_utils.naming import libvirt_name, object_uuid
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal
from made_engine import LOOK, container, drawn
from made_fingerprint import made

PIN = FileSource(name="pin", content="4711")
APP = Service(name="app", image="app:1", secrets=(FileReference(source="pin", target="pin"),))
PROJECT = Project(name="web", file="", services={"app": APP}, secrets={"pin": PIN})


def environment(name: str, subnet: str, port: int = 8080) -> Environment:
    """Two guests on one network with addresses for others; one has a project and a port of the hypervisor."""
    base, cidr = kvm_lab.environment(name), IPv4Network(subnet)
    dhcp = DhcpSettings(
        ranges=(AddressRange(start=cidr[100], end=cidr[120]),),
        hosts={"printer": Reservation(mac="52:54:00:00:00:09", address=cidr[90])},
    )
    dns = DnsSettings(hosts={"printer": cidr[90], "near": cidr[80], "far": IPv4Address("192.0.2.1")})
    networks = {"lan": replace(base.networks["lan"], cidr=cidr, dhcp=dhcp, dns=dns)}
    guests = {
        guest: replace(
            declared,
            networks={"lan": replace(declared.networks["lan"], address=cidr[11 + number])},
            publish={port: 80} if guest == "web" else {},
            compose=replace(PROJECT, file=f"/declarations/{name}/compose.yaml") if guest == "web" else None,
        )
        for number, (guest, declared) in enumerate(base.guests.items())
    }
    return replace(base, folder=f"/declarations/{name}", networks=networks, guests=guests)


LAB, OTHER = environment("lab", "10.80.0.0/24"), environment("quite-another", "10.99.7.0/24", 9090)
FOLDERS = Folders(Path("/state"), Path("/images"))


def tokens(environment: Environment, chance: Mapping[str, str] | None = None) -> Tokens:
    places = place_names(environment, FOLDERS)
    return Tokens(derived_names(environment), {**places, **(chance or {})}, whole_names(environment))


def seal(letter: str) -> Seal:
    """Of an environment's own key."""
    return Seal(letter.encode() * 32)


def source(letter: str, pin: FileSource = PIN) -> str:
    """Path of the file of the secret on the guest ``web``."""
    (file,) = file_mounts(Replica(project=replace(PROJECT, secrets={"pin": pin}), service=APP, index=1), seal(letter))
    return file.path


def engine(environment: Environment, letter: str, mounted: str = "") -> EngineLook:
    """What the engine of ``web`` says, which drew ids that begin with *letter*; *mounted*: another file as its
    secret."""
    at = environment.guests["web"].address
    app = container("app", letter)
    app["NetworkSettings"] = {"Ports": {"80/tcp": [{"HostIp": str(at), "HostPort": "80"}]}}
    app["Config"]["Labels"] = {"strata.environment": environment.name}
    app["HostConfig"]["ExtraHosts"] = [f"apps:{environment.guests['apps'].address}"]
    file = mounted or source(letter)
    app["Mounts"] = [{"Type": "bind", "Source": file, "Destination": "/run/secrets/pin", "RW": False}]
    app["Config"]["Labels"]["strata.applied"] = json.dumps({"HostConfig": {"Mounts": {"/run/secrets/pin": file}}})
    networks = {"lan": {"Id": drawn(letter), "Name": "lan"}}
    return replace(LOOK, containers={"app": app}, networks=networks)


def system(environment: Environment) -> dict[str, str]:
    """What the guest ``web`` prints of itself."""
    guest, lan = environment.guests["web"], environment.networks["lan"]
    mac = environment.mac(guest, "lan")
    machine = object_uuid(environment.name, "guest", "web").hex
    return {
        **dict.fromkeys(PARTS, ""),
        "cmdline": f"quiet systemd.machine_id={machine}",
        "sysctls": f"/proc/sys/kernel/x:{guest.address}\n",
        "addresses": f'[{{"ifname":"eth0","address":"{mac}","addr_info":[{{"local":"{guest.address}",'
        f'"prefixlen":24,"broadcast":"{lan.cidr.broadcast_address}"}}]}}]\n',
        "routes": f'[{{"dst":"default","via":"{lan.gateway}"}}]\n[{{"dst":"{lan.cidr}","src":"{guest.address}"}}]\n',
        "firewall": f"*nat\n-A PREROUTING -d {guest.address}/32 -j DNAT --to {guest.address}:80\n",
    }


def files(environment: Environment, letter: str) -> Iterator[Branch]:
    """A text of the guest ``web`` with names in it, in a folder that has one too; and the file of a secret."""
    mac = environment.mac(environment.guests["web"], "lan").replace(":", "")
    path, text = (
        f"/etc/net-{mac}.conf",
        f"# {libvirt_name(environment.name, 'web')}\n{environment.networks['lan'].cidr}\n",
    )
    file = File(path=path, type="f", mode=0o644, owner="0:0", size="9", changed="1.0", digest=environment.name)
    digest = named_digest(text.encode(), tokens(environment))
    assert digest
    secret = replace(file, path=source(letter), mode=0o444)
    yield from file_branches([file, secret], Places(guest="web"), frozenset(), {path: digest, secret.path: "of 4711"})


def branches(environment: Environment, look: EngineLook, letter: str) -> Iterator[Branch]:
    yield from declared_branches(environment)
    yield identity_branch(environment, derived_names(environment))
    spec = network_spec(environment, "lan", environment.networks["lan"])
    lan = tree_of(render_network(environment.name, "lan", spec))
    yield Branch(path=("networks", "lan"), tree=opened(lan), plane="definition", level=2)
    yield from engine_branches(look)
    yield from guest_branches("web", system(environment), Processes(()))
    yield from files(environment, letter)


def fingerprint(environment: Environment, letter: str, mounted: str = "", **parts: Any) -> Fingerprint:
    look = engine(environment, letter, mounted)
    names = file_names(environment.guests["web"], seal(letter))
    named = tokens(environment, {**chance_names(look), **names})
    return made(*branches(environment, look, letter), tokens=named, rules=RULES, level=4, **parts)


def test_two_environments_of_one_declaration_differ_in_what_is_theirs_alone() -> None:
    told = compare(fingerprint(LAB, "a"), fingerprint(OTHER, "b"))
    assert {each.path for each in told.differences if each.plane != "identity"} == set()
    assert told.verdict is Verdict.EQUIVALENT
    assert told.first.unknown == told.second.unknown == ()


def test_what_is_theirs_is_in_the_plane_of_identity_as_it_is() -> None:
    found = {leaf.path: leaf.value for leaf in fingerprint(OTHER, "b").leaves if leaf.plane == "identity"}
    assert found["identity/environment"] == "quite-another"
    assert found["identity/publish/web/9090"] == 80
    assert found["identity/address web lan"] == "10.99.7.11"
    assert found["identity/gateway lan"] == "10.99.7.1"
    assert found["identity/machine-id web"] == object_uuid("quite-another", "guest", "web").hex


def test_no_other_plane_holds_a_name_or_an_address_of_an_environment() -> None:
    theirs = (*derived_names(OTHER), OTHER.name, OTHER.folder)
    others = [leaf for leaf in fingerprint(OTHER, "b").leaves if leaf.plane != "identity" and leaf.counts]
    assert [leaf for leaf in others for value in theirs if value in f"{leaf.path} {leaf.value}"] == []


def test_a_secret_s_file_is_told_by_what_it_is_for_and_by_no_digest_of_its_content() -> None:
    found = fingerprint(LAB, "a")
    leaves = {leaf.path: leaf.value for leaf in found.leaves}
    named = "/var/lib/strata/web/web-app-1/pin-{file web-app-1 /run/secrets/pin}"
    assert leaves["containers/web/app/Mounts/~1run~1secrets~1pin/Source"] == named
    assert f"guests/web/files{named[: named.index('{')]}{{file web-app-1 ~1run~1secrets~1pin}}/:content" in leaves
    assert source("a").rpartition("-")[2] not in text_of(found)


def test_a_container_that_has_a_secret_of_before_is_told_from_one_that_has_it_as_declared() -> None:
    before = source("a", replace(PIN, content="0815"))
    told = compare(fingerprint(LAB, "a"), fingerprint(LAB, "a", mounted=before))
    assert told.verdict is Verdict.DIFFERENT
    assert "containers/web/app/Mounts/~1run~1secrets~1pin/Source" in {each.path for each in told.differences}


def test_the_same_subnet_twice_is_equivalent_too() -> None:
    assert (
        compare(fingerprint(LAB, "a"), fingerprint(environment("lab2", "10.80.0.0/24"), "b")).verdict
        is Verdict.EQUIVALENT
    )


def test_another_address_within_a_subnet_is_no_difference_of_the_declaration() -> None:
    """It is derived as all addresses are: the plane of identity tells it."""
    attached = {"lan": replace(LAB.guests["web"].networks["lan"], address=IPv4Address("10.80.0.99"))}
    moved = replace(LAB, guests={**LAB.guests, "web": replace(LAB.guests["web"], networks=attached)})
    told = compare(fingerprint(LAB, "a"), fingerprint(moved, "a"))
    assert {each.plane for each in told.differences} == {"identity"}


@pytest.mark.parametrize("field", [{"memory": 2**30}, {"groups": ("db",)}, {"publish": {8080: 81}}])
def test_what_is_declared_otherwise_is_a_difference_of_intent(field: dict[str, Any]) -> None:
    changed = replace(LAB, guests={**LAB.guests, "web": replace(LAB.guests["web"], **field)})
    told = compare(fingerprint(LAB, "a"), fingerprint(changed, "a"))
    assert told.verdict is Verdict.DIFFERENT
    assert "intent" in {each.plane for each in told.differences}


def test_every_derived_value_stands_for_one_thing() -> None:
    derived = derived_names(LAB)
    assert len(set(derived.values())) == len(derived)
    assert derived["10.80.0.11"] == "address web lan"
    assert derived["10.80.0.255"] == "broadcast lan"
    assert derived["lab-web"] == "domain web"


def test_keys_that_are_drawn_for_an_environment_have_names_and_without_any_there_are_none(tmp_path: Path) -> None:
    folders = Folders(tmp_path, tmp_path / "images")
    assert key_names(LAB, folders) == {}
    access = have_keys(LAB, folders)
    found = key_names(LAB, folders)
    assert found[access.public_key] == "key of the environment"
    assert found[access.host_keys["web"].public] == "host key of web"
    assert set(found.values()) >= {"secret host key of web", "secret host key of apps"}
    one, other = (named_digest(f"{key}\n".encode(), Tokens({}, found)) for key in (access.public_key, "ssh-ed25519 x"))
    assert (one is not None, other) == (True, None)


def test_where_somebody_keeps_things_is_a_place_and_no_path() -> None:
    text = (
        f"{FOLDERS.pool('lab')}/web.qcow2 {LAB.folder}/compose.yaml {FOLDERS.images}/x {FOLDERS.environment('lab')}/y"
    )
    assert tokens(LAB)(text) == (
        "{pool folder}/web.qcow2 {declaration folder}/compose.yaml {image store}/x {environment folder}/y"
    )
