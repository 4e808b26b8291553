# Copyright (c) 2026, the Strata maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The JSON Schema that editors complete from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.schema import json_schema, rendered
from ansible_collections.strata.kvm_docker.plugins.module_utils.declare.yaml_file import read_yaml

REPOSITORY = Path(__file__).parents[3]
COMMITTED = REPOSITORY / "schema" / "environment.schema.json"
DECLARATIONS = sorted(REPOSITORY.glob("inventories/**/*.environment.yml"))


def test_the_committed_schema_is_the_one_of_the_model() -> None:
    assert json.loads(COMMITTED.read_text()) == json.loads(rendered()), (
        "write it anew, as the docstring of declare/schema.py says"
    )


def objects(schema: Any) -> list[dict[str, Any]]:
    """Every schema of a mapping with fixed keys."""
    if isinstance(schema, list):
        return [found for item in schema for found in objects(item)]
    if not isinstance(schema, dict):
        return []
    return [schema] * ("properties" in schema) + [found for item in schema.values() for found in objects(item)]


def test_every_key_has_a_description_and_no_mapping_takes_unknown_ones() -> None:
    for found in objects(json_schema()):
        assert found["additionalProperties"] is False
        assert [key for key, value in found["properties"].items() if not value.get("description")] == []


def test_the_schema_is_of_what_a_person_writes() -> None:
    schema = json_schema()
    assert schema["required"] == ["plugin", "name"]
    assert schema["properties"]["plugin"]["const"] == "strata.kvm_docker.environment"
    assert "folder" not in schema["properties"]
    assert "name" not in schema["$defs"]["Guest"]["properties"]
    kinds = [choice["type"] for choice in schema["$defs"]["Guest"]["properties"]["compose"]["anyOf"]]
    assert kinds == ["string", "array"]


@pytest.mark.parametrize("file", DECLARATIONS, ids=lambda file: file.name)
def test_our_declarations_fit_the_schema(file: Path) -> None:
    yaml, _ = read_yaml(file)
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads(json.dumps(yaml.tree)))
