# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of a declaration in a program: the resources :class:`Object` and :class:`ContainerFiles` of the provider
``strata``."""

# No "from __future__ import annotations": Pulumi reads the types of the properties at run time.

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Path
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import covers
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.show import plain

from .outputs import output


class ObjectArgs(TypedDict):
    """Which object, and how it is to be; see :func:`object_args`."""

    declaration: pulumi.Input[str]
    """Absolute path of the declaration, which the provider reads itself."""
    environment: pulumi.Input[str]
    """Name of the environment. Another one replaces the object."""
    kind: pulumi.Input[str]
    """What it is, e.g. ``network``. Another one replaces the object."""
    name: pulumi.Input[str]
    """Its name among those of its kind. Another one replaces the object."""
    guest: NotRequired[pulumi.Input[str]]
    """The guest on whose engine it is; empty for objects of the hypervisor. Another one replaces the object."""
    spec: pulumi.Input[Mapping[str, Any]]
    """How it is to be: the core's canonical form of what is declared, as :func:`spec_of` has it."""
    adopt: NotRequired[pulumi.Input[bool]]
    """Whether what is there under its name, and nobody's, is taken over when it is created."""
    replace_guests: NotRequired[pulumi.Input[bool]]
    """Whether a disk whose image changed may be made anew, and lose what is on it."""
    provider_id: NotRequired[pulumi.Input[str]]
    """Id under which another provider knows it, if one does."""


class ContainerFilesArgs(TypedDict):
    """Of which container, and where they are."""

    declaration: pulumi.Input[str]
    """Absolute path of the declaration, which the provider reads itself."""
    environment: pulumi.Input[str]
    """Name of the environment. Another one replaces the files."""
    guest: pulumi.Input[str]
    """The guest on which they are. Another one replaces the files."""
    name: pulumi.Input[str]
    """Name of the container on its engine. Another one replaces the files."""
    files: pulumi.Input[Sequence[str]]
    """Their paths on the guest, which tell of their content by keyed digests."""


#: Where Pulumi calls it otherwise.
_NAMES = {"replace_guests": "replaceGuests", "provider_id": "providerId"}


class Object(pulumi.CustomResource):
    """One object of an environment, brought to its declaration by the core's own plan, and put right where it drifted.

    Where another provider makes it, this one depends on that resource, follows what it has made, and deletes it.
    """

    def __init__(self, resource_name: str, args: ObjectArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        given = {_NAMES.get(name, name): value for name, value in args.items()}
        told = dict.fromkeys(("handle", "made", "due", "reported", "problem"))
        super().__init__("strata:index:Object", resource_name, {**given, **told}, opts)

    @property
    @pulumi.getter
    def handle(self) -> pulumi.Output[Mapping[str, str]]:
        """What others need of it: of a guest_image ``disk``, ``kernel`` (paths) and ``digest``; of an image ``id``, and
        ``volumes``, one path a line; of others nothing."""
        return output(self, "handle")

    @property
    @pulumi.getter
    def made(self) -> pulumi.Output[str]:
        """Drawn when the object is made: what lives on it is made anew with it."""
        return output(self, "made")

    @property
    @pulumi.getter
    def due(self) -> pulumi.Output[str]:
        """What the next update does, and why, e.g. ``start: not running``; empty where nothing."""
        return output(self, "due")

    @property
    @pulumi.getter
    def reported(self) -> pulumi.Output[Sequence[str]]:
        """Drift that a policy of the declaration leaves as it is, in words."""
        return output(self, "reported")

    @property
    @pulumi.getter
    def problem(self) -> pulumi.Output[str]:
        """Why it could not be looked at at the last refresh, else empty."""
        return output(self, "problem")


class ContainerFiles(pulumi.CustomResource):
    """The secrets and configs of a container, as files on its guest; the container has to depend on them.

    What somebody edited is put back in place, where the running container sees it.
    """

    def __init__(
        self, resource_name: str, args: ContainerFilesArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        told = dict.fromkeys(("edited", "problem"))
        super().__init__("strata:index:ContainerFiles", resource_name, {**args, **told}, opts)

    @property
    @pulumi.getter
    def edited(self) -> pulumi.Output[Mapping[str, str]]:
        """Files that are not as they were written, by path: ``changed`` or ``missing``."""
        return output(self, "edited")

    @property
    @pulumi.getter
    def problem(self) -> pulumi.Output[str]:
        """Why they could not be looked at at the last refresh, else empty."""
        return output(self, "problem")


def object_args(item: Declared, declaration: str, environment: str) -> ObjectArgs:
    """The arguments for *item*, which the file *declaration* declares for *environment*."""
    made: ObjectArgs = {
        "declaration": declaration,
        "environment": environment,
        "kind": item.key.kind,
        "name": item.key.name,
        "spec": spec_of(item),
    }
    if item.key.guest:
        made["guest"] = item.key.guest
    return made


def spec_of(item: Declared) -> dict[str, Any]:
    """The spec of *item* as a plain tree, its sensitive leaves as Pulumi's secrets."""
    return {str(name): _marked(plain(value), item.sensitive, (str(name),)) for name, value in item.spec.items()}


def _marked(value: Any, hidden: frozenset[Path], at: Path) -> Any:
    if covers(hidden, at):
        return pulumi.Output.secret(value)
    if isinstance(value, Mapping):
        return {key: _marked(inner, hidden, (*at, key)) for key, inner in value.items()}
    return value
