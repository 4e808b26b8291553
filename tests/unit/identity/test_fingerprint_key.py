# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key of the seals: made once, its owner's, and never told."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import FingerprintError, StrataError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint_key import have, name_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal


def test_a_state_folder_gets_one_key_that_stays_and_is_its_owners(tmp_path: Path) -> None:
    folders = Folders(tmp_path / "deep" / "state")
    first = have(folders)
    assert have(folders) == first
    assert len(first.key) == 32
    file = folders.root / "fingerprint.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path.name for path in folders.root.iterdir()] == [file.name]


def test_two_state_folders_have_two_keys(tmp_path: Path) -> None:
    one, other = have(Folders(tmp_path / "a")), have(Folders(tmp_path / "b"))
    assert one.key != other.key
    assert name_of(one) != name_of(other)
    assert one.digest("x") != other.digest("x")


def test_a_given_key_is_taken_in_place_of_the_own_one_which_is_not_made(tmp_path: Path) -> None:
    given = tmp_path / "key"
    given.write_bytes(b"k" * 40)
    assert have(Folders(tmp_path / "state"), given) == Seal(b"k" * 40)
    assert not (tmp_path / "state").exists()


def test_a_short_key_is_refused_with_its_file(tmp_path: Path) -> None:
    given = tmp_path / "key"
    given.write_bytes(b"k" * 31)
    with pytest.raises(FingerprintError, match=f"{given}: a key has at least 32 bytes; this file has 31"):
        have(Folders(tmp_path), given)


def test_an_own_key_that_was_cut_short_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "fingerprint.key").write_bytes(b"")
    with pytest.raises(FingerprintError, match="this file has 0"):
        have(Folders(tmp_path))
    assert (tmp_path / "fingerprint.key").read_bytes() == b""


def test_a_key_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StrataError, match="nowhere"):
        have(Folders(tmp_path), tmp_path / "nowhere")


def test_the_name_of_a_key_tells_nothing_of_it() -> None:
    seal = Seal(bytes(range(32)))
    assert len(name_of(seal)) == 16
    assert name_of(seal) not in seal.key.hex()
