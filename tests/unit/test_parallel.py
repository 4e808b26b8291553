# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in parallel: all of it has ended before anybody goes on, and errors are told in the order of the work."""

from __future__ import annotations

from threading import Event

import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.parallel import at_once, beside


def test_all_has_ended_before_the_first_error_is_raised() -> None:
    ended: list[int] = []

    def work(number: int) -> None:
        if number < 3:
            raise ValueError(number)
        ended.append(number)

    with pytest.raises(ValueError, match="1"):
        at_once(work, [4, 1, 2, 3])
    assert sorted(ended) == [3, 4]


def test_what_is_done_beside_a_block_is_waited_for_when_it_is_asked_for() -> None:
    go_on = Event()

    def work() -> str:
        assert go_on.wait(30)
        return "done"

    with beside(work) as result:
        go_on.set()
        assert result() == "done"


def test_an_error_of_what_is_done_beside_is_raised_whether_it_is_asked_for_or_not() -> None:
    def fails() -> None:
        raise ValueError("beside")

    with pytest.raises(ValueError, match="beside"), beside(fails):
        pass
    with pytest.raises(ValueError, match="beside"), beside(fails) as result:
        result()


def test_a_block_that_fails_ends_after_what_is_done_beside_it() -> None:
    go_on, ended = Event(), Event()

    def work() -> None:
        go_on.wait(30)
        ended.set()

    def block() -> None:
        with beside(work):
            go_on.set()
            raise KeyError

    with pytest.raises(KeyError):
        block()
    assert ended.is_set()
