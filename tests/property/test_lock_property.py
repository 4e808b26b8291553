# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks of any content: what is written is read back, equal inputs pass, and one changed leaf is named, alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import Environment
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.sources import FilesRead
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import MovedError
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock import (
    Lock,
    LockedBuild,
    LockedContainerImage,
    LockedGuestImage,
    compare,
    read_lock,
    refuse_moved,
    text_of,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.lock_make import carried, make
from ansible_collections.strata.kvm_docker.plugins.module_utils.inputs import ImageInput, Inputs
from hypothesis import given
from hypothesis import strategies as st

#: Also those that YAML takes for numbers.
HEX = st.one_of(st.text("0123456789abcdef", min_size=64, max_size=64), st.text("0123456789e", min_size=64, max_size=64))
OCI = HEX.map(lambda digest: f"sha256:{digest}")
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff"), min_size=1, max_size=12)
TEXTS = st.one_of(NAMES, st.sampled_from(["1.10", "2026-01-01", "1:2", "true", "null", "~", "0x1", "1e5", "- a", "#"]))


def mappings(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(TEXTS, values, max_size=3)


def maybe(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | values


GUESTS = st.builds(
    LockedGuestImage,
    recipe=HEX,
    suite=maybe(TEXTS),
    mirror=maybe(TEXTS),
    content=maybe(HEX),
    files=maybe(mappings(HEX)),
    engine=maybe(mappings(TEXTS)),
    packages=maybe(mappings(TEXTS)),
)
IMAGES = st.builds(
    LockedContainerImage,
    source=st.sampled_from(["archive", "packages", "registry"]),
    recipe=maybe(HEX),
    manifest=maybe(OCI),
    config=maybe(OCI),
    layers=maybe(st.lists(OCI, max_size=3).map(tuple)),
    platform=maybe(TEXTS),
)
BUILDS = st.builds(LockedBuild, context=HEX, bases=st.lists(TEXTS, max_size=2).map(tuple))
LOCKS = st.builds(
    Lock,
    guest_images=mappings(GUESTS),
    container_images=mappings(IMAGES),
    builds=mappings(mappings(BUILDS)),
    files=mappings(HEX),
    env_files=mappings(st.lists(TEXTS, max_size=3).map(tuple)),
)


def leaves(part: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths of all that is known, but for the version of the file."""
    if is_dataclass(part):
        for each in fields(part):
            if each.name != "version":
                yield from leaves(getattr(part, each.name), (*path, each.name))
    elif isinstance(part, dict):
        for key, item in part.items():
            yield from leaves(item, (*path, key))
    elif part is not None:
        yield path


def changed(part: Any, path: tuple[str, ...]) -> Any:
    """*part* with another value at *path*."""
    if not path:
        if isinstance(part, tuple):
            return (*part, "sha256:" + "0" * 64)
        return {"archive": "packages", "packages": "registry", "registry": "archive"}.get(part, part + "0")
    key, below = path[0], path[1:]
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{key: changed(getattr(part, key), below)})
    return {**part, key: changed(part[key], below)}


def without(part: Any, path: tuple[str, ...]) -> Any:
    """*part* without the entry of a mapping at *path*."""
    key, below = path[0], path[1:]
    if not below:
        return {name: item for name, item in part.items() if name != key}
    if is_dataclass(part) and not isinstance(part, type):
        return replace(part, **{key: without(getattr(part, key), below)})
    return {**part, key: without(part[key], below)}


@given(LOCKS)
def test_what_is_written_is_read_back_and_written_the_same(lock: Lock) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.lock"
        path.write_bytes(text_of(lock).encode())
        found = read_lock(path)
    assert found == lock
    assert text_of(found) == text_of(lock)


@given(LOCKS)
def test_the_same_inputs_pass(lock: Lock) -> None:
    refuse_moved(Path("x.lock"), lock, lock)
    assert carried(lock, lock) == lock


@given(LOCKS, st.data())
def test_one_leaf_that_changed_is_named_alone(lock: Lock, data: st.DataObject) -> None:
    paths = list(leaves(lock))
    if not paths:
        return
    path = data.draw(st.sampled_from(paths))
    now = changed(lock, path)
    assert [move.path for move in compare(lock, now)] == [path]
    with pytest.raises(MovedError) as refused:
        refuse_moved(Path("x.lock"), lock, now)
    assert f"  {'.'.join(path)}: locked " in str(refused.value)


@given(LOCKS, st.data())
def test_an_entry_that_came_or_went_is_named_alone(lock: Lock, data: st.DataObject) -> None:
    entries = [(section, name) for section in ("builds", "files", "guest_images") for name in getattr(lock, section)]
    if not entries:
        return
    path = data.draw(st.sampled_from(entries))
    now = without(lock, path)
    (gone,), (came,) = compare(lock, now), compare(now, lock)
    assert (gone.path, gone.now, came.path, came.locked) == (path, None, path, None)


ENVIRONMENT = Environment(name="lab", folder="/srv/lab")
REFERENCES = st.sampled_from([f"{name}:{tag}" for name in ("a", "b", "registry.example/c") for tag in "12"])
SOURCES = st.one_of(
    HEX.map(lambda digest: f"context:{digest}"),
    HEX.map(lambda digest: f"recipe:{digest}"),
)
INPUTS = st.dictionaries(st.tuples(st.just("web"), REFERENCES), SOURCES, min_size=1)


def made(sources: dict[tuple[str, str], str]) -> Lock:
    images = {key: ImageInput(reference=key[1], source=source) for key, source in sources.items()}
    return make(ENVIRONMENT, FilesRead(), Inputs(images=images), Folders(Path("/nowhere")))


@given(INPUTS, st.data())
def test_a_lock_of_inputs_holds_them_in_any_order_and_names_the_one_that_changed(
    sources: dict[tuple[str, str], str], data: st.DataObject
) -> None:
    lock = made(sources)
    order = data.draw(st.permutations(list(sources)))
    same = made({key: sources[key] for key in order})
    assert text_of(same) == text_of(lock)
    refuse_moved(Path("x.lock"), lock, same)
    guest, reference = data.draw(st.sampled_from(order))
    kind, _colon, digest = sources[guest, reference].partition(":")
    other = f"{kind}:{digest[:-1]}{'0' if digest[-1] == '1' else '1'}"
    path = ("builds", guest, reference, "context") if kind == "context" else ("container_images", reference, "recipe")
    moves = compare(lock, made({**sources, (guest, reference): other}))
    assert [move.path for move in moves] == [path]
