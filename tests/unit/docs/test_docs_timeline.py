# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/timeline.md against the code: its example is what the command makes of the run beside it."""

from __future__ import annotations

from ansible_collections.strata.kvm_docker.cli.formats.timeline_text import timeline_lines
from ansible_collections.strata.kvm_docker.cli.timeline import FORMATS
from ansible_collections.strata.kvm_docker.plugins.module_utils.resources import KINDS
from ansible_collections.strata.kvm_docker.plugins.module_utils.run_record import KEPT, read_run
from ansible_collections.strata.kvm_docker.plugins.module_utils.timeline.timeline import timeline
from pages import REPOSITORY, page

PAGE = page("timeline.md")
#: Events of a real run over ``two_hosts``, as it kept them.
RUN = REPOSITORY / "tests" / "unit" / "docs" / "two_hosts.jsonl"


def test_the_example_is_what_the_command_prints() -> None:
    (shown,) = PAGE.blocks("")
    assert shown.splitlines() == timeline_lines(timeline(read_run(RUN), tuple(KINDS)))


def test_the_page_tells_every_format_and_how_many_runs_are_kept() -> None:
    assert tuple(row[0].strip("`") for row in PAGE.rows("Commands") if row[0] != "format") == FORMATS
    assert KEPT == 10
    assert "The last ten stay" in PAGE.text
