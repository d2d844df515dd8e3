"""Credential templates (CPT): what a kind of credential holds, and how people are told of it.

One JSON document is at once SD-JWT VC type metadata, JSON Schema of the claims and our rules of
validity. Its canonical bytes are published, hashed by the registry and pinned by `vct#integrity`.
Clauses CP-30 … CP-39 of specs/credential-profile.md.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, timedelta, tzinfo
from pathlib import Path
from typing import Final

from weid import limits
from weid.credential.claim_fault import ClaimFault, faults_of_writing
from weid.credential.claim_metadata import (
    DEFAULT_LANGUAGE,
    ClaimMetadata,
    DisplayText,
    Withholding,
    parse_claims,
    require_members,
    require_text,
)
from weid.credential.claim_path import ClaimPath, Step, has_value, path_tree
from weid.credential.claim_schema import (
    ClaimSchema,
    check_schema,
    presentation_schema,
)
from weid.credential.credential_type import CredentialType, check_cpt_id
from weid.credential.derived_claims import (
    Derivation,
    DerivedClaim,
    derive,
    given_faults,
    parse_derived,
)
from weid.credential.duration import Duration
from weid.encoding import JsonObject, JsonValue, json_canonical, json_loads_object
from weid.errors import MalformedError

_WHAT: Final = "the template"
_DEFAULT_VALIDITY: Final = "P1Y"
_MAXIMUM_VALIDITY: Final = "P10Y"
_REQUIRED: Final = {"cpt_id", "claims", "schema"}
_OPTIONAL: Final = {"name", "description", "display", "validity", "derived"}
_PUBLISHED: Final = {"vct", "version"}
_LEFT_OUT: Final = {"derived"}
"""What also a published template has only where its author wrote it."""


class CredentialTemplate:
    """A credential template, either an author's draft or published in a network.

    A draft has no `vct`, `version`, `digest` or `integrity`: `for_network` gives the template
    that has them. Equal when their documents are.
    """

    __slots__ = (
        "_always",
        "_display",
        "_document",
        "_labels",
        "_partial",
        "_source",
        "_type",
        "_whole",
        "claims",
        "cpt_id",
        "default_validity",
        "derived",
        "maximum_validity",
        "withholdable",
    )

    def __init__(self, source: JsonObject, credential_type: CredentialType | None) -> None:
        self.cpt_id: str = check_cpt_id(source["cpt_id"])
        self._type = credential_type
        self._source = _complete(source)
        self._document = json_canonical(self._source)
        if len(self._document) > limits.TEMPLATE_BYTES:
            raise MalformedError(f"{_WHAT} is larger than {limits.TEMPLATE_BYTES} bytes")
        self._display = DisplayText.parse(self._source["display"], what=_WHAT, name_member="name")
        schema = check_schema(self._source["schema"])
        self.claims: tuple[ClaimMetadata, ...] = parse_claims(self._source["claims"], schema)
        self.derived: tuple[DerivedClaim, ...] = (
            parse_derived(self._source["derived"], self.claims, schema)
            if "derived" in self._source
            else ()
        )
        self._labels = {claim.path: claim for claim in self.claims}
        self.withholdable: tuple[ClaimPath, ...] = tuple(
            claim.path for claim in self.claims if claim.withholding is not Withholding.NEVER
        )
        self._always = frozenset(
            claim.path for claim in self.claims if claim.withholding is Withholding.ALWAYS
        )
        self._whole = ClaimSchema(schema)
        self._partial = ClaimSchema(presentation_schema(schema, path_tree(self.withholdable)))
        self.default_validity, self.maximum_validity = _parse_validity(self._source["validity"])

    # --- reading and publishing -----------------------------------------------------------------

    @classmethod
    def from_file(cls, path: str | Path) -> CredentialTemplate:
        """Read an author's draft from a JSON file, without `vct` and `version`.

        Raises:
            MalformedError: with what is wrong and where.
            OSError: the file cannot be read.
        """
        with Path(path).open("rb") as file:
            return cls.from_source(file.read(limits.TEMPLATE_BYTES + 1))

    @classmethod
    def from_source(cls, data: bytes) -> CredentialTemplate:
        """Read an author's draft from JSON bytes; see `from_file`."""
        source = json_loads_object(data, what=_WHAT, max_bytes=limits.TEMPLATE_BYTES)
        if not _PUBLISHED.isdisjoint(source):
            raise MalformedError(
                f"{_WHAT} has vct or version, which publishing gives it",
                hint="Remove both members from the file.",
            )
        return cls(require_members(source, _REQUIRED, _OPTIONAL, what=_WHAT), None)

    @classmethod
    def from_json(cls, data: bytes) -> CredentialTemplate:
        """Read a published template from its document.

        Raises:
            MalformedError: with what is wrong and where; not canonical JSON; a vct that is not of
                its own id and version.
        """
        document = json_loads_object(data, what=_WHAT, max_bytes=limits.TEMPLATE_BYTES)
        written = (_REQUIRED | _OPTIONAL | _PUBLISHED) - _LEFT_OUT
        require_members(document, written, _LEFT_OUT, what=_WHAT)
        vct = document["vct"]
        if not isinstance(vct, str):
            raise MalformedError(f"vct of {_WHAT} is not text")
        credential_type = CredentialType.parse(vct)
        named = (document["cpt_id"], document["version"])
        if named != (credential_type.cpt_id, credential_type.version):
            raise MalformedError(f"vct of {_WHAT} is not of its cpt_id and version")
        template = cls(document, credential_type)
        if template.document != data:
            raise MalformedError(f"{_WHAT} is not in its canonical spelling")
        return template

    def for_network(self, network: str, version: int) -> CredentialTemplate:
        """Return this template as it is published in a network under a version (from 1).

        Raises:
            MalformedError: no name of a network, or no version.
        """
        credential_type = CredentialType(network, self.cpt_id, version)
        source = {**self._source, "vct": str(credential_type), "version": version}
        return CredentialTemplate(source, credential_type)

    @property
    def type(self) -> CredentialType:
        """Network, id and version.

        Raises:
            MalformedError: this is a draft.
        """
        if self._type is None:
            raise MalformedError(
                f"the template {self.cpt_id} is a draft",
                hint="Publish it, and use the template that publishing returns.",
            )
        return self._type

    @property
    def is_draft(self) -> bool:
        """Whether it has no network and version yet."""
        return self._type is None

    @property
    def network(self) -> str:
        """The network in which it is published."""
        return self.type.network

    @property
    def version(self) -> int:
        """Its version, from 1."""
        return self.type.version

    @property
    def vct(self) -> str:
        """The type that its credentials name."""
        return str(self.type)

    @property
    def document(self) -> bytes:
        """The canonical JSON bytes, which are published; of a draft, what there is so far."""
        return self._document

    @property
    def digest(self) -> bytes:
        """SHA-256 of the published document: what the registry holds (32 bytes)."""
        self.type  # noqa: B018 - a draft has no digest
        return hashlib.sha256(self._document).digest()

    @property
    def integrity(self) -> str:
        """The `vct#integrity` of its credentials (W3C Subresource Integrity)."""
        return "sha256-" + base64.b64encode(self.digest).decode("ascii")

    # --- what people read -------------------------------------------------------------------------

    @property
    def languages(self) -> tuple[str, ...]:
        """The locales in which it has a name."""
        return tuple(self._display.names)

    def name(self, language: str = DEFAULT_LANGUAGE) -> str:
        """Return its name in the nearest language there is."""
        return self._display.name(language)

    def description(self, language: str = DEFAULT_LANGUAGE) -> str:
        """Return its description in the nearest language there is, or nothing."""
        return self._display.description(language)

    def label(self, path: Sequence[Step], language: str = DEFAULT_LANGUAGE) -> str:
        """Return what people call the claim at a path; an index is as good as any other."""
        whole = ClaimPath(None if isinstance(step, int) else step for step in path)
        found = self._labels.get(whole)
        return found.label(language) if found else str(ClaimPath(path))

    @property
    def schema(self) -> JsonObject:
        """The JSON Schema of the claims; not to be altered."""
        return check_schema(self._source["schema"])

    # --- what issuers and verifiers ask -----------------------------------------------------------

    def check_claims(self, claims: JsonObject) -> tuple[ClaimFault, ...]:
        """Return what is wrong with the claims of a row from which a credential is to be issued."""
        faults = given_faults(self.derived, claims) or self._whole.faults(claims)
        return faults or faults_of_writing(claims)

    def derive(self, claims: JsonObject, *, issued_at: int, zone: tzinfo = UTC) -> Derivation:
        """Return the claims of a row with those that are computed from them (CP-60).

        `issued_at` in seconds; `zone` is the issuer's, which decides what day that is there.

        Raises:
            MalformedError: the row gives a claim that is computed, a date is in the future, or what
                is computed is not what the schema allows.
        """
        made = derive(self.derived, claims, issued_at=issued_at, zone=zone)
        if self.derived and (faults := self._whole.faults(made.claims)):
            told = "; ".join(map(str, faults[:5]))
            raise MalformedError(f"what is computed does not conform to the template: {told}")
        return made

    @property
    def given(self) -> tuple[ClaimMetadata, ...]:
        """The claims that a row gives: all but those that are computed."""
        computed = {one.path for one in self.derived}
        return tuple(claim for claim in self.claims if claim.path not in computed)

    def withholdable_in(self, claims: JsonObject) -> tuple[ClaimPath, ...]:
        """Return the paths of those claims that are there and may be withheld."""
        return tuple([path for path in self.withholdable if has_value(claims, path)])

    def check_presented(
        self, claims: JsonObject, disclosed: frozenset[ClaimPath]
    ) -> tuple[ClaimFault, ...]:
        """Return what is wrong with presented claims, of which some may be withheld (CP-38).

        `claims` are those of the template only, without registered ones; `disclosed` the paths of
        those that came in disclosures.
        """
        faults = self._partial.faults(claims)
        if not disclosed.issubset(self.withholdable):
            faults += tuple(
                ClaimFault(path, "came in a disclosure, which the template does not allow", "sd")
                for path in sorted(disclosed.difference(self.withholdable), key=str)
            )
        if not self._always.issubset(disclosed):
            faults += tuple(
                ClaimFault(path, "did not come in a disclosure, as the template demands", "sd")
                for path in sorted(self._always.difference(disclosed), key=str)
                if has_value(claims, path)
            )
        return faults

    def expires_at(self, issued_at: int, valid_for: timedelta | Duration | None = None) -> int:
        """Return when a credential issued at a time (seconds) ends; by default after the default.

        Raises:
            MalformedError: a length that is not positive, or past the template's maximum.
        """
        if valid_for is None:
            return self.default_validity.after(issued_at)
        end = (
            issued_at + int(valid_for.total_seconds())
            if isinstance(valid_for, timedelta)
            else valid_for.after(issued_at)
        )
        if not issued_at < end <= self.maximum_validity.after(issued_at):
            raise MalformedError(
                f"the template {self.cpt_id} allows a validity of at most "
                f"{self.maximum_validity.text}"
            )
        return end

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CredentialTemplate) and self._document == other._document

    def __hash__(self) -> int:
        return hash(self._document)

    def __repr__(self) -> str:
        return f"<CredentialTemplate {self._type or self.cpt_id}>"

    def __reduce__(self) -> tuple[object, tuple[bytes]]:
        # A compiled schema cannot be copied to a worker process; the document can.
        make = CredentialTemplate.from_source if self.is_draft else CredentialTemplate.from_json
        return make, (self._document,)


def _complete(source: JsonObject) -> JsonObject:
    """Return the document with every optional member written out."""
    if "display" not in source and "name" not in source:
        raise MalformedError(f"{_WHAT} has no display and no name")
    display = source.get("display", [{"locale": DEFAULT_LANGUAGE, "name": source.get("name")}])
    shown = DisplayText.parse(display, what=_WHAT, name_member="name")
    name = source.get("name", shown.name(DEFAULT_LANGUAGE))
    description = source.get("description", shown.description(DEFAULT_LANGUAGE) or name)
    return {
        **source,
        "display": display,
        "name": require_text(name, what=f"name of {_WHAT}"),
        "description": require_text(description, what=f"description of {_WHAT}"),
        "validity": source.get(
            "validity", {"default": _DEFAULT_VALIDITY, "maximum": _MAXIMUM_VALIDITY}
        ),
    }


def _parse_validity(value: JsonValue) -> tuple[Duration, Duration]:
    what = f"validity of {_WHAT}"
    members = require_members(value, {"default", "maximum"}, set(), what=what)
    default = Duration.parse(members["default"], what=f"default {what}")
    maximum = Duration.parse(members["maximum"], what=f"maximum {what}")
    # Months have no fixed length: both are counted from 1 January 1970.
    if default.after(0) > maximum.after(0):
        raise MalformedError(f"default {what} is longer than the maximum")
    return default, maximum
