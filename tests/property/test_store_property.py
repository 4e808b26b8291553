# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collections of any store: what is referred to stays, with what it stands on; the budget decides the rest, by age."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.strata.kvm_docker.plugins.module_utils.store.gc import choose
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.items import Item
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.layers import layer_digest
from ansible_collections.strata.kvm_docker.plugins.module_utils.store.use import References
from hypothesis import given
from hypothesis import strategies as st

NAMES = [f"{number:02x}" * 32 for number in range(8)]
SIZES, TIMES = st.integers(0, 1000), st.integers(0, 50).map(float)


@st.composite
def stores(draw: st.DrawFn) -> list[Item]:
    """Images, some with layers on them, archives and leftovers."""
    found = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True)):
        kind = draw(st.sampled_from(["guest image", "engine layer", "container archive", "leftover"]))
        parents = [item.name for item in found if item.kind == "guest image"]
        parent = draw(st.sampled_from(parents)) if kind == "engine layer" and parents else ""
        path = Path("/store") / kind / name
        found.append(
            Item(kind=kind, name=name, path=path, size=draw(SIZES), used=draw(TIMES), parent=parent, made_for=(name,))
        )
    return found


REFERENCES = st.builds(
    References,
    st.dictionaries(st.sampled_from(NAMES), st.just("environment x"), max_size=4),
    st.dictionaries(
        st.sampled_from([Path("/store/guest image") / name / "disk.qcow2" for name in NAMES]),
        st.just("disk y"),
        max_size=3,
    ),
)


@given(stores(), REFERENCES, st.integers(0, 4000))
def test_a_collection_is_safe_and_no_greater_than_it_must_be(found: list[Item], refers: References, keep: int) -> None:
    verdicts = choose(found, refers, keep)

    assert sorted(each.item.path for each in verdicts) == sorted(item.path for item in found)
    stay = [each.item for each in verdicts if each.kept]
    gone = [each.item for each in verdicts if not each.kept]
    assert all(item.name not in refers.declared or item.kind == "leftover" for item in gone)
    assert not {path.parent for path in refers.standing} & {item.path for item in gone}
    parents = {item.parent for item in stay} - {""}
    assert not [item for item in gone if item.kind == "guest image" and item.name in parents]
    assert not [item for item in stay if item.kind == "leftover"]
    unused = [item for item in stay if next(each.kept for each in verdicts if each.item is item) == "within the budget"]
    left = sum(item.size for item in stay)
    assert not unused or left <= keep
    last = [item for item in gone if item.kind != "leftover"][-1:]
    assert all(left + item.size > keep for item in last)


@given(st.dictionaries(st.text(), st.text(), max_size=4), st.sampled_from(NAMES))
def test_a_layer_is_named_by_what_it_is_made_of_alone(images: dict[str, str], parent: str) -> None:
    named = layer_digest(parent, images, 4096)
    assert named == layer_digest(parent, dict(reversed(images.items())), 4096)
    assert named != layer_digest(parent, {**images, "one": "more!"}, 4096)
    assert named != layer_digest("0" * 64 if parent[0] != "0" else "1" * 64, images, 4096)
    assert named != layer_digest(parent, images, 8192)
