# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module whose options may hold secrets: it tells none of them, however it ends and whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .masking import mask_of
from .plan.model import MASK


class QuietModule(AnsibleModule):
    """Of options that are mappings its result has the keys only, of the others what does not look like a secret.

    Options that it does not know are hidden too: they may be misspelt. Nothing of it goes to the system's log:
    AnsibleModule's own ``no_log`` is overwritten by the task's.
    """

    def exit_json(self, **result: Any) -> None:
        super().exit_json(invocation=self._invocation(), **result)

    def fail_json(self, msg: str, **result: Any) -> None:
        super().fail_json(mask_of(self.params)(msg), invocation=self._invocation(), **result)

    def log(self, msg: str, log_args: Mapping[str, Any] | None = None) -> None:
        """Nothing: what would be logged is the invocation."""

    def _invocation(self) -> dict[str, Any]:
        mask = mask_of(self.params)
        plain = {option for option, spec in self.argument_spec.items() if spec.get("type") != "dict"}
        shown = {option: value if option in plain else _keys(value) for option, value in self.params.items()}
        return {"module_args": mask.data(shown)}


def _keys(value: Any) -> Any:
    """The keys of a mapping; what was written in place of one may be a secret as a whole."""
    return sorted(map(str, value)) if isinstance(value, Mapping) else value and MASK
