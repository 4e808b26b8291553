#!/usr/bin/python
# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Front end of fingerprints: takes one, writes it to a file, compares it with an earlier one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fingerprint
short_description: Take the fingerprint of an environment, and compare it with an earlier one
version_added: 0.1.0
author:
  - The Strata maintainers (@strata)
description:
  - Looks at all that an environment is (its declaration and lock, networks, guests, engines, containers, and what
    runs in them) and makes one hash of it. Two environments with the same hash are the same, as far as the level looks.
  - What differs although nothing does, such as times and process ids, is taken out by numbered rules.
  - It changes nothing of the environment. Secrets are in it as keyed digests only.
extends_documentation_fragment:
  - strata.kvm_docker.attributes
  - strata.kvm_docker.attributes.platform
  - strata.kvm_docker.attributes.state_folder
  - strata.kvm_docker.declaration
attributes:
  check_mode:
    support: full
    details: The fingerprint is taken, and O(dest) is not written.
  diff_mode:
    support: none
  idempotent:
    support: full
    details: O(dest) is left alone where the file there has the same root, and lacks nothing that this one has.
options:
  level:
    description:
      - How deep it looks. V(1) at the declaration and the lock, V(2) also at definitions, V(3) also at what runs and at
        packages, V(4) also at every file of guests, layers and volumes, V(5) also whether artifacts are equal bit by
        bit.
      - Fingerprints of two levels cannot be compared.
    type: int
    choices: [1, 2, 3, 4, 5]
    default: 3
  key:
    description:
      - Path of a file with the key that secrets are sealed with, on the machine that the module runs on.
      - Two environments can be compared in their secrets where both were taken with the same key. Without it, that of
        the state folder is used, and made where there is none, in check mode too.
    type: path
  dest:
    description:
      - Path of a file to write the fingerprint to, readable by its owner only.
    type: path
  compare_with:
    description:
      - Path of the file of an earlier fingerprint that this one is compared with.
    type: path
  expect:
    description:
      - The module fails where the verdict is another one. V(EQUIVALENT) is satisfied by V(IDENTICAL) too.
      - Needs O(compare_with).
    type: str
    choices: [IDENTICAL, EQUIVALENT]
seealso:
  - module: strata.kvm_docker.drift
"""

EXAMPLES = r"""
- name: Keep the fingerprint of an environment that is known to be good
  strata.kvm_docker.fingerprint:
    declaration: /srv/two_hosts/two_hosts.environment.yml
    dest: /srv/two_hosts/good.fingerprint.json

- name: End a pipeline where the environment is not what it was
  strata.kvm_docker.fingerprint:
    declaration: /srv/two_hosts/two_hosts.environment.yml
    compare_with: /srv/two_hosts/good.fingerprint.json
    expect: IDENTICAL
"""

RETURN = r"""
environment:
  description: Name of the environment.
  returned: success, and where the verdict is not as expected
  type: str
  sample: two_hosts
root:
  description: The one hash of all that counts.
  returned: success, and where the verdict is not as expected
  type: str
  sample: 745caf1a9cbc2acfee9b7254e6cb988f377015062bec7411c1af0296a5bff300
planes:
  description: Hash of each plane, by its name.
  returned: success, and where the verdict is not as expected
  type: dict
  sample:
    intent: 10d08e5316292bdcfdcf0a9114ccbccd6f61787ceb1c4834263b9fccf43ce5d6
level:
  description: How deep it looked.
  returned: success, and where the verdict is not as expected
  type: int
  sample: 3
verdict:
  description:
    - V(IDENTICAL), V(EQUIVALENT) (only names and addresses differ), V(DIFFERENT), V(INCOMPLETE) (nothing differs, and
      not all was looked at), V(INCOMPARABLE) or V(UNSETTLED).
  returned: when O(compare_with) is given
  type: str
  sample: DIFFERENT
differences:
  description: Leaves that differ, 1000 at most.
  returned: when O(compare_with) is given
  type: list
  elements: dict
  contains:
    path:
      description: Path of the leaf.
      type: str
      sample: containers/apps/apps-app-1/State/Status
    kind:
      description: V(added), V(removed) or V(changed).
      type: str
      sample: changed
    before:
      description: Value in the earlier fingerprint; V((secret\)) for a secret.
      type: raw
      sample: running
    after:
      description: Value now.
      type: raw
      sample: exited
    plane:
      description: Plane of the leaf.
      type: str
      sample: runtime
    cause:
      description: What most likely made it differ.
      type: str
      sample: the container was started, stopped, paused or turned unhealthy
differences_total:
  description: How many leaves differ.
  returned: when O(compare_with) is given
  type: int
  sample: 1
missing:
  description: What could not be looked at, and why.
  returned: success, and where the verdict is not as expected
  type: list
  elements: str
unknown:
  description: Paths of leaves that no schema and no rule knows.
  returned: success, and where the verdict is not as expected
  type: list
  elements: str
moving:
  description: Paths of leaves that changed while the fingerprint was taken.
  returned: success, and where the verdict is not as expected
  type: list
  elements: str
table:
  description: The fingerprint, or the comparison, as lines for a person.
  returned: success, and where the verdict is not as expected
  type: list
  elements: str
problems:
  description: Mistakes in the declaration, each with file, line, path and message.
  returned: when the declaration cannot be used
  type: list
  elements: dict
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.strata.kvm_docker.plugins.module_utils.environment_options import DECLARATION
from ansible_collections.strata.kvm_docker.plugins.module_utils.folders import Folders
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.compare import Verdict, compare
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.fingerprint import (
    Fingerprint,
    read_fingerprint,
    refuse_same_file,
    write_anew,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.data import difference_data
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.report.text import (
    comparison_lines,
    fingerprint_lines,
)
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.ruleset import RULES
from ansible_collections.strata.kvm_docker.plugins.module_utils.identity.take import take
from ansible_collections.strata.kvm_docker.plugins.module_utils.progress import Progress
from ansible_collections.strata.kvm_docker.plugins.module_utils.result import answer

ARGUMENT_SPEC: dict[str, dict[str, Any]] = {
    **DECLARATION,
    "level": {"type": "int", "choices": [1, 2, 3, 4, 5], "default": 3},
    "key": {"type": "path", "no_log": False},
    "dest": {"type": "path"},
    "compare_with": {"type": "path"},
    "expect": {"type": "str", "choices": ["IDENTICAL", "EQUIVALENT"]},
}
MOST = 1000


def taken(params: dict[str, Any], check: bool) -> dict[str, Any]:
    """The module's result; with *check* nothing is written."""
    refuse_same_file(params["dest"], params["compare_with"])
    before = read_fingerprint(Path(params["compare_with"])) if params["compare_with"] else None
    key = Path(params["key"]) if params["key"] else None
    found = take(Path(params["declaration"]), Folders.of(params["state_folder"]), params["level"], Progress(), key)
    changed = bool(params["dest"]) and write_anew(Path(params["dest"]), found, check)
    return {"changed": changed, **_told(found), **(_compared(before, found) if before else {})}


def _told(found: Fingerprint) -> dict[str, Any]:
    return {
        "environment": found.environment,
        "root": found.root,
        "planes": dict(found.planes),
        "level": found.level,
        "missing": list(found.missing),
        "unknown": list(found.unknown),
        "moving": list(found.moving),
        "table": fingerprint_lines(found),
    }


def _compared(before: Fingerprint, found: Fingerprint) -> dict[str, Any]:
    comparison = compare(before, found)
    return {
        "verdict": comparison.verdict.value,
        "differences": difference_data(comparison.differences[:MOST]),
        "differences_total": len(comparison.differences),
        "table": comparison_lines(comparison, RULES),
    }


def as_expected(result: dict[str, Any], expect: str | None) -> bool:
    """Whether the verdict in *result* is the one that was asked for."""
    return expect is None or Verdict(result["verdict"]).satisfies(Verdict(expect))


def main() -> None:
    module = AnsibleModule(ARGUMENT_SPEC, supports_check_mode=True, required_by={"expect": ("compare_with",)})

    def work() -> dict[str, Any]:
        result = taken(module.params, module.check_mode)
        if not as_expected(result, module.params["expect"]):
            wanted = f"{result['environment']} is not {module.params['expect']}:"
            module.fail_json(msg="\n".join([wanted, *result["table"]]), **result)
        return result

    answer(module, work)


if __name__ == "__main__":
    main()
