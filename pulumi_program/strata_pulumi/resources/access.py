# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The access to an environment's guests in a program: the resource :class:`Access` of the provider ``strata``."""

# No "from __future__ import annotations": Pulumi reads the types of the properties at run time.

from typing import NotRequired, TypedDict

import pulumi

from .outputs import output


class AccessArgs(TypedDict):
    """To which environment."""

    declaration: pulumi.Input[str]
    """Absolute path of the declaration, which the provider reads itself."""
    environment: pulumi.Input[str]
    """Name of the environment. Another one replaces the access."""
    marked: NotRequired[pulumi.Input[bool]]
    """Whether there are containers with the mark that was drawn last. A stack that makes its access then does not know
    them: it draws another mark and fails, and its next run takes them over."""


class Access(pulumi.CustomResource):
    """The keys and the SSH configuration that lead to an environment's guests; all else of it depends on this."""

    def __init__(self, resource_name: str, args: AccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        told = dict.fromkeys(("sshConfig", "mark"))
        super().__init__("strata:index:Access", resource_name, {**args, **told}, opts)

    @property
    @pulumi.getter(name="sshConfig")
    def ssh_config(self) -> pulumi.Output[str]:
        """Path of the configuration for ``ssh -F``; guests are hosts of their name."""
        return output(self, "sshConfig")

    @property
    @pulumi.getter
    def mark(self) -> pulumi.Output[str]:
        """What tells the containers of this stack from those of one that is forgotten."""
        return output(self, "mark")
