# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import GuestError
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.keys import KeyPair
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.ssh_config import (
    control_path,
    engine_socket,
    known_hosts,
    ssh_config,
)


def understood(config: str, host: str, tmp_path: Path) -> dict[str, str]:
    """What OpenSSH itself reads from *config* for *host*."""
    path = tmp_path / "config"
    path.write_text(config)
    done = subprocess.run(["ssh", "-G", "-F", str(path), host], capture_output=True, text=True, check=True)
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


@pytest.mark.parametrize("host", ["web", "10.81.0.11"])
def test_a_guest_is_reached_by_name_and_by_address_with_its_key_pinned(
    environment: Environment, host: str, tmp_path: Path
) -> None:
    options = understood(ssh_config(environment, Path("/s/lab"), None), host, tmp_path)
    assert options["hostname"] == "10.81.0.11"
    assert options["hostkeyalias"] == "web"
    assert options["user"] == "root"
    assert options["identityfile"] == "/s/lab/id_ed25519"
    assert options["identitiesonly"] == "yes"
    assert options["userknownhostsfile"] == "/s/lab/known_hosts"
    assert options["stricthostkeychecking"] in ("true", "yes")
    assert options["controlpath"] == "/s/lab/web.ssh"
    assert options["controlmaster"] == "auto"
    assert options["ciphers"].startswith("aes128-gcm@openssh.com,")
    assert options["kexalgorithms"].startswith("curve25519-sha256,")
    assert options.get("proxycommand", "none") == "none"


def test_paths_with_spaces_and_percent_signs_are_taken_literally(environment: Environment, tmp_path: Path) -> None:
    folder = Path("/a b/100%h")
    options = understood(ssh_config(environment, folder, None), "web", tmp_path)
    assert options["identityfile"].replace("%%", "%") == "/a b/100%h/id_ed25519"
    assert options["controlpath"].replace("%%", "%") == "/a b/100%h/web.ssh"


def test_the_way_into_the_hypervisors_network_is_quoted_for_the_shell(environment: Environment, tmp_path: Path) -> None:
    config = ssh_config(environment, Path("/s/lab"), ["nsenter", "--net=/my state/50%/netns"])
    command = understood(config, "web", tmp_path)["proxycommand"]
    assert command.startswith("nsenter '--net=/my state/50%%/netns' socat - TCP:%h:%p,")
    words = subprocess.run(["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True)
    assert words.stdout.splitlines()[:3] == ["nsenter", "--net=/my state/50%%/netns", "socat"]


def test_equal_declarations_give_equal_text(environment: Environment) -> None:
    assert ssh_config(environment, Path("/s"), ["x"]) == ssh_config(environment, Path("/s"), ["x"])


def test_known_hosts_pin_each_guest_by_name_and_address(environment: Environment) -> None:
    keys = {
        name: KeyPair(private=Path("/none"), public=f"ssh-ed25519 AAAA{name} a comment") for name in environment.guests
    }
    assert known_hosts(environment, keys) == (
        "apps,10.80.0.12 ssh-ed25519 AAAAapps\nweb,10.81.0.11 ssh-ed25519 AAAAweb\n"
    )


def test_sockets_have_short_names_where_the_guests_name_is_long() -> None:
    folder = Path("/var/lib/strata/environments") / ("e" * 40)
    one, other = control_path(folder, "g" * 40), control_path(folder, "g" * 39 + "h")
    assert len(str(one)) + 17 <= 107
    assert one != other
    assert engine_socket(folder, "g" * 40) != one


def test_a_state_folder_that_is_too_deep_for_sockets_is_refused_with_a_way_out() -> None:
    with pytest.raises(GuestError, match="STRATA_STATE"):
        control_path(Path("/" + "d" * 100), "web")
