"""RDF canonicalization (RDFC-1.0) of a JSON-LD document, by PyLD, which is an optional extra.

PyLD gets contexts from the table alone. What JSON-LD would drop or round without a word is refused
first: nothing may stand in a document that its signature does not cover. Clauses WC-15 and WC-16
of specs/w3c-profile.md; specs/decisions/0008 says why PyLD.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from weid import limits
from weid.encoding import JsonObject, JsonValue, json_canonical
from weid.errors import MalformedError, UnsupportedAlgorithmError
from weid.w3c.terms import Contexts
from weid.w3c.vocabulary import NAMESPACES

_MOST_ALIKE: Final = 4
"""Nameless objects that look alike: telling n of them apart costs n! steps."""
_MOST_NAMELESS: Final = 64
_TERM: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|<[^>]*>|_:\w+')
"""What stands in a line of N-Quads: text, an IRI, or the label of a nameless object."""
_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
"""A language as BCP 47 writes it."""
_BREAKS: Final = re.compile(r'[\s<>"{}|\\^`\x00-\x20]')
"""What no IRI has: PyLD drops a term with a blank, and writes the others out as they are."""
_NAMES: Final = frozenset({"id", "type", "@type"})
"""Members whose values are names of things, as member names are."""
_OPTION: Final = "the extra 'w3c' (PyLD) is not installed"


class CanonicalizationMissingError(UnsupportedAlgorithmError):
    """The library for RDF canonicalization is not installed: nothing is known of the proof."""


def canonical_rdf(document: JsonObject, contexts: Contexts) -> bytes:
    """Return the canonical N-Quads of a document.

    Raises:
        MalformedError: a value that RDF would drop or round, or one made to be slow.
        CanonicalizationMissingError: PyLD is not installed.
    """
    _check(document, contexts)
    try:
        from pyld import jsonld  # noqa: PLC0415 - an optional extra, and slow to import
    except ImportError:
        raise CanonicalizationMissingError(_OPTION) from None

    def load(url: str, options: object = None) -> dict[str, Any]:
        del options
        return {
            "contextUrl": None,
            "documentUrl": url,
            "document": contexts.document(url),
            "contentType": "application/ld+json",
        }

    options = {"format": "application/n-quads", "documentLoader": load}
    try:
        _check_alike(str(jsonld.to_rdf(document, options)))
        text = jsonld.normalize(document, {"algorithm": "URDNA2015", **options})
    except (jsonld.JsonLdError, RecursionError):
        raise MalformedError("the document has no canonical RDF") from None
    return str(text).encode("utf-8")


def _check(document: JsonObject, contexts: Contexts) -> None:
    del contexts
    described = Counter(_described(document))
    if max(described.values(), default=0) > 1:
        raise MalformedError("the document describes one thing in two places, which RDF joins")
    nameless: Counter[bytes] = Counter()
    _walk({name: value for name, value in document.items() if name != "@context"}, nameless)
    if nameless.total() > _MOST_NAMELESS or max(nameless.values(), default=0) > _MOST_ALIKE:
        raise MalformedError("the document has too many nameless objects that look alike")


def _described(value: JsonValue) -> Iterator[str]:
    """Yield the id of each object that says something of it."""
    if isinstance(value, dict):
        if len(value) > 1 and isinstance(value.get("id"), str):
            yield str(value["id"])
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _described(each)


def _walk(value: JsonValue, nameless: Counter[bytes]) -> None:
    if isinstance(value, dict):
        _refuse_empty(value)
        _check_names(value)
        if "id" not in value and "@value" not in value:
            nameless[_likeness(value)] += 1
        for each in value.values():
            _walk(each, nameless)
    elif isinstance(value, list):
        _refuse_empty(value)
        for each in value:
            if isinstance(each, list):
                raise MalformedError("the document has a list within a list, which RDF flattens")
            _walk(each, nameless)
    elif value is None or isinstance(value, float):
        raise MalformedError("the document has a null or a fraction, which RDF drops or rounds")
    elif isinstance(value, int) and abs(value) > limits.SAFE_INTEGER:
        raise MalformedError("the document has a number that RDF rounds")


def _check_names(node: JsonObject) -> None:
    """Refuse what would not reach the signed text, or would reach it as further statements."""
    named: list[JsonValue] = []
    for member in _NAMES & node.keys():
        found = node[member]
        named += found if isinstance(found, list) else [found]
    # A keyword, or what looks like one, is no name: as a type it would be dropped.
    texts = [name if name[:1] != "@" else " " for name in named if isinstance(name, str)]
    if any(_BREAKS.search(name) for name in (*node, *texts)):
        raise MalformedError("the document has a name with a character that RDF does not take")
    if any(":" in name for name in node) or any(name.startswith(NAMESPACES) for name in texts):
        raise MalformedError("the document spells a name out, for which RDF knows a term")
    if "@direction" in node:
        raise MalformedError("the document has a direction of writing, which RDF drops")
    language = node.get("@language", "en")
    if not isinstance(language, str) or _LANGUAGE.fullmatch(language) is None:
        raise MalformedError("the document has a language that is not one of BCP 47")


def _check_alike(quads: str) -> None:
    """Refuse nameless objects that are alike to RDF, however differently JSON spells them.

    Alike is what the canonicalization cannot tell apart at first sight (RDFC-1.0 section 4.6): of
    these alone it tries every order.
    """
    seen: defaultdict[str, list[str]] = defaultdict(list)
    for line in sorted(set(quads.split("\n"))):
        for label in {term for term in _TERM.findall(line) if term.startswith("_:")}:
            seen[label].append(_TERM.sub(partial(_masked, own=label), line))
    alike = Counter("\n".join(sorted(lines)) for lines in seen.values())
    if alike.total() > _MOST_NAMELESS or max(alike.values(), default=0) > _MOST_ALIKE:
        raise MalformedError("the document has too many nameless objects that look alike")


def _masked(found: re.Match[str], own: str) -> str:
    term = found[0]
    if not term.startswith("_:"):
        return term
    return "_:a" if term == own else "_:z"


def _refuse_empty(value: JsonObject | list[JsonValue]) -> None:
    if not value:
        raise MalformedError("the document has an empty list or object, which RDF drops")


def _likeness(node: JsonObject) -> bytes:
    """Return what a nameless object looks like from outside: what it holds is a blank to others."""
    return json_canonical(
        {name: "_" if _holds_nameless(value) else value for name, value in node.items()}
    )


def _holds_nameless(value: JsonValue) -> bool:
    if isinstance(value, list):
        return any(_holds_nameless(each) for each in value)
    return isinstance(value, dict) and "id" not in value and "@value" not in value
