# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names in place of values that follow from names: where they are found, and where they must not be."""

from __future__ import annotations

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.tokens import Tokens

LONG = "0f" * 32
TOKENS = Tokens(
    {"10.80.0.1": "address web", "10.80.0.0/24": "cidr lan", "lab": "environment", "lab-net": "network"},
    chance={LONG: "container app", "52:54:00:aa:bb:cc": "nic web"},
    whole={"web": "guest"},
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("10.80.0.1", "{address web}"),
        ("10.80.0.1:80", "{address web}:80"),
        ("web:10.80.0.1", "web:{address web}"),
        ("lab:latest", "{environment}:latest"),
        ("52:54:00:aa:bb:cc:dd", "52:54:00:aa:bb:cc:dd"),
        ("lab-network", "lab-network"),
        ("http://10.80.0.1/x", "http://{address web}/x"),
        ("ends with 10.80.0.1.", "ends with {address web}."),
        ("10.80.0.11 and 110.80.0.1", "10.80.0.11 and 110.80.0.1"),
        ("10.80.0.1.5", "10.80.0.1.5"),
        ("10.80.0.0/24", "{cidr lan}"),
        ("lab/lab-net", "{environment}/{network}"),
        ("label collab", "label collab"),
        (f"docker-{LONG}.scope", "docker-{container app}.scope"),
        ("{address web}, {unlike}", "{{address web}}, {unlike}"),
        ("{{address web}}", "{{{address web}}}"),
        ("web", "{guest}"),
        ("web server", "web server"),
        ("web/lab/10.80.0.1", "{guest}/{environment}/{address web}"),
        ("lab/web", "{environment}/web"),
        ("52:54:00:aa:bb:cc", "{nic web}"),
        ("", ""),
    ],
)
def test_a_value_is_found_where_it_stands_by_itself(text: str, written: str) -> None:
    assert TOKENS(text) == written


def test_in_a_path_what_is_too_common_stays() -> None:
    assert (TOKENS.inside("web"), TOKENS.inside("lab")) == ("web", "{environment}")


def test_without_names_everything_stays() -> None:
    assert Tokens({"": "nothing"})("any text") == "any text"
