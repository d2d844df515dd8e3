"""RDF canonicalization (RDFC-1.0) of a JSON-LD document, by PyLD, which is an optional extra.

PyLD gets contexts from the table alone. What JSON-LD would drop or round without a word is refused
first: nothing may stand in a document that its signature does not cover. Clauses WC-15 and WC-16
of specs/w3c-profile.md; specs/decisions/0008 says why PyLD.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from weid import limits
from weid.encoding import JsonObject, JsonValue, json_canonical
from weid.errors import MalformedError, UnsupportedAlgorithmError
from weid.w3c.terms import Contexts

_MOST_ALIKE: Final = 4
"""Nameless objects that look alike: telling n of them apart costs n! steps."""
_MOST_NAMELESS: Final = 64
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

    try:
        text = jsonld.normalize(
            document,
            {
                "algorithm": "URDNA2015",
                "format": "application/n-quads",
                "documentLoader": load,
            },
        )
    except (jsonld.JsonLdError, RecursionError):
        raise MalformedError("the document has no canonical RDF") from None
    return str(text).encode("utf-8")


def _check(document: JsonObject, contexts: Contexts) -> None:
    del contexts
    nameless: Counter[bytes] = Counter()
    _walk({name: value for name, value in document.items() if name != "@context"}, nameless)
    if nameless.total() > _MOST_NAMELESS or max(nameless.values(), default=0) > _MOST_ALIKE:
        raise MalformedError("the document has too many nameless objects that look alike")


def _walk(value: JsonValue, nameless: Counter[bytes]) -> None:
    if isinstance(value, dict):
        _refuse_empty(value)
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
