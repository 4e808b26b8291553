# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers of ``pulumi_docker`` are marked with, so that a stack tells those that it knows.

A program cannot ask what its stack knows. The mark is drawn when a stack makes its access to the environment; it is in
the state folder, where the program finds it, and in the label ``strata.provider`` of each container that is made.
"""

from __future__ import annotations

from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders


def path(environment: str, folders: Folders) -> Path:
    """The file with the mark that was drawn last."""
    return folders.environment(environment) / "provider_mark"


def read(environment: str, folders: Folders) -> str:
    """The mark that was drawn last; empty where none was."""
    try:
        return path(environment, folders).read_text()
    except FileNotFoundError:
        return ""
