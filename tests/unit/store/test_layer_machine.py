# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine of an engine layer: what it is asked to run, and what is told where it ends too early, or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_store import StoredImage
from ansible_collections.strata.kvm_docker.plugins.module_utils.store import layer_machine
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.layer_machine import LayerMachine
from lab import root_folder

BASE = StoredImage(disk=Path("/d"), digest="d", kernel=Path("/k"), initrd=Path("/i"), cmdline="root=/dev/vda")


def machine(network: bool = False) -> LayerMachine:
    return LayerMachine(base=BASE, disk=Path("/work,1"), virt_type="qemu", network=network)


@pytest.mark.parametrize("network", [False, True])
def test_its_script_is_one_for_a_shell_and_has_a_network_only_where_something_is_pulled(network: bool) -> None:
    script = machine(network).script("a\nkey", "ssh-ed25519 AAAA us", "192.0.2.1")
    done = subprocess.run(("dash", "-n"), input=script.encode(), check=False, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert ("nameserver 192.0.2.1" in script) is network
    argv = machine(network).command(Path("/script"), Path("/serial"))
    assert ("user,id=net,ipv6=off" in argv) is network
    assert argv[argv.index("-m") + 1] == "1024M"
    assert "file=/work,,1" in " ".join(argv)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where sockets have short paths."""
    with root_folder() as root:
        yield root


def left(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("layer-*")]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layer_machine, "_TIMEOUT", 1.0)


def run(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, name: str = "one") -> None:
    """With *script* in place of QEMU."""
    monkeypatch.setattr(LayerMachine, "command", lambda *_given: ["sh", "-c", script])
    hypervisor: Any = SimpleNamespace(netns=None, inside=list, folders=Folders(folder))
    with machine().running(hypervisor, name):
        raise AssertionError("no engine answers")


def test_one_that_fails_is_told_with_the_end_of_its_console(
    folder: Path, monkeypatch: pytest.MonkeyPatch, short: None
) -> None:
    with pytest.raises(ImageError, match="did not finish:\nno space left on device"):
        run(folder, monkeypatch, "echo no space left on device; exit 1")
    assert left(folder) == []


def test_one_that_hangs_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch, short: None) -> None:
    with pytest.raises(ImageError, match=r"did not finish its start within 1 s:\nbooting"):
        run(folder, monkeypatch, "echo booting; exec sleep 100")
    assert left(folder) == []


def test_that_of_a_killed_maker_dies_with_it_and_the_next_one_removes_its_keys(
    folder: Path, monkeypatch: pytest.MonkeyPatch, short: None
) -> None:
    note = folder / "pid"
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(layer_machine, "_TIMEOUT", 100.0)
        run(folder, monkeypatch, f"echo $$ > {note}; exec sleep 100")
        os._exit(0)
    until = time.monotonic() + 10
    while not (note.exists() and note.read_text()) and time.monotonic() < until:
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    running = Path("/proc") / note.read_text().strip()
    while running.exists() and "Z" not in (running / "stat").read_text().split() and time.monotonic() < until:
        time.sleep(0.02)
    assert time.monotonic() < until
    assert left(folder) == ["layer-one"]
    with pytest.raises(ImageError):
        run(folder, monkeypatch, "exit 1", "two")
    assert left(folder) == []
