# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of a declaration in texts of others: errors, logs, progress."""

from __future__ import annotations

import base64
from ipaddress import IPv4Network

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.compose import (
    Build,
    FileSource,
    Logging,
    Project,
    Service,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.environment import (
    EngineSettings,
    Environment,
    Guest,
    GuestNetwork,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import (
    ConvergeError,
    DeclarationError,
    EngineError,
    Problem,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.masking import Masker, hidden, secrets_of
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Event, Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import failure_of

SERVICE = Service(
    name="redis",
    image="library/redis:7",
    build=Build(context="/srv", args={"NPM_TOKEN": "npm-plant"}),
    command=("redis-server", "--requirepass", "cmd-plant"),
    environment={
        "DB_PASSWORD": "env-plant",
        "REDIS_PASSWORD": "redis",
        "EMPTY_PASSWORD": "yes",
        "URL": "a://b:url-pl@c",
    },
    labels={"deploy-token": "label-plant"},
    logging=Logging(driver="splunk", options={"splunk-token": "log-plant"}),
)
PROJECT = Project(
    name="apps",
    file="/srv/compose.yaml",
    services={"redis": SERVICE},
    secrets={"key": FileSource(name="key", content="first-line\nsecond-line\n")},
    configs={"motd": FileSource(name="motd", content="welcome")},
)
PROXY = {"proxies": {"http-proxy": "http://me:proxy-pl@proxy"}}
ENVIRONMENT = Environment(
    name="lab",
    folder="/srv",
    networks={"lan": GuestNetwork(cidr=IPv4Network("10.0.0.0/24"))},
    guests={"web": Guest(name="web", image="debian13", engine=EngineSettings(settings=PROXY), compose=PROJECT)},
)


def test_every_place_that_holds_a_secret_is_known() -> None:
    planted = {"npm-plant", "cmd-plant", "env-plant", "url-pl", "label-plant", "log-plant", "proxy-pl", "second-line"}
    assert planted <= secrets_of(ENVIRONMENT)


def test_names_that_are_shown_all_the_time_are_no_secrets() -> None:
    assert not secrets_of(ENVIRONMENT) & {"redis", "lab", "welcome", "apps"}


@pytest.mark.parametrize("text", ["pw: {}", "{}", "x{}y", "http://a:{}@b", '{{"a": "{}"}}'])
def test_a_secret_is_masked_wherever_it_stands(text: str) -> None:
    mask = Masker(["long/secret"])
    assert mask(text.format("long/secret")) == text.format("********")
    assert mask(text.format("long%2Fsecret")) == text.format("********")
    assert mask(text.format(base64.b64encode(b"long/secret").decode().rstrip("="))) == text.format("********")


def test_a_short_secret_is_masked_where_it_stands_by_itself() -> None:
    mask = Masker(["root", "a", "true"])
    assert mask("password root of rooted a true") == "password ******** of rooted a true"


def test_of_two_secrets_the_longer_one_leaves_no_rest() -> None:
    assert Masker(["secret-1", "secret-1-and-more"])("secret-1-and-more") == "********"


def test_a_masker_without_secrets_changes_nothing() -> None:
    assert Masker()("text") == "text"


def test_progress_and_errors_of_a_run_tell_no_secret() -> None:
    events: list[Event] = []
    progress = Progress(events.append)
    failure = ConvergeError([("container a", EngineError("it says env-plant")), ("b", OSError("npm-plant"))])

    def run() -> None:
        with hidden(ENVIRONMENT, progress):
            progress.report("image a", "start", "building, RUN login npm-plant")
            raise failure

    with pytest.raises(ConvergeError) as caught:
        run()
    told = [str(caught.value), *(str(error) for _key, error in caught.value.failures), events[0].message]
    assert not [text for text in told if "plant" in text]
    assert "it says ********" in told[0]


def test_mistakes_of_a_declaration_tell_no_secret() -> None:
    with pytest.raises(DeclarationError) as caught, hidden(ENVIRONMENT, Progress()):
        raise DeclarationError([Problem("f", 1, "a", "it is 'env-plant'")])
    assert caught.value.problems[0].message == "it is '********'"
    assert "plant" not in str(caught.value)


def test_the_traceback_of_a_failure_that_nobody_expected_tells_no_secret() -> None:
    cause = ValueError("no such thing: second-line")

    def run() -> None:
        with hidden(ENVIRONMENT, Progress()):
            raise ConvergeError([("container web/app", cause)]) from cause

    with pytest.raises(ConvergeError) as raised:
        run()
    told = failure_of(raised.value)
    assert "ValueError: no such thing: ********" in told["exception"]
    assert "second-line" not in str(told)
