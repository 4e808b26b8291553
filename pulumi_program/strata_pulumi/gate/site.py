# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider's configuration: which hypervisor the guests are on, and where what leads to them is kept."""

from __future__ import annotations

from dataclasses import dataclass

from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders

from .option import Option, wrong_path
from .properties import Properties

AUTO = "auto"


def _uri(value: str) -> str | None:
    return None if ":" in value or value in (AUTO, "embedded") else "auto, embedded or a URI of libvirt"


OPTIONS = (
    Option(
        name="hypervisor",
        type="string",
        wrong=_uri,
        about="The libvirt that runs the guests: `auto` (the default), `embedded`, or a URI such as `qemu:///system`.",
    ),
    Option(
        name="stateFolder",
        type="string",
        wrong=wrong_path,
        about="Folder with the keys and the SSH configuration of environments; `$STRATA_STATE`, else "
        "`/var/lib/strata`, where not given.",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """``secrets``: texts of the configuration that no message may tell. ``folder_is_secret``: so is what names it."""

    hypervisor: str = AUTO
    folders: Folders
    secrets: tuple[str, ...] = ()
    folder_is_secret: bool = False


def site(given: Properties) -> Site:
    """What the checked configuration *given* says."""
    return Site(
        hypervisor=given.text("hypervisor") or AUTO,
        folders=Folders.of(given.text("stateFolder") or None),
        secrets=tuple(given.secrets()),
        folder_is_secret="stateFolder" in given.secret,
    )
