"""A template as this application uses it: columns of its files, labels, and the check of claims."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from issuer_app.rows.columns import HOLDER_KEY, Column, Path, columns_of
from weid.credential.template import CredentialTemplate
from weid.encoding import JsonObject, JsonValue

_LABEL_WORDS: Final = ("name", "full_name", "holder_name", "name_latin")
_SEARCH_CHARACTERS: Final = 4000
_LABEL_CHARACTERS: Final = 120


@dataclass(frozen=True, slots=True)
class ClaimProblem:
    """A claim that does not follow the template: where, what is expected there, by which rule.

    `always` tells whether the template requires the claim in every row.
    """

    path: Path
    expected: str
    rule: str
    always: bool


@dataclass(frozen=True, slots=True)
class ShownField:
    """A field as pages show it."""

    label: str
    header: str
    kind: str
    is_list: bool
    required: bool
    withholdable: bool
    example: str


class TemplateView:
    """One published template version."""

    def __init__(self, template_id: str, template: CredentialTemplate) -> None:
        self.id = template_id
        self.template = template
        names = {
            tuple(str(step) for step in claim.path): claim.display.names.values()
            for claim in template.claims
            if claim.display is not None
        }
        # What the issuer computes has no column: no row gives it.
        made = {one.path for one in template.derived}
        # Canonical JSON sorts the schema's members; the order meant is that of the claims.
        order: dict[str, int] = {}
        for at, claim in enumerate(template.claims):
            order.setdefault(str(claim.path[0]), at)
        self.columns: tuple[Column, ...] = tuple(
            sorted(
                (
                    column
                    for column in columns_of(template.schema, names)
                    if column.path not in made
                ),
                key=lambda column: order[column.path[0]],
            )
        )
        self._required = frozenset(
            column.path[:length]
            for column in self.columns
            if column.required
            for length in range(1, len(column.path) + 1)
        )
        self._withholdable = frozenset(
            tuple(str(step) for step in path) for path in template.withholdable
        )

    def check(self, claims: JsonObject) -> Iterator[ClaimProblem]:
        """Yield what is wrong with the claims of a row."""
        for fault in self.template.check_claims(claims):
            path = tuple(step for step in fault.path if isinstance(step, str))
            yield ClaimProblem(path, fault.message, fault.rule, path in self._required)

    def fields(self, language: str) -> list[ShownField]:
        """Return the template's fields in a language."""
        return [
            ShownField(
                label=self.label(column.path, language),
                header=column.header,
                kind=column.kind,
                is_list=column.is_list,
                required=column.required,
                withholdable=self._may_be_withheld(column.path),
                example=column.example,
            )
            for column in self.columns
        ]

    def _may_be_withheld(self, path: Path) -> bool:
        return any(path[:length] in self._withholdable for length in range(1, len(path) + 1))

    def label(self, path: Path, language: str) -> str:
        """Return what people call a field, with what stands above it."""
        return " / ".join(
            self.template.label(path[:length], language) for length in range(1, len(path) + 1)
        )

    def labels(self, language: str) -> dict[str, str]:
        """Return field labels by dotted path, objects included."""
        paths = {
            column.path[:length]
            for column in self.columns
            for length in range(1, len(column.path) + 1)
        }
        return {".".join(path): self.template.label(path, language) for path in paths}

    def label_of(self, claims: JsonObject) -> str:
        """Return how a certificate is called in lists: its holder's name, else its first text."""
        for word in _LABEL_WORDS:
            value = claims.get(word)
            if isinstance(value, str) and value:
                return value[:_LABEL_CHARACTERS]
        texts = (value for value in claims.values() if isinstance(value, str))
        return next(texts, self.template.cpt_id)[:_LABEL_CHARACTERS]

    def search_text(self, claims: JsonObject) -> str:
        """Return the text in which a certificate is searched for, in one case."""
        return "\n".join(_texts(claims)).casefold()[:_SEARCH_CHARACTERS]

    def headers(self) -> list[str]:
        """Return the first row of an empty file."""
        return [column.header for column in self.columns]

    def notes(self, language: str) -> list[list[str]]:
        """Return what to write into each column, for people."""
        return [
            [
                column.header,
                self.label(column.path, language),
                "*" if column.required else "",
                column.kind + ("[ ; ]" if column.is_list else ""),
                column.example,
            ]
            for column in self.columns
        ] + [[HOLDER_KEY, "", "", "JWK", ""]]


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield str(value)[:500]
