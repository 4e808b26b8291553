# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Pulumi program under Pulumi's own mocks: what it registers, and what its outputs are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pulumi
from pulumi.runtime import mocks, settings


class Registered(mocks.Mocks):
    """Every resource that a program registers: (type, name, inputs, provider). *told*: outputs beside its inputs, by
    type of resource."""

    def __init__(self, told: Mapping[str, Mapping[str, Any]]) -> None:
        self.all: list[tuple[str, str, dict[str, Any], str]] = []
        self._told = told

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.all.append((args.typ, args.name, dict(args.inputs), args.provider or ""))
        return f"{args.name}-id", {**args.inputs, **self._told.get(args.typ, {})}

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The inputs of the resources of that type, by name."""
        return {name: inputs for found, name, inputs, _provider in self.all if found == kind}

    def names(self, *kinds: str) -> set[str]:
        """Of the resources of one of these types."""
        return {name for kind, name, _inputs, _provider in self.all if kind in kinds}

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(args.token)


@contextmanager
def mocked_program(told: Mapping[str, Mapping[str, Any]]) -> Iterator[Registered]:
    """Within, resources are registered with what is yielded."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    made = Registered(told)
    mocks.set_mocks(made, preview=False)
    try:
        yield made
    finally:
        settings.reset_options()
        for task in asyncio.all_tasks(loop):  # of a program that failed
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        asyncio.set_event_loop(None)
        loop.close()


def value(output: pulumi.Output[Any]) -> Any:
    """What *output* is once its resource is registered."""
    return asyncio.get_event_loop().run_until_complete(output.future())
