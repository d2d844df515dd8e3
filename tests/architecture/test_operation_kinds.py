"""A new operation kind stands everywhere it must: this table says where, and what is missing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from registry_chain.node.explorer.labels import _LABELS
from registry_chain.state_machine.permissions import PERMISSIONS
from registry_chain.state_machine.rules.table import RULES
from weid.registry.operations import KINDS

ROOT = Path(__file__).parents[2]
SPEC = (ROOT / "specs" / "registry-operations.md").read_text(encoding="utf-8")
VECTORS = json.loads((ROOT / "specs" / "vectors" / "registry" / "transactions.json").read_text())
PLACES = {
    "a rule in every version of the rules": lambda kind: all(kind in rules for rules in RULES.values()),
    "a row in the permissions": lambda kind: kind in PERMISSIONS,
    "a label in the explorer": lambda kind: kind in _LABELS,
    "a clause in the specification": lambda kind: f"`{kind.__name__}`" in SPEC,
    "a vector": lambda kind: any(
        case["kind"] == kind.__name__ for case in VECTORS["transactions"]
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_an_operation_kind_is_listed_everywhere(kind):
    assert [place for place, has in PLACES.items() if not has(kind)] == []


def test_a_number_means_one_kind():
    assert len(set(KINDS.values())) == len(KINDS)
