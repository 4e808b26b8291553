# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A timeline as one page of HTML, or as its picture alone (SVG): no script, no other file, no network.

Every value is escaped, and the page's own policy runs no script.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ansible_collections.strata.kvm_docker.cli.formats.page import file_text, policy_hash, template
from ansible_collections.strata.kvm_docker.cli.formats.timeline_text import headline
from ansible_collections.strata.kvm_docker.plugins.module_utils.timeline.scale import Scale
from ansible_collections.strata.kvm_docker.plugins.module_utils.timeline.timeline import Bar, Look, Row, Timeline

#: Pixels: of the picture, of its labels, of its axis, and of a row.
WIDTH, LEFT, AXIS, ROW = 1280, 290, 920, 18
_TOP = 20
#: Pixels of a bar that takes no time, and characters of a label.
_THIN, _LABEL = 1.5, 44

LOOKS: dict[Look, str] = {"work": "works", "wait": "waits", "failed": "failed", "cut": "cut off"}


@dataclass(frozen=True, slots=True)
class Box:
    """A bar as it is drawn, in pixels."""

    x: float
    width: float
    look: Look
    critical: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A row as it is drawn. ``after``: where the bars end."""

    y: int
    label: str
    short: str
    part: bool
    critical: bool
    bars: tuple[Box, ...]
    after: float
    seconds: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All that is drawn. ``titles``: of lanes, each with y and words; ``ticks``: of the axis, each with x and words."""

    height: int
    ticks: tuple[dict[str, Any], ...]
    titles: tuple[dict[str, Any], ...]
    rows: tuple[Line, ...]


def picture(found: Timeline) -> Picture:
    """Where everything of *found* is."""
    scale, y = Scale(found.record.seconds, AXIS), _TOP
    titles, rows = [], []
    for lane in found.lanes:
        titles.append({"y": y, "words": lane.title})
        for number, row in enumerate(lane.rows, 1):
            rows.append(_line(row, scale, y + number * ROW))
        y += (len(lane.rows) + 1) * ROW + ROW // 2
    ticks = tuple({"x": round(LEFT + scale.at(tick), 1), "words": f"{tick:g} s"} for tick in scale.ticks())
    return Picture(height=y, ticks=ticks, titles=tuple(titles), rows=tuple(rows))


def _line(row: Row, scale: Scale, y: int) -> Line:
    bars = tuple(_box(row.label, each, scale) for each in row.bars)
    return Line(
        y=y,
        label=row.label,
        short=row.label if len(row.label) <= _LABEL else f"...{row.label[3 - _LABEL :]}",
        part=row.part,
        critical=row.critical,
        bars=bars,
        after=round(max((each.x + each.width for each in bars), default=LEFT) + 4, 1),
        seconds=f"{row.seconds:.1f} s",
    )


def _box(label: str, each: Bar, scale: Scale) -> Box:
    x = scale.at(each.begin)
    words = f"{label}: {each.what or LOOKS[each.look]}, {each.begin:.2f} s to {each.end:.2f} s ({each.seconds:.2f} s)"
    width = max(_THIN, scale.at(each.end) - x)
    return Box(round(LEFT + x, 1), round(width, 1), each.look, each.critical, words)


def timeline_svg(found: Timeline) -> str:
    """The picture alone, with its style."""
    return _svg(found, file_text("timeline.css"))


def timeline_page(found: Timeline) -> str:
    """The page."""
    from markupsafe import Markup

    style = "".join(file_text(name) for name in ("page.css", "timeline.css", "timeline_page.css"))
    return template("timeline.html.j2").render(
        record=found.record,
        said=headline(found.record),
        longest=found.longest,
        total=found.record.seconds or 1.0,
        layers=found.layers,
        looks=LOOKS,
        svg=Markup(_svg(found)),
        style=Markup(style),
        style_hash=policy_hash(style),
    )


def _svg(found: Timeline, style: str = "") -> str:
    from markupsafe import Markup

    return template("timeline.svg.j2").render(
        picture=picture(found),
        said=headline(found.record),
        longest=found.longest[:3],
        width=WIDTH,
        left=LEFT,
        style=Markup(style),
    )
