# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a real libvirt by the provider's protocol: networks, pools and disks, without any guest."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import kvm_lab
import libvirt
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils import locks
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.read import read_environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_store
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import Inputs
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.guest_definition import domain_xml_of, guest_files
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.hypervisor import Hypervisor
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.overlay import read_overlay_mark
from ansible_collections.strata.kvm_docker.plugins.module_utils.kvm.qcow2 import read_qcow2
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.resolve import guest_images
from declared import Declaration
from environments import free_port
from gate_client import UNKNOWN, Gate, secret
from google.protobuf.empty_pb2 import Empty
from image_archives import docker_archive
from pulumi.runtime.proto import provider_pb2 as proto

pytestmark = pytest.mark.lab

URN = "urn:pulumi:dev::shop::strata:index:Object::lan"


@pytest.fixture
def gate(on_libvirt: Gate) -> Gate:
    return on_libvirt.about(URN)


def network(hypervisor: Hypervisor, name: str = "lan") -> libvirt.virNetwork:
    return hypervisor.connection.networkLookupByName(f"lab-{name}")


def networks(hypervisor: Hypervisor) -> set[str]:
    return {found.name() for found in hypervisor.connection.listAllNetworks()}


def changed(answer: Any) -> dict[str, bool]:
    """Whether it is an input, by path."""
    return {path: found.inputDiff for path, found in answer.detailedDiff.items()}


def test_a_network_is_made_changed_in_place_and_removed(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    given = declaration.given("network", "lan")
    identity, outputs = gate.create(given)
    assert identity == "lab/network/lan"
    assert outputs == {**given, "handle": {}, "made": outputs["made"], "due": "", "reported": [], "problem": ""}
    assert outputs["made"]
    uuid = network(hypervisor).UUIDString()
    declaration.write(networks={"lan": {"cidr": "10.211.0.0/24", "forward": "isolated", "autostart": False}})
    later = declaration.given("network", "lan")
    assert changed(gate.diff(given, later, outputs)) == {"spec.autostart": True}
    assert gate.update(given, later, outputs)["made"] == outputs["made"]
    assert network(hypervisor).autostart() == 0
    assert network(hypervisor).UUIDString() == uuid
    gate.delete(identity, later)
    assert "lab-lan" not in networks(hypervisor)
    gate.delete(identity, later)
    assert gate.read(outputs, later, identity) == ("", {}, {})


def test_what_nobody_touched_has_not_drifted(gate: Gate, declaration: Declaration) -> None:
    given = declaration.given("network", "lan")
    identity, outputs = gate.create(given)
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    assert gate.diff(given, given, outputs).changes == proto.DiffResponse.DIFF_NONE


def test_drift_is_shown_by_leaf_and_put_right_by_the_next_update(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    given = declaration.given("network", "lan")
    identity, outputs = gate.create(given)
    network(hypervisor).setAutostart(False)
    network(hypervisor).destroy()
    _identity, inputs, state = gate.read(outputs, given, identity)
    assert inputs == given
    assert state["spec"] == {**given["spec"], "autostart": False}
    assert "autostart drifted" in state["due"]
    told = {"spec.autostart": False, "due": False}
    assert changed(gate.diff(given, given, state)) == told
    assert changed(gate.diff(given, given, outputs)) == told, "a preview looks by itself"
    assert gate.update(given, given, state) == outputs
    assert network(hypervisor).isActive()
    assert network(hypervisor).autostart()


def test_what_is_off_is_due_to_be_started(gate: Gate, declaration: Declaration, hypervisor: Hypervisor) -> None:
    given = declaration.given("network", "lan")
    identity, outputs = gate.create(given)
    network(hypervisor).destroy()
    _identity, _inputs, state = gate.read(outputs, given, identity)
    assert state == {**outputs, "due": "start: not running"}
    gate.update(given, given)
    assert network(hypervisor).isActive()


def test_what_is_there_already_is_found(gate: Gate, declaration: Declaration, hypervisor: Hypervisor) -> None:
    """Its creation was killed before Pulumi wrote it down, or Ansible has built it."""
    given = declaration.given("network", "lan")
    gate.create(given)
    uuid = network(hypervisor).UUIDString()
    gate.create(given)
    assert network(hypervisor).UUIDString() == uuid


def test_a_stranger_of_its_name_is_refused(gate: Gate, declaration: Declaration, hypervisor: Hypervisor) -> None:
    stranger = hypervisor.connection.networkDefineXML("<network><name>lab-lan</name></network>")
    try:
        code, message = gate.refused("Create", gate.create_request(declaration.given("network", "lan")))
    finally:
        stranger.undefine()
    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert message.startswith("network lan: exists already and does not belong to this environment")


def test_a_declaration_that_says_otherwise_by_now_is_told(gate: Gate, declaration: Declaration) -> None:
    given = declaration.given("network", "lan")
    declaration.write(networks={"lan": {"cidr": "10.212.0.0/24"}})
    _code, message = gate.refused("Create", gate.create_request(given))
    assert message.startswith("network lan: the declaration has changed meanwhile")


def test_several_objects_are_made_at_once_and_another_run_is_waited_for(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    names = [f"n{number}" for number in range(6)]
    declaration.write(networks={name: {"cidr": f"10.211.{name[1]}.0/24", "forward": "isolated"} for name in names})
    given = [declaration.given("network", name) for name in names]
    with ThreadPoolExecutor(6) as pool:
        with locks.exclusive(hypervisor.folders.lock("lab"), "lab", 0, Progress()):
            waiting = [pool.submit(gate.create, each) for each in given]
            assert not any(future.done() for future in waiting)
        assert {future.result()[0] for future in waiting} == {f"lab/network/{name}" for name in names}
    assert {f"lab-{name}" for name in names} <= networks(hypervisor)
    with locks.exclusive(hypervisor.folders.lock("lab"), "lab", 0, Progress()):
        assert [gate.read({}, each, "lab/network/n")[2]["problem"] for each in given] == [""] * 6


def test_several_objects_are_removed_at_once(gate: Gate, declaration: Declaration, hypervisor: Hypervisor) -> None:
    """Each looks at all networks, while others of them go away."""
    names = [f"n{number}" for number in range(16)]
    declaration.write(networks={name: {"cidr": f"10.211.{name[1:]}.0/24", "forward": "isolated"} for name in names})
    given = {f"lab/network/{name}": declaration.given("network", name) for name in names}
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(gate.create, given.values()))
        list(pool.map(gate.delete, given.keys(), given.values()))
    assert not networks(hypervisor) & {f"lab-{name}" for name in names}


def test_a_pool_is_made_with_its_folder_and_removed_without(
    gate: Gate, declaration: Declaration, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    declaration.write(pools={"fast": {"path": str(tmp_path / "fast")}})
    given = declaration.given("pool", "fast")
    identity, outputs = gate.create(given)
    assert identity == "lab/pool/fast"
    assert (tmp_path / "fast").is_dir()
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    gate.delete(identity, given)
    assert gate.read(outputs, given, identity) == ("", {}, {})
    assert (tmp_path / "fast").is_dir()


def test_a_hypervisor_that_does_not_answer_keeps_the_state_with_a_problem(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    given = declaration.given("network", "lan")
    identity, outputs = gate.create(given)
    gate.configure(hypervisor="qemu:///system?socket=/none", stateFolder=str(hypervisor.folders.root))
    _identity, inputs, state = gate.read(outputs, given, identity)
    assert inputs == given
    assert state.pop("problem").startswith("libvirt at qemu:///system?socket=/none cannot be used")
    assert {**state, "problem": ""} == outputs


def test_an_object_whose_declaration_is_gone_is_still_looked_at_and_removed(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    given = declaration.given("network", "lan")
    identity, outputs = gate.create(given)
    declaration.path.unlink()
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    gate.delete(identity, given)
    assert "lab-lan" not in networks(hypervisor)


def test_a_secret_leaf_of_a_spec_stays_one_and_no_other_does(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    given = declaration.given("network", "lan")
    given["spec"]["cidr"] = secret(given["spec"]["cidr"])
    identity, outputs = gate.create(given)
    assert outputs["spec"] == given["spec"]
    network(hypervisor).setAutostart(False)
    _identity, inputs, state = gate.read(outputs, given, identity)
    assert inputs == given
    assert state["spec"] == {**given["spec"], "autostart": False}
    given["spec"]["cidr"] = secret("10.213.0.0/24")
    _code, message = gate.refused("Create", gate.create_request(given))
    assert "changed meanwhile" in message
    assert "10.213.0.0" not in message


def test_a_preview_of_it_knows_what_is_given_and_touches_nothing(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    given = declaration.given("network", "lan")
    empty = {"made": UNKNOWN, "due": "", "reported": [], "problem": ""}
    assert gate.create(given, preview=True) == ("", {**given, **empty, "handle": {}})
    image = {**given, "kind": "guest_image", "spec": {"digest": UNKNOWN}}
    assert gate.create(image, preview=True)[1] == {**image, **empty, "spec": UNKNOWN, "handle": UNKNOWN}
    assert "lab-lan" not in networks(hypervisor)


def test_cancelling_ends_the_wait_for_another_run(
    unconfigured: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    unconfigured.configure(hypervisor=hypervisor.uri, stateFolder=str(hypervisor.folders.root))
    gate, given = unconfigured.about(URN), declaration.given("network", "lan")
    with (
        locks.exclusive(hypervisor.folders.lock("lab"), "lab", 0, Progress()),
        ThreadPoolExecutor(1) as pool,
    ):
        waiting = pool.submit(lambda: gate.refused("Create", gate.create_request(given)))
        time.sleep(1)
        gate.call("Cancel", Empty())
        assert waiting.result(timeout=3) == (
            grpc.StatusCode.CANCELLED,
            "cancelled; the next update goes on from there.",
        )
    assert "lab-lan" not in networks(hypervisor)


def test_a_policy_of_the_declaration_leaves_drift_as_it_is_and_tells_it(
    gate: Gate, declaration: Declaration, hypervisor: Hypervisor
) -> None:
    declaration.write(drift=[{"object": "network lan", "path": "autostart", "policy": "report"}])
    given = declaration.given("network", "lan")
    identity, outputs = gate.create(given)
    network(hypervisor).setAutostart(False)
    _identity, _inputs, state = gate.read(outputs, given, identity)
    assert state == {**outputs, "reported": ["autostart: False -> True (drift)"]}
    assert gate.diff(given, given, state).changes == proto.DiffResponse.DIFF_NONE


# What another provider has made


def test_a_file_that_another_has_made_is_marked_brought_to_its_size_and_removed(
    tiny: tuple[Gate, Hypervisor, Declaration],
) -> None:
    gate, _hypervisor, declaration = tiny
    gate.create(declaration.given("pool", "fast"))
    path = Path(read_environment(declaration.path).pool_path("fast")) / "lab-web.data.qcow2"
    kvm_lab.empty_qcow2(path, 16 * kvm_lab.MIB)
    given = declaration.given("disk", "web.data")
    _code, message = gate.refused("Create", gate.create_request(given))
    assert "does not belong to this environment" in message
    identity, outputs = gate.create({**given, "adopt": True})
    assert read_overlay_mark(path)
    assert header_size(path) == 32 * kvm_lab.MIB
    assert gate.read(outputs, {**given, "adopt": True}, identity)[2] == outputs
    gate.delete(identity, {**given, "adopt": True})
    assert not path.exists()


def test_a_domain_that_another_has_defined_is_due_to_be_finished_and_removed_with_what_is_beside_it(
    tiny: tuple[Gate, Hypervisor, Declaration],
) -> None:
    gate, hypervisor, declaration = tiny
    item, environment = declaration.item("guest", "web"), read_environment(declaration.path)
    inputs = Inputs(guest_images=guest_images(environment))
    (recipe,), guest = inputs.guest_images.values(), environment.guests["web"]
    stored = image_store.resolve(hypervisor.folders, recipe)
    assert stored
    text = domain_xml_of(environment, guest, inputs, stored, hypervisor.folders)
    hypervisor.connection.defineXML(text)
    seed = guest_files(environment, guest, hypervisor.folders)["seed"]
    seed.parent.mkdir(parents=True, exist_ok=True)
    seed.write_text("seed")
    given = declaration.given("guest", "web")
    identity, _inputs, state = gate.read(given, given, "lab/guest/web")
    assert identity == "lab/guest/web"
    assert state["due"].startswith("start: ")
    assert state["spec"]["edited"]["other"] == ["its definition was interrupted"]
    assert item.spec["edited"]["other"] == []
    gate.delete(identity, given)
    assert not seed.exists()
    assert "lab-web" not in [found.name() for found in hypervisor.connection.listAllDomains()]


def test_an_image_that_is_in_the_store_is_found_and_outlives_the_resource(
    tiny: tuple[Gate, Hypervisor, Declaration],
) -> None:
    gate, hypervisor, declaration = tiny
    given = declaration.given("guest_image", "debian")
    identity, outputs = gate.create(given)
    stored = image_store.resolve(hypervisor.folders, given["spec"]["digest"])
    assert stored
    assert outputs["handle"] == {"disk": str(stored.disk), "kernel": "", "digest": stored.digest}
    gate.delete(identity, given)
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    stored.disk.unlink()
    assert gate.read(outputs, given, identity)[0] == ""


def test_a_forward_listens_until_it_is_removed(gate: Gate, declaration: Declaration) -> None:
    port = free_port()
    guest = {"image": "debian", "networks": {"lan": {"address": "10.211.0.11"}}, "publish": {port: 80}}
    declaration.write(images={"debian": {"build": {"suite": "trixie"}}}, guests={"web": guest})
    given = declaration.given("forward", f"127.0.0.1:{port}")
    identity, outputs = gate.create(given)
    assert identity == f"lab/forward/127.0.0.1:{port}"
    socket.create_connection(("127.0.0.1", port), timeout=5).close()
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    gate.delete(identity, given)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def header_size(path: Path) -> int:
    header = read_qcow2(path)
    assert header
    return header.size


def test_an_engine_layer_is_asked_for_by_guests_to_be_made_only(
    tiny: tuple[Gate, Hypervisor, Declaration], tmp_path: Path
) -> None:
    gate, hypervisor, declaration = tiny
    docker_archive(tmp_path / "app.tar", [(["app:1"], b"app")])
    (tmp_path / "compose.yaml").write_text("services: {app: {image: 'app:1'}}")
    declaration.write(
        hypervisor={"virt_type": "qemu"},
        images={"debian": {"build": {"suite": "trixie"}, "preload": True}},
        container_images={"app:1": {"archive": "app.tar"}},
        guests={
            "web": {
                "image": "debian",
                "disk": "64 MiB",
                "networks": {"lan": {"address": "10.211.0.11"}},
                "compose": "compose.yaml",
            }
        },
    )
    given = declaration.given("engine_layer", "debian")
    _code, message = gate.refused("Create", gate.create_request(given))
    assert message.startswith("engine_layer debian: its image is not in the store, or has no kernel of ours")
    assert gate.read(given, given, "lab/engine_layer/debian")[0] == ""
    gate.create(declaration.given("pool", "lab"))
    gate.create(declaration.given("disk", "web"))
    identity, outputs = gate.create(given)
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    declaration.path.unlink()
    assert gate.read(outputs, given, identity) == (identity, given, outputs)
    gate.delete(identity, given)
    assert list((hypervisor.folders.images / "layers").glob("[0-9a-f]*")) == []
