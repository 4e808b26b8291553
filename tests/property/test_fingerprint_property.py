# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingerprints of any content: hashes, files, names, verdicts, and secrets in every form that is written."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.cli.formats.junit import junit
from ansible_collections.strata.kvm_docker.cli.formats.page import page
from ansible_collections.strata.kvm_docker.cli.formats.statement import statement
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import FingerprintError
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Verdict, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import (
    as_data,
    read_fingerprint,
    text_of,
    write_fingerprint,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.leaf import PLANES, Branch, leaves_below
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.data import comparison_data
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.text import (
    comparison_lines,
    fingerprint_lines,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.tokens import Tokens
from ansible_collections.strata.kvm_docker.plugins.module_utils.masking import Masker
from hypothesis import given
from hypothesis import strategies as st
from made_fingerprint import RULES, branch, made

NAMES = st.text(min_size=1, max_size=8)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=8), st.floats(allow_nan=False))
TREES = st.dictionaries(
    NAMES,
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)),
    min_size=1,
    max_size=4,
)
BRANCHES = st.lists(
    st.builds(
        lambda plane, number, tree: branch(f"guests/{plane}{number}", tree, plane),
        st.sampled_from(PLANES),
        st.integers(0, 3),
        TREES,
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda each: each.path,
)


@given(BRANCHES, st.randoms())
def test_the_order_in_which_branches_are_found_does_not_matter(branches: list[Branch], random: Any) -> None:
    turned = random.sample(branches, len(branches))
    mixed = [branch("/".join(each.path), dict(reversed(list(each.tree.items()))), each.plane) for each in turned]
    assert made(*branches) == made(*mixed)
    assert made(*branches).root == made(*mixed).root


@given(BRANCHES, st.data())
def test_one_changed_leaf_changes_the_root_and_the_hash_of_its_plane_alone(
    branches: list[Branch], data: st.DataObject
) -> None:
    before = made(*branches)
    chosen = data.draw(st.sampled_from(branches))
    path = data.draw(st.sampled_from([path for path, _value in leaves_below(chosen.tree)]))
    tree = changed(chosen.tree, path)
    after = made(*(branch("/".join(each.path), tree, each.plane) if each is chosen else each for each in branches))
    assert before.root != after.root
    assert {plane for plane in PLANES if before.planes.get(plane) != after.planes.get(plane)} == {chosen.plane}
    told = compare(before, after)
    assert told.verdict is (Verdict.EQUIVALENT if chosen.plane == "identity" else Verdict.DIFFERENT)
    assert len(told.differences) == 1


def changed(tree: Any, path: tuple[str, ...]) -> Any:
    """*tree* with something else in place of the leaf at *path*."""
    if not path:
        return "something else altogether"
    if isinstance(tree, list):
        return [changed(item, path[1:]) if str(number) == path[0] else item for number, item in enumerate(tree)]
    return {name: changed(item, path[1:]) if name == path[0] else item for name, item in tree.items()}


@given(BRANCHES, BRANCHES)
def test_hashes_and_comparison_never_disagree(here: list[Branch], there: list[Branch]) -> None:
    first, second = made(*here), made(*there)
    told = compare(first, second)
    assert (first.root == second.root) == (not told.differences) == (told.verdict is Verdict.IDENTICAL)


@given(BRANCHES, st.data())
def test_a_file_is_read_back_and_no_damage_goes_unseen(branches: list[Branch], data: st.DataObject) -> None:
    found = made(*branches, missing=("a",), moving=("b",))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "f.json"
        write_fingerprint(file, found)
        assert read_fingerprint(file) == found
        content = bytearray(file.read_bytes())
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
        file.write_bytes(content)
        same = _parsed(bytes(content)) == json.loads(text_of(found))
        if not same:
            with pytest.raises(FingerprintError):
                read_fingerprint(file)


def _parsed(content: bytes) -> Any:
    """White space may change and say the same."""
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError):
        return None


WORDS = st.text("abcdefghij", min_size=3, max_size=8)


@given(WORDS, WORDS, st.integers(1, 120), st.integers(121, 250))
def test_a_renamed_environment_is_equivalent(name: str, other: str, host: int, moved: int) -> None:
    one, two = _named(name, f"10.1.0.{host}"), _named(other, f"10.1.0.{moved}")
    assert compare(one, two).verdict is Verdict.EQUIVALENT
    assert one.planes["runtime"] == two.planes["runtime"]


def _named(name: str, address: str) -> Any:
    """An environment that is called *name*, with one guest at *address*."""
    tokens = Tokens({f"x-{name}": "environment", address: "address web lan"})
    tree = {
        f"/var/lib/x-{name}/disk": {"owner": f"x-{name}"},
        "argv": ["serve", f"{address}:80", f"http://{address}/"],
        f"x-{name}_default": address,
    }
    identity = branch("identity", {"name": f"x-{name}", "address": address}, "identity")
    return made(branch("guests/web", tree), identity, tokens=tokens)


SECRETS = st.text("abcdefghijklmnopqrstuvwxyz0123456789\"'<>&/~", min_size=8, max_size=16).map(lambda text: f"Zq{text}")


@given(SECRETS, SECRETS)
def test_secrets_are_in_no_form_that_is_written(old: str, new: str) -> None:
    first, second = _holding(old), _holding(new)
    told = compare(first, second)
    written = "\n".join(
        (
            text_of(first),
            *fingerprint_lines(first, every=True),
            *comparison_lines(told, RULES, every=True),
            json.dumps(comparison_data(told, RULES)),
            junit(told, Verdict.IDENTICAL),
            page(told, RULES),
            json.dumps(statement(first)),
        )
    )
    forms = (*_forms(old), *_forms(new))
    assert [form for form in forms if form in written] == []
    assert told.verdict is (Verdict.IDENTICAL if old == new else Verdict.DIFFERENT)
    seals = [leaf.value for leaf in (*first.leaves, *second.leaves) if leaf.sealed]
    shown = junit(told, Verdict.IDENTICAL) + page(told, RULES) + json.dumps(comparison_data(told, RULES))
    assert [seal for seal in seals if str(seal) in shown] == []


def _holding(secret: str) -> Any:
    tree = {
        "Env": [f"DB_PASSWORD={secret}"],
        "Cmd": ["x", "--token", secret],
        "note": f"a {secret} b",
        "PASSWORD": secret,
    }
    return made(branch("containers/a/b", tree), masker=Masker([secret]))


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield json.dumps(secret)[1:-1]
    yield secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield secret.replace("~", "~0").replace("/", "~1")


class Parsed(HTMLParser):
    """Tags that are open, and every attribute that could lead elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.scripts = 0
        self.leading: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.leading += [
            name for name, _value in attrs if name in ("src", "href", "action", "style") or name[:2] == "on"
        ]
        if tag not in ("meta", "input"):
            self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.tags.pop() == tag


@given(BRANCHES, BRANCHES)
def test_any_content_makes_one_whole_page(here: list[Branch], there: list[Branch]) -> None:
    text = page(compare(made(*here), made(*there)), RULES)
    found = Parsed(text)
    assert (found.tags, found.scripts, found.leading) == ([], 1, [])
    assert text.encode("utf-8")


def test_the_data_of_a_fingerprint_is_plain() -> None:
    found = made(branch("guests/a", {"x": [1, None, True]}))
    assert json.loads(json.dumps(as_data(found)))["leaves"]["guests/a/x/0"] == [1, "runtime", 1]
