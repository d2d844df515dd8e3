"""The operators' handbook is held to the node: its metrics, its alerts, its faults, its ports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from registry_chain.engines.cometbft import data_folder
from registry_chain.engines.cometbft.consensus import BLOCKS_KEPT
from registry_chain.engines.cometbft.endings import KNOWN_REASONS
from registry_chain.engines.cometbft.network import (
    API_PORT,
    MEASURES_BEHIND_RPC,
    P2P_PORT,
    RPC_PORT,
)
from registry_chain.engines.cometbft.snapshot_schedule import EVERY
from registry_chain.node import gauges, metrics
from registry_chain.node.metrics import Metric
from tests.support.clauses import clause
from weid.registry.proved_reader import MAX_HEAD_AGE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
ALERTS = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text(encoding="utf-8"))
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
METRICS = {
    value.name: value
    for module in (metrics, gauges)
    for value in vars(module).values()
    if isinstance(value, Metric)
}
_NAME = re.compile(r"\bweid_[a-z_]+\b")


def section(heading):
    return PAGE.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


@clause("NA-14")
def test_every_metric_is_explained_and_every_one_that_is_explained_is_there():
    named = set(_NAME.findall(section("Monitoring")))
    assert named == set(METRICS)


@clause("NA-14")
@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_asks_for_metrics_that_there_are(rule):
    named = set(_NAME.findall(rule["expr"]))
    assert named <= set(METRICS)
    assert named or rule["expr"].startswith("up{")
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"]
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["expr"].count("(") == rule["expr"].count(")")
    if "for" in rule:
        assert re.fullmatch(r"[0-9]+[mh]", rule["for"])


def test_alerts_have_one_name_each_and_those_of_the_page_are_among_them():
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names))
    assert set(re.findall(r"\bWeid[A-Z][A-Za-z]+\b", PAGE)) <= set(names)


def test_the_alert_for_an_old_head_is_that_of_the_clients():
    rule = next(rule for rule in RULES if rule["alert"] == "WeidNoBlocks")
    assert rule["expr"].split()[-1] == str(MAX_HEAD_AGE)


def test_counters_end_in_total_and_gauges_do_not():
    for name, metric in METRICS.items():
        assert name.endswith("_total") == (metric.kind == "counter"), name


@pytest.mark.parametrize(
    "reason",
    [
        "the disk is full",
        "this node's state is not the one that the network agreed on",
        "the registry's store is damaged",
        "the registry's store was taken back",
        "CometBFT's files are damaged",
        "the record of what this validator has signed cannot be read",
        "this validator's key has signed elsewhere",
    ],
)
def test_a_reason_in_the_table_of_faults_is_one_that_the_supervisor_gives(reason):
    assert f"`{reason}`" in section("Faults")
    assert reason in {known.reason for known in KNOWN_REASONS}


def test_ports_and_counts_are_those_of_the_code():
    table = section("A network of many")
    for port in (P2P_PORT, RPC_PORT, RPC_PORT + MEASURES_BEHIND_RPC, API_PORT):
        assert f"| {port} | " in table
    assert f"the last {BLOCKS_KEPT:,} blocks only" in section("Joining")
    assert f"a snapshot each {EVERY:,} blocks" in section("Joining")
    assert data_folder.SIGNED in section("Backup of the registry")


def test_headings_that_the_page_links_to_are_there():
    headings = {
        re.sub(r"[^a-z0-9-]", "", line[3:].lower().replace(" ", "-"))
        for line in PAGE.splitlines()
        if line.startswith("## ")
    }
    assert set(re.findall(r"\]\(#([a-z-]+)\)", PAGE)) <= headings
