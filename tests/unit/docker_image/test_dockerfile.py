# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Dockerfile builds on."""

from __future__ import annotations

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.docker.dockerfile import (
    bases,
    instructions,
    labelled,
    line_before,
    substitute,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.errors import ImageError


def found(text: str, target: str | None = None, **args: str) -> tuple[str, ...]:
    return bases(text, args, target, "/app/Dockerfile")


def test_scratch_and_earlier_stages_are_no_images() -> None:
    assert found("FROM scratch AS a\nFROM a AS b\nFROM A\n") == ()


def test_each_image_is_named_once_in_the_order_of_the_file() -> None:
    assert found("FROM x:1\nFROM y\nFROM x:1\n") == ("x:1", "y")


def test_keywords_flags_comments_and_continued_lines_are_understood() -> None:
    text = (
        "# syntax=docker/dockerfile:1\n\n"
        "  from --platform=linux/amd64 \\\n# between\n\n  x:1 as Build\n"
        "run a \\\n  from b\n"
    )
    assert found(text) == ("x:1",)
    assert [(one.line, one.keyword) for one in instructions(text)] == [(3, "FROM"), (7, "RUN")]


def test_the_escape_directive_changes_what_continues_a_line() -> None:
    assert found("# escape=`\nFROM `\n  x\nCOPY c:\\ \\\nFROM y\n") == ("x", "y")


def test_copy_from_an_image_counts_and_from_a_stage_does_not() -> None:
    text = (
        "FROM x AS made\nFROM scratch\nCOPY --from=made a b\nCOPY --chown=1:1 --from=tools:2 a b\nCOPY --from=0 a b\n"
    )
    assert found(text) == ("x", "tools:2")


def test_build_arguments_before_the_first_from_are_filled_in() -> None:
    text = "ARG TAG=1\nARG IMAGE=x:$TAG\nFROM ${IMAGE}\nARG TAG=9\nFROM y:${TAG:-none}\n"
    assert found(text) == ("x:1", "y:1")
    assert found(text, TAG="2") == ("x:2", "y:2")


def test_an_argument_without_value_is_refused_with_its_line() -> None:
    with pytest.raises(ImageError, match=r"^/app/Dockerfile:2: FROM \$IMAGE: the image is empty"):
        found("ARG IMAGE\nFROM $IMAGE\n")


def test_stages_after_the_target_do_not_count() -> None:
    text = "FROM x AS One\nFROM y AS two\nFROM z\n"
    assert found(text, target="one") == ("x",)
    assert found(text, target="TWO") == ("x", "y")
    assert found(text, target="1") == ("x", "y")


def test_an_unknown_target_is_refused_with_the_stages_there_are() -> None:
    with pytest.raises(ImageError, match=r"no stage 'three'.*one, two"):
        found("FROM x AS one\nFROM y AS two\n", target="three")


@pytest.mark.parametrize("text", ["", "# nothing\n", "RUN true\n"])
def test_a_file_without_from_is_refused(text: str) -> None:
    with pytest.raises(ImageError, match="no FROM"):
        found(text)


def test_a_from_with_more_words_is_refused() -> None:
    with pytest.raises(ImageError, match="FROM image"):
        found("FROM x y z\n")


@pytest.mark.parametrize(
    ("text", "result"),
    [("$a-b", "1-b"), ("${a}b", "1b"), ("${c:-d}", "d"), ("${a:-d}", "1"), ("${a:+e}", "e"), ("${c:+e}", "")],
)
def test_variables_are_replaced_as_the_dockerfile_reference_says(text: str, result: str) -> None:
    assert substitute(text, {"a": "1"}) == result


def test_each_stage_is_labelled_and_lines_are_counted_as_in_the_file() -> None:
    text = "# first\nFROM x \\\n  AS a\nRUN one\nFROM scratch\nRUN two"
    sent = labelled(text, "l", "v").split("\n")
    assert sent == [
        *("# first", "FROM x \\", "  AS a", 'LABEL l="v"', "RUN one"),
        *("FROM scratch", 'LABEL l="v"', "RUN two"),
    ]
    for number, line in enumerate(sent, 1):
        if not line.startswith("LABEL"):
            assert text.split("\n")[line_before(text, number) - 1] == line
