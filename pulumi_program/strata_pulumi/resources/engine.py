# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The readiness gate in a program: the provider ``strata`` and its resource :class:`Engine`.

Pulumi finds the plugin ``pulumi-resource-strata`` on PATH, where installing this package puts it.
"""

# No "from __future__ import annotations": Pulumi reads the types of the properties at run time.

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

from .outputs import output


class ProviderArgs(TypedDict):
    """Where guests are."""

    hypervisor: NotRequired[pulumi.Input[str]]
    """The libvirt that runs the guests: ``auto`` (the default), ``embedded``, or a URI such as ``qemu:///system``."""
    state_folder: NotRequired[pulumi.Input[str]]
    """Folder with the keys and the SSH configuration of environments; ``$STRATA_STATE``, else ``/var/lib/strata``."""


class EngineArgs(TypedDict):
    """Which engine to wait for."""

    environment: pulumi.Input[str]
    """Name of the environment that the guest is of. Another one replaces the engine."""
    guest: pulumi.Input[str]
    """Name of the guest in its environment. Another one replaces the engine."""
    address: pulumi.Input[str]
    """IPv4 address of the guest, to which the environment's SSH configuration has to lead."""
    domain_id: NotRequired[pulumi.Input[str]]
    """Id of the guest's domain. Another one replaces the engine, and with it what lives on it."""
    boot: NotRequired[pulumi.Input[str]]
    """Drawn at each start of the guest, as its object's handle tells. Another one has the engine awaited."""
    ready_timeout: NotRequired[pulumi.Input[float]]
    """Seconds to wait for SSH and the Docker API together; 300 where not given. Its change changes nothing."""


class Provider(pulumi.ProviderResource):
    """The provider of engines, for those that do not take the stack's own (configuration ``strata:hypervisor``)."""

    def __init__(
        self, resource_name: str, args: ProviderArgs | None = None, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        names = {"hypervisor": "hypervisor", "state_folder": "stateFolder"}
        super().__init__("strata", resource_name, _renamed(args or {}, names), opts)


class Engine(pulumi.CustomResource):
    """The Docker engine of a guest. It is there once the guest answers by SSH and its Docker API answers there.

    What it outputs is unknown until then, so whatever uses it waits; a guest that dies meanwhile ends the wait, with
    the last lines of its console. Deleting it ends the SSH connection and leaves the guest alone.
    """

    def __init__(self, resource_name: str, args: EngineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        names = {"domain_id": "domainId", "ready_timeout": "readyTimeout"}
        given = _renamed(args, {"environment": "environment", "guest": "guest", "address": "address", **names})
        told = dict.fromkeys(("host", "sshOpts", "engineVersion", "apiVersion", "engineId", "problem"))
        super().__init__("strata:index:Engine", resource_name, {**given, **told}, opts)

    @property
    @pulumi.getter
    def host(self) -> pulumi.Output[str]:
        """URL of the engine for ``pulumi_docker.Provider``: ``ssh://root@ADDRESS``."""
        return output(self, "host")

    @property
    @pulumi.getter(name="sshOpts")
    def ssh_opts(self) -> pulumi.Output[Sequence[str]]:
        """Options of ssh for ``pulumi_docker.Provider``: the environment's SSH configuration, which has the key, the
        pinned host keys and the one connection that all share."""
        return output(self, "sshOpts")

    @property
    @pulumi.getter(name="engineVersion")
    def engine_version(self) -> pulumi.Output[str]:
        """Version of the engine, e.g. ``26.1.5+dfsg1``."""
        return output(self, "engineVersion")

    @property
    @pulumi.getter(name="apiVersion")
    def api_version(self) -> pulumi.Output[str]:
        """Newest version of the Docker Engine API that it speaks, e.g. ``1.45``."""
        return output(self, "apiVersion")

    @property
    @pulumi.getter(name="engineId")
    def engine_id(self) -> pulumi.Output[str]:
        """Id of the engine; another one means another data folder, with none of the old containers: a good
        ``replacement_trigger`` for what lives on it."""
        return output(self, "engineId")

    @property
    @pulumi.getter
    def problem(self) -> pulumi.Output[str]:
        """Why the engine did not answer at the last refresh, else empty; the next update waits for it."""
        return output(self, "problem")


def _renamed(given: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """*given* under the names that Pulumi's protocol has; a stranger is left to the provider, which names it."""
    return {names.get(name, name): value for name, value in given.items()}
