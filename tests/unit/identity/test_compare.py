# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts: which of them holds, what outweighs what, and that nothing incomplete passes for the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.causes import cause_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import (
    PRECEDENCE,
    Comparison,
    Verdict,
    compare,
    planes_told,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import Fingerprint
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.rules import Rule, Rules
from made_fingerprint import RULES, branch, lab, made

HERE = made(*lab())
MOVED = made(*lab()[:-1], branch("identity", {"name": "lab2", "uuid": "x"}, "identity"))
EXITED = made(*lab({"State": {"Status": "exited", "Pid": 4711}}))


def verdict(first: Fingerprint, second: Fingerprint) -> Verdict:
    both = compare(first, second).verdict, compare(second, first).verdict
    assert both[0] is both[1]
    return both[0]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (HERE, "IDENTICAL"),
        (replace(HERE, taken="later", tools={"docker": "27"}), "IDENTICAL"),
        (MOVED, "EQUIVALENT"),
        (EXITED, "DIFFERENT"),
        (replace(HERE, missing=("guest db: it is off",)), "INCOMPLETE"),
        (replace(MOVED, missing=("guest db: it is off",)), "INCOMPLETE"),
        (replace(EXITED, missing=("guest db: it is off",)), "DIFFERENT"),
        (replace(EXITED, moving=("guests/apps/x",)), "UNSETTLED"),
        (replace(HERE, level=2, moving=("guests/apps/x",)), "INCOMPARABLE"),
        (replace(HERE, rules="2:0"), "INCOMPARABLE"),
        (replace(HERE, key="another"), "INCOMPARABLE"),
    ],
)
def test_the_verdict(other: Fingerprint, expected: str) -> None:
    assert verdict(HERE, other) is Verdict(expected)


def test_incomplete_is_never_taken_for_the_same() -> None:
    lacking = replace(HERE, missing=("guest db: it is off",))
    assert verdict(lacking, lacking) is Verdict.INCOMPLETE
    assert not any(Verdict.INCOMPLETE.satisfies(wanted) for wanted in (Verdict.IDENTICAL, Verdict.EQUIVALENT))


def test_an_unknown_field_alone_makes_it_incomplete() -> None:
    found = made(branch("domains/web", {"flux": 1}, "definition", knows=lambda _path: False))
    told = compare(found, found)
    assert told.verdict is Verdict.INCOMPLETE
    assert told.reasons == ("domains/web/flux: a field that no rule and no schema knows",)


def test_without_secrets_keys_do_not_matter() -> None:
    one, other = (made(branch("intent", {"a": 1}, "intent"), key=key) for key in (b"1" * 32, b"2" * 32))
    assert verdict(one, other) is Verdict.IDENTICAL


def test_secrets_that_were_sealed_without_a_key_are_never_the_same() -> None:
    found = made(*lab(), key=b"")
    assert verdict(found, found) is Verdict.INCOMPARABLE


def test_a_changed_secret_is_a_difference_and_is_not_told() -> None:
    other = made(*lab({"Config": {"Env": ["DB_PASSWORD=another", "A=1"]}}))
    (difference,) = compare(HERE, other).differences
    assert (difference.before, difference.after) == ("(secret)", "(secret)")
    assert difference.path.endswith("Config/Env/0")


def test_a_difference_has_its_kind_plane_layer_and_cause() -> None:
    told = compare(HERE, made(*lab(files={"etc": {"hosts": {":mode": "0600", ":mtime": 9}, "new": {":mode": "0644"}}})))
    assert [(each.path, each.kind, each.layer) for each in told.differences] == [
        ("guests/apps/files/etc/hosts/:mode", "changed", "guests"),
        ("guests/apps/files/etc/motd/:mode", "removed", "guests"),
        ("guests/apps/files/etc/new/:mode", "added", "guests"),
    ]
    assert {each.cause for each in told.differences} == {
        "chmod or chown in the guest",
        "a file was deleted in the guest",
        "a file was made in the guest",
    }
    assert dict(told.taken_out) == {2: 1}


def test_true_is_not_one() -> None:
    one, other = (made(branch("guests/a", {"x": value})) for value in (True, 1))
    assert verdict(one, other) is Verdict.DIFFERENT


def test_numbers_of_layers_add_up() -> None:
    told = compare(HERE, EXITED)
    assert sum(row.leaves + row.taken_out for row in told.layers) == len(HERE.leaves)
    assert sum(row.different for row in told.layers) == len(told.differences)
    assert [row.layer for row in told.layers] == ["intent", "lock", "guests", "containers", "identity"]


def test_planes_tell_where_two_differ() -> None:
    assert [plane for plane, same in planes_told(compare(HERE, EXITED)).items() if not same] == ["runtime"]


def test_a_leaf_that_counts_in_one_only_is_a_difference() -> None:
    """No two fingerprints under one list of rules have such; a file that somebody made may."""
    none = made(*lab(), rules=Rules((Rule(1, "no/such", "id", "why", "seen"),)))
    told: Comparison = compare(HERE, replace(none, rules=RULES.version))
    assert told.verdict is Verdict.DIFFERENT


def test_every_verdict_has_a_place_and_a_status_of_its_own() -> None:
    assert set(PRECEDENCE) == set(Verdict)
    assert {verdict.exit_status for verdict in Verdict} == {0, 1, 3, 4, 5, 6}


def test_any_path_has_a_cause() -> None:
    assert cause_of("no/such/layer") == "it was changed outside of Strata"
    assert cause_of("guests/web/packages/nginx", "added") == "a package was installed"
