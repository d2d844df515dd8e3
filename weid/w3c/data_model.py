"""The structure of VCDM 2.0: what a credential and a presentation must and may have.

Strict where the Recommendation says MUST; what its contexts do not define is refused by
`weid.w3c.terms`. Clauses WC-06 … WC-09 of specs/w3c-profile.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weid.credential.credential_type import CredentialType
from weid.encoding import JsonObject, JsonValue
from weid.errors import MalformedError
from weid.w3c.terms import ABSOLUTE, Contexts
from weid.w3c.times import parse_stamp

CREDENTIAL: Final = "VerifiableCredential"
PRESENTATION: Final = "VerifiablePresentation"
ENVELOPED: Final = "EnvelopedVerifiableCredential"
ENVELOPED_PRESENTATION: Final = "EnvelopedVerifiablePresentation"
SCHEMA: Final = "JsonSchema"
VC: Final = "the W3C credential"
VP: Final = "the W3C presentation"
_TYPED: Final = (
    "credentialStatus", "credentialSchema", "refreshService", "termsOfUse", "evidence",
    "renderMethod", "confidenceMethod",
)  # fmt: skip
_LANGUAGE_MEMBERS: Final = frozenset({"@value", "@language", "@direction"})
_MOST: Final = 16
"""Subjects, credentials, statuses and the like in one document: far above any real one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class W3cCredential:
    """A credential whose structure is right and that nobody has verified yet; times in seconds.

    `document` is without its proofs; `subjects` are its credentialSubject as a list; `vct` is what
    it is of: the id of its one JsonSchema, else its one type beside VerifiableCredential. Of
    several it is the one that names a template; where none or several do, all of them together,
    which no policy names: their order is not signed everywhere, so that it decides nothing.
    `vct_integrity` is the schema's digestSRI.
    """

    document: JsonObject
    issuer: str
    types: tuple[str, ...]
    subjects: tuple[JsonObject, ...]
    statuses: tuple[JsonObject, ...]
    valid_from: int | None
    valid_until: int | None
    vct: str
    vct_integrity: str | None

    @classmethod
    def parse(cls, document: JsonObject, contexts: Contexts) -> W3cCredential:
        """Read a credential without its proofs.

        Raises:
            MalformedError: what VCDM 2.0 demands is missing or of another form, or a term has no
                meaning.
        """
        contexts.check(document, what=VC)
        types = _types(document, CREDENTIAL, VC)
        _check_id(document, VC)
        for name in ("name", "description"):
            _check_text(document, name)
        _check_typed(document)
        _check_resources(document)
        valid_from = _stamp(document, "validFrom")
        valid_until = _stamp(document, "validUntil")
        if valid_from is not None and valid_until is not None and valid_until < valid_from:
            raise MalformedError(f"validUntil of {VC} is before its validFrom")
        vct, integrity = _kind(document, types)
        return cls(
            document=document,
            issuer=_identified(document, "issuer", VC),
            types=types,
            subjects=_subjects(document),
            statuses=_objects(document, "credentialStatus"),
            valid_from=valid_from,
            valid_until=valid_until,
            vct=vct,
            vct_integrity=integrity,
        )

    @property
    def subject_id(self) -> str | None:
        """The identifier of the subject; None where there are several subjects, or none is named.

        Whoever holds that DID's key holds the credential.
        """
        found = self.subjects[0].get("id") if len(self.subjects) == 1 else None
        return found if isinstance(found, str) else None

    def claims(self) -> JsonObject:
        """Return the claims of the one subject: all but its id and type.

        Raises:
            MalformedError: there are several subjects.
        """
        if len(self.subjects) != 1:
            raise MalformedError(f"{VC} has several subjects")
        return {
            name: value for name, value in self.subjects[0].items() if name not in {"id", "type"}
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class W3cPresentation:
    """A presentation whose structure is right; `credentials` are as they came, secured."""

    document: JsonObject
    holder: str | None
    credentials: tuple[JsonObject, ...]

    @classmethod
    def parse(cls, document: JsonObject, contexts: Contexts) -> W3cPresentation:
        """Read a presentation without its proofs; its credentials are read for themselves.

        Raises:
            MalformedError: what VCDM 2.0 demands is missing or of another form, or a term has no
                meaning.
        """
        outside = {n: value for n, value in document.items() if n != "verifiableCredential"}
        contexts.check(outside, what=VP)
        _types(document, PRESENTATION, VP)
        _check_id(document, VP)
        _objects(document, "termsOfUse", typed=True)
        holder = _identified(document, "holder", VP) if "holder" in document else None
        credentials = _objects(document, "verifiableCredential")
        if any("@context" not in each for each in credentials):
            raise MalformedError(f"a credential of {VP} has no @context")
        return cls(document=document, holder=holder, credentials=credentials)


def is_enveloped(value: JsonObject, kind: str = ENVELOPED) -> bool:
    """Return whether an object is a document in an envelope (VCDM 2.0 clauses 4.13.1, 4.13.2)."""
    return value.get("type") in (kind, [kind])


def _types(document: JsonObject, needed: str, what: str) -> tuple[str, ...]:
    value = document.get("type")
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
        raise MalformedError(f"type of {what} is missing or not text")
    types = tuple(str(each) for each in found)
    if needed not in types or len(set(types)) != len(types) or len(types) > _MOST:
        raise MalformedError(f"type of {what} does not have {needed}, or has one twice")
    return types


def _check_id(document: JsonObject, what: str) -> None:
    if "id" in document and not _is_url(document["id"]):
        raise MalformedError(f"id of {what} is not one URL")


def _is_url(value: JsonValue) -> bool:
    return isinstance(value, str) and ABSOLUTE.fullmatch(value) is not None


def _identified(document: JsonObject, name: str, what: str) -> str:
    """Return a URL that stands there by itself or as the id of an object."""
    value = document.get(name)
    found = value.get("id") if isinstance(value, dict) else value
    if not isinstance(found, str) or not _is_url(found):
        raise MalformedError(f"{name} of {what} is not a URL, nor an object whose id is one")
    return found


def _objects(
    document: JsonObject, name: str, *, typed: bool = False, least: int = 0
) -> tuple[JsonObject, ...]:
    """Return one object or a list of objects as a tuple; absent is none."""
    if name not in document:
        return ()
    value = document[name]
    listed = value if isinstance(value, list) else [value]
    found: list[JsonObject] = []
    for each in listed:
        if not isinstance(each, dict) or not each:
            raise MalformedError(f"{name} is not an object, nor a list of objects")
        found.append(each)
    if not least <= len(found) <= _MOST:
        raise MalformedError(f"{name} is empty or has more than {_MOST} entries")
    for each in found:
        if typed and not isinstance(each.get("type"), str | list):
            raise MalformedError(f"{name} has an entry without a type")
        if "id" in each and not _is_url(each["id"]):
            raise MalformedError(f"the id of {name} is not one URL")
    return tuple(found)


def _subjects(document: JsonObject) -> tuple[JsonObject, ...]:
    if "credentialSubject" not in document:
        raise MalformedError(f"{VC} has no credentialSubject")
    return _objects(document, "credentialSubject", least=1)


def _check_typed(document: JsonObject) -> None:
    for name in _TYPED:
        for each in _objects(document, name, typed=True):
            if name == "credentialSchema" and "id" not in each:
                raise MalformedError("credentialSchema has an entry without an id")


def _check_resources(document: JsonObject) -> None:
    """Each related resource once, with a digest (VCDM 2.0 clause 5.3)."""
    ids = []
    for each in _objects(document, "relatedResource"):
        if "id" not in each or not ("digestSRI" in each or "digestMultibase" in each):
            raise MalformedError("relatedResource has an entry without id or digest")
        ids.append(each["id"])
    if len(set(map(str, ids))) != len(ids):
        raise MalformedError("relatedResource has an id twice")


def _check_text(document: JsonObject, name: str) -> None:
    """A name or description: text, or one value object for each language (clause 11.1)."""
    value = document.get(name, "")
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            if "@value" not in each or not _LANGUAGE_MEMBERS.issuperset(each):
                raise MalformedError(f"{name} of {VC} is not text in a language")
            each = each["@value"]  # noqa: PLW2901 - what is to be text
        if not isinstance(each, str):
            raise MalformedError(f"{name} of {VC} is not text")


def _stamp(document: JsonObject, name: str) -> int | None:
    return parse_stamp(document[name], what=f"{name} of {VC}") if name in document else None


def _kind(document: JsonObject, types: tuple[str, ...]) -> tuple[str, str | None]:
    schemas = [each for each in _objects(document, "credentialSchema") if _is_schema(each)]
    if len(schemas) == 1:
        digest = schemas[0].get("digestSRI")
        if digest is not None and not isinstance(digest, str):
            raise MalformedError("digestSRI of credentialSchema is not text")
        return str(schemas[0]["id"]), digest
    beside = sorted(each for each in types if each != CREDENTIAL)
    templates = [each for each in beside if _names_template(each)]
    found = templates if len(templates) == 1 else beside
    return " ".join(found) or CREDENTIAL, None


def _is_schema(value: JsonObject) -> bool:
    types = value.get("type")
    # Alone or in a list: to RDF it is the same.
    return SCHEMA in types if isinstance(types, list) else types == SCHEMA


def _names_template(text: str) -> bool:
    try:
        CredentialType.parse(text)
    except MalformedError:
        return False
    return True
