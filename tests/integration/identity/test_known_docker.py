# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real engine tells nothing of itself and of rich objects that our tables do not know."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.known.known import Source, known
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import leaves_below
from environments import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "tests/integration/docker"))

from container_lab import import_image
from packages import busybox_program

if TYPE_CHECKING:
    import docker

pytestmark = pytest.mark.lab

NAME = "known-rich"
IMAGE = "strata-test/known:1"
#: An image that declares what a container may leave open.
OF_IMAGE = [
    'ENTRYPOINT ["/bin/busybox"]',
    'CMD ["sleep", "3600"]',
    "ENV FROM=image",
    "LABEL from=image",
    "EXPOSE 80",
    "VOLUME /vol",
    "WORKDIR /bin",
    'ONBUILD RUN ["/bin/true"]',
]
HOST: dict[str, Any] = {
    "Binds": ["/bin:/programs:ro"],
    "Mounts": [
        {"Type": "volume", "Source": NAME, "Target": "/data", "VolumeOptions": {"NoCopy": True, "Labels": {"a": "b"}}},
        {"Type": "tmpfs", "Target": "/cache", "TmpfsOptions": {"SizeBytes": 65536, "Mode": 448}},
        {"Type": "bind", "Source": "/bin", "Target": "/tools", "BindOptions": {"Propagation": "rprivate"}},
    ],
    "Tmpfs": {"/run": "size=64k"},
    "PortBindings": {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18080"}]},
    "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2},
    "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
    "Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 1024}],
    "Sysctls": {"net.ipv4.ip_forward": "1"},
    "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/nil", "CgroupPermissions": "rwm"}],
    "CapAdd": ["CHOWN"],
    "CapDrop": ["MKNOD"],
    "Dns": ["10.0.0.53"],
    "DnsSearch": ["example"],
    "DnsOptions": ["ndots:1"],
    "ExtraHosts": ["other:10.0.0.9"],
    "SecurityOpt": ["no-new-privileges"],
    "Init": True,
    "ShmSize": 1048576,
    "NetworkMode": NAME,
}


@pytest.fixture(scope="module")
def client(engine_client: docker.APIClient) -> Iterator[docker.APIClient]:
    """The session's engine with an object of every kind, each with much that can be said of it."""
    import_image(engine_client, busybox_program(), IMAGE, OF_IMAGE)
    pool = {"Subnet": "10.214.0.0/24", "IPRange": "10.214.0.128/25", "AuxiliaryAddresses": {"other": "10.214.0.5"}}
    bridge = {"com.docker.network.bridge.enable_icc": "true"}
    engine_client.create_network(NAME, "bridge", options=bridge, ipam={"Config": [pool]}, labels={"a": "b"})
    engine_client.create_volume(NAME, driver_opts={"type": "tmpfs", "device": "tmpfs"}, labels={"a": "b"})
    engine_client.create_container_from_config(_config(), NAME)
    yield engine_client
    engine_client.remove_container(NAME, force=True, v=True)
    engine_client.remove_network(NAME)
    engine_client.remove_volume(NAME)
    engine_client.remove_image(IMAGE, force=True)


def _config() -> dict[str, Any]:
    endpoint = {"IPAMConfig": {"IPv4Address": "10.214.0.7"}, "Aliases": ["rich"], "DriverOpts": {"a": "b"}}
    second = 1_000_000_000
    return {
        "Image": IMAGE,
        "Hostname": "rich",
        "Domainname": "example",
        "User": "1000:1000",
        "Tty": True,
        "StopTimeout": 1,
        "StopSignal": "SIGINT",
        "Labels": {"com.example/any": "x"},
        "Healthcheck": {"Test": ["CMD", "true"], "Interval": second // 5, "Timeout": second * 5, "Retries": 3},
        "HostConfig": HOST,
        "NetworkingConfig": {"EndpointsConfig": {NAME: endpoint}},
    }


def unknown(source: Source, tree: Any) -> list[str]:
    return ["/".join(path) for path, _value in leaves_below(tree) if not known(source).knows(path)]


def test_a_container_tells_nothing_unknown_in_any_of_its_states(client: docker.APIClient) -> None:
    created = client.inspect_container(NAME)
    client.start(NAME)
    until = time.monotonic() + 60
    while not (running := client.inspect_container(NAME))["State"]["Health"]["Log"]:
        assert time.monotonic() < until, running["State"]
        time.sleep(0.1)
    network = client.inspect_network(NAME)
    client.stop(NAME, timeout=0)
    stopped = client.inspect_container(NAME)
    assert running["NetworkSettings"]["Ports"]["80/tcp"]
    assert network["Containers"]
    found = [unknown("container", tree) for tree in (created, running, stopped)]
    assert found == [[], [], []]
    assert not unknown("docker_network", network)


def test_an_image_a_network_and_a_volume_tell_nothing_unknown(client: docker.APIClient) -> None:
    assert not unknown("image", client.inspect_image(IMAGE))
    assert not unknown("docker_volume", client.inspect_volume(NAME))
    for network in client.networks():
        assert not unknown("docker_network", client.inspect_network(network["Id"]))


def test_an_engine_tells_nothing_unknown_of_itself(client: docker.APIClient) -> None:
    assert not unknown("info", client.info())
    assert not unknown("version", client.version())


def test_what_the_engine_is_known_to_tell_is_not_all_that_there_could_be(client: docker.APIClient) -> None:
    told: dict[str, Any] = client.inspect_container(NAME)
    told["HostConfig"]["Warp"] = 9
    assert unknown("container", told) == ["HostConfig/Warp"]
