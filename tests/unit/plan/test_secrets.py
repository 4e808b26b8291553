# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as a secret, and how a mark remembers one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.diff import differences
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.model import Declared, Effect, Key, Observed
from ansible_collections.strata.kvm_docker.plugins.module_utils.plan.secrets import Seal, secret_values, sensitive

KEY = Key("container", "app-1", "web")
SEAL = Seal(b"k" * 32)


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        (["redis-server", "--requirepass", "pw1"], "pw1"),
        (["server", "--db-password", "two words"], "two words"),
        (["server", "--token=pw1", "--port=80"], "pw1"),
        (["CMD-SHELL", "redis-cli -a pw1 ping"], "pw1"),
        (["CMD", "mysqladmin", "ping", "-u", "root", "-ppw1"], "pw1"),
        ("sshpass -p pw1 ssh host", "pw1"),
        ("PGPASSWORD=pw1 psql -h db", "pw1"),
        ("curl -s -u admin:pw1 http://app/", "admin:pw1"),
        ("https://me:pw1@registry.example/v2", "pw1"),
        ("rediss://:pw1@db:6379/0", "pw1"),
        ("Authorization: Bearer abcdefgh.ij", "abcdefgh.ij"),
        ("addr=10.0.0.1,username=me,password=pw1,vers=3", "pw1"),
        ("admin:$apr1$x1$abcdef", "$apr1$x1$abcdef"),
        ("glpat-0123456789abcdefghij", "glpat-0123456789abcdefghij"),
    ],
)
def test_a_secret_in_a_value_of_any_name_is_found(value: Any, secret: str) -> None:
    assert secret in secret_values("leaf", value)


@pytest.mark.parametrize(
    "value",
    [
        ["mkdir", "-p", "/data"],
        ["sh", "-c", 'redis-server --requirepass "$REDIS_PASSWORD"'],
        ["sh", "-c", "mysql -p$(cat /run/secrets/db) -e status"],
        ["app", "--password-file", "/run/secrets/db", "--verbose"],
        ["app", "--password", "--verbose"],
        "http://app:8080/path?page=2",
        "10.0.0.1:80,user@host",
        "curl -p 80",
        True,
        None,
    ],
)
def test_what_only_mentions_a_secret_is_none(value: Any) -> None:
    assert list(secret_values("leaf", value)) == []


@pytest.mark.parametrize(
    "name", ["DB_PASSWORD", "splunk-token", "io.example.secret", "registry.auth", "API_KEY", "pwd"]
)
def test_a_leaf_that_is_named_like_a_secret_is_one_whatever_it_holds(name: str) -> None:
    assert list(secret_values(name, "x")) == ["x"]
    assert list(secret_values(name, f"{name}=x")) == ["x"]
    assert list(secret_values(name, 1234)) == ["1234"]


@pytest.mark.parametrize("name", ["POSTGRES_PASSWORD_FILE", "KEYBOARD", "authorization-plugins", "Privileged"])
def test_a_leaf_that_is_named_after_something_else_is_none(name: str) -> None:
    assert list(secret_values(name, "x")) == []


def test_a_mark_holds_no_secret_and_still_tells_drift_from_a_new_declaration() -> None:
    spec = {"env": {"PASSWORD": "PASSWORD=old", "A": "A=1"}}
    mark = json.dumps(SEAL.close(spec, sensitive(spec)))
    assert "old" not in mark
    assert "A=1" in mark
    applied = SEAL.open(json.loads(mark))
    new = {"env": {"PASSWORD": "PASSWORD=new", "A": "A=1"}}
    assert causes(declared=spec, applied=applied, observed=spec) == {}
    assert causes(declared=spec, applied=applied, observed=new) == {"env.PASSWORD": "drift"}
    assert causes(declared=new, applied=applied, observed=spec) == {"env.PASSWORD": "declaration"}
    assert causes(declared={"env": {"A": "A=1"}}, applied=applied, observed=spec) == {"env.PASSWORD": "declaration"}


@pytest.mark.parametrize("key", [b"", b"another"])
def test_without_its_key_a_sealed_value_is_like_no_other(key: bytes) -> None:
    spec = {"env": {"PASSWORD": "PASSWORD=old"}}
    applied = Seal(key).open(SEAL.close(spec, sensitive(spec)))
    assert causes(declared=spec, applied=applied, observed=spec) == {}
    drifted = {"env": {"PASSWORD": "PASSWORD=new"}}
    assert causes(declared=spec, applied=applied, observed=drifted) == {"env.PASSWORD": "declaration"}


def test_a_seal_without_a_key_makes_no_digest_that_could_be_guessed() -> None:
    closed = Seal().close({"password": "a"}, frozenset({("password",)}))
    assert json.dumps(closed) == json.dumps(Seal().close({"password": "b"}, frozenset({("password",)})))


def test_a_sealed_leaf_is_sensitive_whatever_its_name() -> None:
    opened = SEAL.open(SEAL.close({"Cmd": ["a", "b"]}, frozenset({("Cmd",)})))
    assert sensitive(opened) == {("Cmd",)}
    assert "a" not in repr(opened["Cmd"]).replace("Sealed(digest=", "").partition("'")[0]


def causes(declared: dict[str, Any], applied: dict[str, Any], observed: dict[str, Any]) -> dict[str, str]:
    found = differences(Declared(KEY, declared), Observed(KEY, observed, applied), lambda _: Effect.REPLACE)
    return {".".join(difference.path): difference.cause for difference in found}
