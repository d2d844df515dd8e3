"""What governance decided of nodes, rules and engine, in words for people; see `labels`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from registry_chain.node.explorer.sentences import Sentence, Telling, Term, path_of_node, said
from weid.registry.node_operations import (
    AdmitNode,
    AssignOperator,
    ChangeNode,
    HandOver,
    ReinstateNode,
    RemoveNode,
    RotateNodeKeys,
    ScheduleRules,
    SuspendNode,
)


def _admit(o: AdmitNode, t: Telling) -> Sentence:
    return said(
        "{actor} admitted node {name} as {role}",
        actor=t.actor,
        name=Term(o.name, path_of_node(o.node_id)),
        role=Term(o.role.value, word=True),
    )


def _about(text: str) -> Callable[[Any, Telling], Sentence]:
    return lambda o, t: said(text, actor=t.actor, node=t.node(o.node_id))


def _assign(o: AssignOperator, t: Telling) -> Sentence:
    node = t.node(o.node_id)
    if not o.operator:
        return said("{actor} took its operator from node {node}", actor=t.actor, node=node)
    text = "{actor} made {operator} the operator of node {node}"
    return said(text, actor=t.actor, operator=t.who(o.operator), node=node)


def _schedule(o: ScheduleRules, t: Telling) -> Sentence:
    if o.height == 0:
        text = "{actor} took back the version of the rules that was scheduled"
    else:
        text = "{actor} scheduled version {version} of the rules from height {height} on"
    version, height = Term(str(o.rules_version)), Term(str(o.height))
    return said(text, actor=t.actor, version=version, height=height)


def _hand_over(o: HandOver, t: Telling) -> Sentence:
    text = "{actor} handed the chain over to the engine {engine}"
    return said(text, actor=t.actor, engine=Term(o.engine.value))


NODE_LABELS: Final[dict[type[Any], Callable[[Any, Telling], Sentence]]] = {
    AdmitNode: _admit,
    ChangeNode: _about("{actor} changed node {node}"),
    SuspendNode: _about("{actor} suspended node {node}"),
    ReinstateNode: _about("{actor} reinstated node {node}"),
    RemoveNode: _about("{actor} removed node {node} for ever"),
    RotateNodeKeys: _about("{actor} replaced the keys of node {node}"),
    AssignOperator: _assign,
    ScheduleRules: _schedule,
    HandOver: _hand_over,
}
"""Operation → what tells of it."""

NODE_PROPOSED: Final[dict[type[Any], str]] = {
    AdmitNode: "{actor} proposed to admit node {name} as {role}",
    ChangeNode: "{actor} proposed to change node {node}",
    SuspendNode: "{actor} proposed to suspend node {node}",
    ReinstateNode: "{actor} proposed to reinstate node {node}",
    RemoveNode: "{actor} proposed to remove node {node} for ever",
    RotateNodeKeys: "{actor} proposed to replace the keys of node {node}",
    AssignOperator: "{actor} proposed another operator for node {node}",
    ScheduleRules: "{actor} proposed version {version} of the rules from height {height} on",
    HandOver: "{actor} proposed to hand the chain over to the engine {engine}",
}
"""Governed action → the sentence that tells of its proposal."""
