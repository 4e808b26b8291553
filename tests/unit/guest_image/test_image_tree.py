# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest import image_recipe
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.image_tree import clamp_times, dress
from ansible_collections.strata.kvm_docker.plugins.module_utils.guest.mmdebstrap import EPOCH


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A system with what must not reach a guest, and a mask that the distribution would not have."""
    for path in ("etc/ssh/ssh_host_rsa_key", "etc/resolv.conf", "boot/vmlinuz-6.12", "run/lock/x", "var/log/dpkg.log"):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("of the build host")
    return tmp_path


def test_nothing_of_the_build_host_is_left(tree: Path) -> None:
    dress(tree)

    assert not [path for path in tree.rglob("*") if path.is_file() and path.read_text() == "of the build host"]


def test_the_machine_id_is_empty_so_that_it_follows_from_the_guests_uuid(tree: Path) -> None:
    dress(tree)

    assert (tree / "etc/machine-id").read_bytes() == b""


def test_files_have_their_content_and_mode(tree: Path) -> None:
    dress(tree)

    seed = tree / "usr/lib/strata/apply-seed"
    assert seed.read_text() == image_recipe.APPLY_SEED
    assert seed.stat().st_mode & 0o777 == 0o755


def test_units_are_masked_and_enabled_as_systemctl_does_it(tree: Path) -> None:
    dress(tree)

    units = tree / "etc/systemd/system"
    assert os.readlink(units / "getty.target") == "/dev/null"
    assert os.readlink(units / "sysinit.target.wants/strata-seed.service") == "/etc/systemd/system/strata-seed.service"
    assert os.readlink(units / "multi-user.target.wants/docker.service") == "/usr/lib/systemd/system/docker.service"


def test_a_link_of_the_distribution_is_replaced_and_never_followed_out_of_the_tree(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("keep")
    (tree / "etc/fstab").symlink_to(outside)

    dress(tree)

    assert outside.read_text() == "keep"
    assert not (tree / "etc/fstab").is_symlink()


def test_dressing_twice_is_dressing_once(tree: Path) -> None:
    def state() -> dict[str, object]:
        return {
            str(path): os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
            for path in tree.rglob("*")
        }

    dress(tree)
    once = state()
    dress(tree)

    assert state() == once


def test_no_time_is_younger_than_the_epoch_and_older_ones_stay(tree: Path) -> None:
    old = tree / "etc/resolv.conf"
    os.utime(old, (1_600_000_000, 1_600_000_000))
    (tree / "etc/link").symlink_to("/nowhere")

    clamp_times(tree)

    times = {path.lstat().st_mtime for path in (tree, *tree.rglob("*"))}
    assert times == {EPOCH, 1_600_000_000}


def test_the_seed_script_is_one_that_a_posix_shell_takes() -> None:
    done = subprocess.run(["dash", "-n"], input=image_recipe.APPLY_SEED, text=True, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_script_that_holds_runc_is_one_that_perl_takes() -> None:
    done = subprocess.run(["perl", "-c"], input=image_recipe.HOLD_RUNC, text=True, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, "- syntax OK\n")
