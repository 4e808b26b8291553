# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The classic builder's output, line by line."""

from __future__ import annotations

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.events import Downloads
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.image_build import TAIL, Output
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError

reported: list[tuple[str, float | None]] = []


def report(message: str, fraction: float | None = None) -> None:
    reported.append((message, fraction))


def output(*lines: str) -> Output:
    reported.clear()
    found = Output(report)
    for line in lines:
        found.follow({"stream": f"{line}\n"})
    return found


def test_each_step_is_reported_with_how_much_is_done() -> None:
    output("Step 1/4 : FROM x", " ---> 111111111111", "Step 3/4 : RUN y")
    assert reported == [("building, FROM x", 0.0), ("building, RUN y", 0.5)]


def test_a_stage_that_is_only_its_base_has_no_result_of_its_own() -> None:
    found = output(
        *("Step 1/5 : FROM x AS a", " ---> 111111111111"),
        *(
            "Step 2/5 : FROM y AS b",
            " ---> 222222222222",
            "Step 3/5 : RUN z",
            " ---> Using cache",
            " ---> 333333333333",
        ),
        *("Step 4/5 : FROM z", " ---> 444444444444", "Step 5/5 : COPY c d", " ---> 555555555555"),
    )
    assert found.stages == ["333333333333"]


def test_a_failure_tells_the_step_and_the_last_lines() -> None:
    found = output("Step 1/2 : FROM x", "Step 2/2 : RUN y", *(f"line {number}" for number in range(50)))
    with pytest.raises(ImageError) as caught:
        found.follow({"error": "returned a non-zero code: 1"})
    lines = str(caught.value).splitlines()
    assert lines[0] == "build failed at RUN y: returned a non-zero code: 1"
    assert lines[1].strip() == f"line {50 - TAIL}"
    assert lines[-2].strip() == "line 49"


def test_the_progress_of_a_pull_is_that_of_all_layers_known_so_far() -> None:
    reported.clear()
    downloads = Downloads(report)
    downloads.follow({"status": "Pulling fs layer", "id": "a", "progressDetail": {}})
    downloads.follow({"status": "Downloading", "id": "a", "progressDetail": {"current": 1, "total": 4}})
    assert reported == [("pulling", 0.25)]
