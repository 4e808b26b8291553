# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A timeline as data for other programs. No I/O."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from .timeline import Timeline


def timeline_data(found: Timeline) -> dict[str, Any]:
    """In JSON's types; all times are seconds since the run began."""
    record = found.record
    return {
        "environment": record.environment,
        "state": record.state,
        "began": record.began.isoformat(),
        "seconds": record.seconds,
        "ended": record.ended,
        "spans": [{**asdict(span), "lane": span.lane, "layer": span.layer} for span in found.spans],
        "critical_path": [asdict(piece) for piece in found.path],
        "layers": [asdict(total) for total in found.layers],
        "longest": [{"what": what, "seconds": seconds} for what, seconds in found.longest],
    }
