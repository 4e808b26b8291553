# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine that never was tells of itself: a container, an image, a network, volumes."""

from __future__ import annotations

from typing import Any

from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import Leaf
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.look.engine import (
    EngineLook,
    chance_names,
    engine_branches,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.ruleset import RULES
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.tokens import Tokens
from ansible_collections.strata.kvm_docker.plugins.module_utils.naming import LABEL_SOURCE
from made_fingerprint import made

ROOT = "/var/lib/docker"


def drawn(letter: str) -> str:
    return letter * 64


def folders(*letters: str) -> dict[str, Any]:
    """Of overlay2, the topmost layer first."""
    upper, *lower = (f"{ROOT}/overlay2/{drawn(letter)}/diff" for letter in letters)
    return {"Name": "overlay2", "Data": {"UpperDir": upper, "LowerDir": ":".join(lower)}}


def image(letter: str, *layers: str, tags: tuple[str, ...] = (), source: str = "", **told: Any) -> dict[str, Any]:
    """An image of *layers*, the lowest first, each a letter."""
    labels = {LABEL_SOURCE: source} if source else None
    return {
        "Id": f"sha256:{drawn(letter)}",
        "RepoTags": list(tags),
        "Created": "2026-01-02T03:04:05Z",
        "Config": {"Env": ["PATH=/bin"], "Labels": labels},
        "RootFS": {"Type": "layers", "Layers": [f"sha256:{drawn(layer)}" for layer in layers]},
        "GraphDriver": folders(*reversed(layers)),
        **told,
    }


def container(name: str, letter: str, **told: Any) -> dict[str, Any]:
    return {
        "Id": drawn(letter),
        "Name": f"/{name}",
        "Image": f"sha256:{drawn('8')}",
        "State": {"Running": True, "Pid": 77, "Status": "running"},
        "RestartCount": 0,
        "Config": {"Env": ["B=2", "A=1=x", "C"]},
        "HostConfig": {"CapAdd": ["CHOWN", "KILL"], "Dns": []},
        "GraphDriver": folders("9", "0"),
        **told,
    }


ANONYMOUS = drawn("5")
APP = container("app", "7", Mounts=[{"Type": "volume", "Name": ANONYMOUS, "Destination": "/data"}])
LOOK = EngineLook(
    guest="web",
    info={"DockerRootDir": ROOT, "Driver": "overlay2"},
    version={"Version": "26.1"},
    containers={"app": APP},
    images={"zoo:1": image("8", "0", "1", tags=("zoo:1",))},
    networks={
        "lan": {"Id": drawn("6"), "Name": "lan", "Containers": {drawn("7"): {"Name": "app", "IPv4Address": "x"}}}
    },
    volumes={
        "db": {"Name": "db", "Mountpoint": f"{ROOT}/volumes/db/_data"},
        "<app>/data": {"Name": ANONYMOUS, "Mountpoint": f"{ROOT}/volumes/{ANONYMOUS}/_data"},
    },
)


def leaves(look: EngineLook) -> dict[str, Leaf]:
    found = made(*engine_branches(look), tokens=Tokens({}, chance_names(look)), rules=RULES)
    return {leaf.path: leaf for leaf in found.leaves}
