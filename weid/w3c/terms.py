"""Which terms of a document have a meaning: the contexts judge each, unmapped ones are refused.

eddsa-jcs-2022 signs the JSON and does no JSON-LD processing; eddsa-rdfc-2022 drops what no context
defines, so that it would not be signed. Hence the same judgement for every way of signing: each
member must be defined where it stands, by type-scoped and property-scoped contexts (JSON-LD 1.1
clauses 4.1.8, 4.1.9), and each identifier be absolute. Clauses WC-01 … WC-05 of
specs/w3c-profile.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from weid.credential.credential_type import CredentialType
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError
from weid.w3c.vocabulary import CONTEXTS, CREDENTIALS

ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x20]+")
"""An absolute IRI, as far as it matters here: a scheme, and no character that ends one."""
_KEYWORD: Final = re.compile(r"@[A-Za-z]+")
_VALUE_MEMBERS: Final = frozenset({"@value", "@language", "@direction", "@type"})
_IN_A_CONTEXT: Final = frozenset({"@vocab", "@protected"})
_MOST_CONTEXTS: Final = 8


@dataclass(frozen=True, slots=True)
class _Scope:
    """The definitions in force at a place: terms, and the vocabulary of all others."""

    terms: Mapping[str, JsonValue] = field(default_factory=dict)
    vocabulary: str | None = None

    def defines(self, name: str) -> bool:
        return self.terms.get(name) is not None


class Contexts:
    """A table of contexts by URL; what is not in it is refused, and nothing is fetched.

    Beside those of the table a document may name one object `{"@vocab": "<type>#"}` where the type
    is that of a template: it gives the template's claims their meaning.
    """

    def __init__(self, table: Mapping[str, JsonObject] = CONTEXTS) -> None:
        self._table = dict(table)

    def document(self, url: str) -> JsonObject:
        """Return the context document of a URL.

        Raises:
            MalformedError: it is not one that is known here.
        """
        found = self._table.get(url)
        if found is None:
            raise MalformedError(
                f"the context {url[:200]} is not one that is known here",
                hint="Contexts are built in and never fetched.",
            )
        return found

    def check(self, document: JsonObject, *, what: str) -> None:
        """Require that every term of a document (without its proofs) is defined where it stands.

        At the top a term counts only if a context names it: a vocabulary that takes every term
        would let anyone who writes a document invent properties of the data model.

        Raises:
            MalformedError: a context that is not known here, a term without a meaning, a relative
                identifier, a JSON-LD keyword outside its place.
        """
        scope = self._scope_of(document.get("@context"), what)
        body = {name: value for name, value in document.items() if name != "@context"}
        _Judge(self, what).node(body, scope, top=True)

    def _scope_of(self, value: JsonValue, what: str) -> _Scope:
        check_contexts(value, what=what)
        return self.extend(_Scope(), value)

    def extend(self, scope: _Scope, context: JsonValue) -> _Scope:
        """Return a scope with a context (or a list of them) put on top."""
        if context is None:
            return _Scope()
        if isinstance(context, list):
            for each in context:
                scope = self.extend(scope, each)
            return scope
        if isinstance(context, str):
            return self.extend(scope, self.document(context)["@context"])
        if not isinstance(context, dict):
            raise MalformedError("a context is neither a URL nor an object")
        return _with_terms(scope, context)


def _with_terms(scope: _Scope, context: JsonObject) -> _Scope:
    terms = dict(scope.terms)
    vocabulary = scope.vocabulary
    for name, definition in context.items():
        if name == "@vocab":
            vocabulary = None if definition is None else str(definition)
        elif name not in _IN_A_CONTEXT:
            terms[name] = definition
    return _Scope(terms, vocabulary)


def check_contexts(value: JsonValue, *, what: str) -> None:
    """Require an ordered set of contexts that begins with that of VCDM 2.0 (its clause 4.3).

    Raises:
        MalformedError: another form, another first context, one twice, or an object that is not
            the vocabulary of a template.
    """
    if not isinstance(value, list) or not value or value[0] != CREDENTIALS:
        raise MalformedError(f"@context of {what} is not a list that begins with {CREDENTIALS}")
    if len(value) > _MOST_CONTEXTS:
        raise MalformedError(f"@context of {what} has more than {_MOST_CONTEXTS} entries")
    urls = [each for each in value if isinstance(each, str)]
    if len(set(urls)) != len(urls):
        raise MalformedError(f"@context of {what} has an entry twice")
    objects = [each for each in value if not isinstance(each, str)]
    if len(objects) > 1 or not all(_is_template_vocabulary(each) for each in objects):
        raise MalformedError(
            f"@context of {what} has an object that is not the vocabulary of a template"
        )


def template_vocabulary(vct: str) -> JsonObject:
    """Return the context that gives the claims of a template their meaning."""
    return {"@vocab": f"{vct}#"}


def _is_template_vocabulary(value: JsonValue) -> bool:
    if not isinstance(value, dict) or set(value) != {"@vocab"}:
        return False
    vocabulary = value["@vocab"]
    if not isinstance(vocabulary, str) or not vocabulary.endswith("#"):
        return False
    try:
        CredentialType.parse(vocabulary[:-1])
    except MalformedError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Judge:
    """Walks one document."""

    contexts: Contexts
    what: str

    def node(self, node: JsonObject, scope: _Scope, *, top: bool = False) -> None:
        if "@value" in node:
            self._value_object(node)
            return
        inside = self._by_type(node, scope)
        for name, value in node.items():
            definition = self._definition(name, inside, top=top)
            self._member(name, value, definition, scope)

    def _by_type(self, node: JsonObject, scope: _Scope) -> _Scope:
        """Return the scope within a node: its types may bring contexts along."""
        types = node.get("type", [])
        named = [types] if isinstance(types, str) else types
        if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
            raise MalformedError(f"a type in {self.what} is not text")
        inside = scope
        for each in sorted(str(name) for name in named):
            definition = scope.terms.get(each)
            known = definition is not None or scope.vocabulary is not None
            if not known and ABSOLUTE.fullmatch(each) is None:
                raise MalformedError(f"the type {each[:100]!r} of {self.what} is not defined")
            if isinstance(definition, dict) and "@context" in definition:
                inside = self.contexts.extend(inside, definition["@context"])
        return inside

    def _definition(self, name: str, scope: _Scope, *, top: bool) -> JsonValue:
        if _KEYWORD.match(name):
            raise MalformedError(f"{self.what} has {name[:100]!r} where it has no place")
        if scope.defines(name):
            return scope.terms[name]
        if ABSOLUTE.fullmatch(name) is not None and not top:
            return {"@id": name}
        if top or scope.vocabulary is None or ":" in name:
            raise MalformedError(f"the term {name[:100]!r} of {self.what} is not defined")
        return {"@id": scope.vocabulary + name}

    def _member(self, name: str, value: JsonValue, definition: JsonValue, scope: _Scope) -> None:
        if definition == "@type":
            return
        if definition == "@id":
            self._identifier(name, value)
            return
        kind = definition.get("@type") if isinstance(definition, dict) else None
        if kind == "@json":
            return
        if isinstance(definition, dict) and "@context" in definition:
            scope = self.contexts.extend(scope, definition["@context"])
        self._value(name, value, kind, scope)

    def _value(self, name: str, value: JsonValue, kind: JsonValue, scope: _Scope) -> None:
        if isinstance(value, list):
            for each in value:
                self._value(name, each, kind, scope)
        elif isinstance(value, dict):
            self.node(value, scope)
        elif kind == "@id":
            self._identifier(name, value)

    def _identifier(self, name: str, value: JsonValue) -> None:
        if not isinstance(value, str) or ABSOLUTE.fullmatch(value) is None:
            raise MalformedError(f"{name[:100]} of {self.what} is not an absolute identifier")

    def _value_object(self, node: JsonObject) -> None:
        if not _VALUE_MEMBERS.issuperset(node):
            raise MalformedError(f"a value object in {self.what} has a member that it cannot have")
        if isinstance(node["@value"], dict | list):
            raise MalformedError(f"a value object in {self.what} holds no simple value")
