# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What looks at a hypervisor, where there is none that answers; and the module that looks at the image store."""

from __future__ import annotations

from pathlib import Path

import kvm_lab
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from front_module import ran

TELLS = {
    "guest_info": "guests",
    "guest_network_info": "networks",
    "storage_pool_info": "pools",
    "disk_info": "disks",
    "snapshot_info": "snapshots",
}

every_look = pytest.mark.parametrize("module", TELLS)


def looked(module: str, root: Path, **options: object) -> dict[str, object]:
    found = ran(module, environment="lab", uri="embedded", state_folder=str(root), **options)
    return {key: value for key, value in found.items() if key != "invocation"}


@every_look
def test_where_no_hypervisor_was_started_there_is_nothing(module: str, tmp_path: Path) -> None:
    assert looked(module, tmp_path / "state") == {"changed": False, TELLS[module]: []}
    assert not (tmp_path / "state").exists()


@every_look
def test_a_stopped_hypervisor_is_told_and_how_to_start_it(module: str, tmp_path: Path) -> None:
    definitions = Folders(tmp_path).hypervisor / "etc" / "qemu" / "networks"
    definitions.mkdir(parents=True)
    (definitions / "lab-lan.xml").write_text("<network><name>lab-lan</name></network>")
    found = looked(module, tmp_path)
    assert found["failed"]
    assert "does not run (any more). Start it with the module strata.kvm_docker.hypervisor" in str(found["msg"])


def test_the_name_of_a_data_disk_alone_names_none(tmp_path: Path) -> None:
    assert "missing parameter(s) required by 'name': guest" in str(looked("disk_info", tmp_path, name="data")["msg"])


def test_the_image_store_is_told_whole_or_by_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRATA_IMAGES", raising=False)
    folders = Folders(tmp_path)
    assert ran("guest_image_info", state_folder=str(tmp_path))["images"] == []
    kvm_lab.fill_store(folders)
    found = ran("guest_image_info", state_folder=str(tmp_path))
    assert found["changed"] is False
    assert [image["recipe"] for image in found["images"]] == list(kvm_lab.RECIPES)
    assert all(Path(image["disk"]).is_file() and image["cmdline"] == "console=ttyS0" for image in found["images"])
    one = ran("guest_image_info", state_folder=str(tmp_path), recipe=kvm_lab.RECIPES[1])
    assert one["images"] == found["images"][1:]
    assert ran("guest_image_info", state_folder=str(tmp_path), recipe="../" + kvm_lab.RECIPES[1])["images"] == []
