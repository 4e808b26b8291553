# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A comparison as one page of HTML that needs nothing else: no other file, no network.

Every value is escaped; and should that ever fail, the page's own policy runs no script but the one that is in it.
"""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING

from ansible_collections.strata.kvm_docker.cli.formats.tree import rows
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Comparison, planes_told
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.text import verdict_in_words
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.words import plain
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.rules import Rules

if TYPE_CHECKING:
    from jinja2 import Template


def page(comparison: Comparison, rules: Rules) -> str:
    """The page; half surrogates, which no file of UTF-8 can hold, are written out."""
    from markupsafe import Markup

    style, script = file_text("page.css"), file_text("page.js")
    return template("page.html.j2").render(
        comparison=comparison,
        said=verdict_in_words(comparison),
        planes=planes_told(comparison),
        rules={rule.number: rule for rule in rules.rules},
        rows=rows(comparison),
        style=Markup(style),
        style_hash=policy_hash(style),
        script=Markup(script),
        script_hash=policy_hash(script),
    )


def template(name: str) -> Template:
    """The template of that name; it escapes every value, and its filter ``plain`` shows what nobody can see."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["plain"] = plain
    return environment.from_string(file_text(name))


def file_text(name: str) -> str:
    """The file of that name beside this one."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def policy_hash(text: str) -> str:
    """As a policy names a script or style that may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
