"""Sentences about what happened, as values: English text with named places, and who stands there.

What stands in a place is a `Term`: text and, where there is a page about it, where that page is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Term:
    """What stands in a place of a sentence; `href` is a path on this node or None.

    `word` tells that the text is one of ours, which is translated; names are not.
    """

    text: str
    href: str | None = None
    word: bool = False


@dataclass(frozen=True, slots=True)
class Sentence:
    """English text with `{names}` in it, and what stands there."""

    text: str
    terms: dict[str, Term]

    def plain(self) -> str:
        """Return the sentence in English, without links."""
        return self.text.format(**{name: term.text for name, term in self.terms.items()})


class Names(Protocol):
    """What gives a DID its confirmed display name, and a node its name."""

    def name_of(self, did: str) -> str | None:
        """Return the display name, or None where there is none."""
        ...

    def node_name_of(self, node_id: bytes) -> str | None:
        """Return the name under which governance knows a node, or None where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Telling:
    """What a sentence is told with: who acted, and how DIDs and nodes are called."""

    author: str
    names: Names

    def who(self, did: str) -> Term:
        """Return a DID under its name, linked to its page."""
        return Term(self.names.name_of(did) or short_did(did), path_of_did(did))

    def node(self, node_id: bytes) -> Term:
        """Return a node under its name and id, linked to where it is told of.

        Two nodes may have one name: the id says which is meant.
        """
        name = self.names.node_name_of(node_id)
        short = short_hex(node_id)
        return Term(f"{name} ({short})" if name else short, path_of_node(node_id))

    @property
    def actor(self) -> Term:
        """Who sent the transaction."""
        return self.who(self.author)


def short_did(did: str) -> str:
    """Return a DID short enough for a sentence; its page has all of it."""
    return did if len(did) <= 34 else f"{did[:22]}…{did[-6:]}"


def short_hex(data: bytes) -> str:
    """Return the beginning of a hash or id in hexadecimal, the form in which people see them."""
    return f"{data.hex()[:12]}…"


def path_of_did(did: str) -> str:
    """Return the path of a DID's page."""
    return f"/dids/{quote(did, safe=':')}"


def path_of_template(cpt_id: str, version: int) -> str:
    """Return the path of a template version's page."""
    return f"/templates/{quote(cpt_id, safe='')}/{version}"


def path_of_policy(policy_id: str, version: int) -> str:
    """Return the path of a policy version's page."""
    return f"/policies/{quote(policy_id, safe='')}/{version}"


def path_of_proposal(proposal_id: bytes) -> str:
    """Return the path of a proposal's page."""
    return f"/governance/{proposal_id.hex()}"


def path_of_node(node_id: bytes) -> str:
    """Return where the page of nodes tells of this one."""
    return f"/nodes#{node_id.hex()}"


def said(text: str, **terms: Term) -> Sentence:
    """Return a sentence with what stands in its places."""
    return Sentence(text, terms)
