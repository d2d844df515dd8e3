"""Parameters as OAuth sends them: a form or a query, no parameter twice (RFC 6749 section 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from weid.errors import ProtocolError

FORM: Final = "application/x-www-form-urlencoded"
REQUEST_BYTES: Final = 16 * 1024
_FIELDS: Final = 32
_REPEATABLE: Final = frozenset({"resource"})
"""RFC 8707 section 2 allows several."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of a request; empty ones count as absent, as section 3.1 says."""

    values: Mapping[str, str] = field(repr=False)
    resources: tuple[str, ...] = ()

    def get(self, name: str) -> str | None:
        """Return a parameter, or None where it is missing or empty."""
        return self.values.get(name) or None

    def require(self, name: str) -> str:
        """Return a parameter.

        Raises:
            ProtocolError: invalid_request: it is missing.
        """
        value = self.get(name)
        if value is None:
            raise ProtocolError("invalid_request", f"{name} is missing")
        return value


def parse_form(body: bytes, *, content_type: str) -> Parameters:
    """Read the form of a POST request.

    Raises:
        ProtocolError: invalid_request: another media type, too large, unreadable, or a parameter
            is there twice.
    """
    text = _form_text(body, content_type, max_bytes=REQUEST_BYTES)
    return parse_parameters(text, what="the form")


def parse_fields(body: bytes, *, content_type: str, max_bytes: int) -> dict[str, list[str]]:
    """Read the form of a POST request, each field with every value that was sent for it.

    Raises:
        ProtocolError: invalid_request: another media type, too large (413), or unreadable.
    """
    text = _form_text(body, content_type, max_bytes=max_bytes)
    fields: dict[str, list[str]] = {}
    for name, value in _pairs(text, "the form"):
        fields.setdefault(name, []).append(value)
    return fields


def parse_parameters(text: str, *, what: str) -> Parameters:
    """Read parameters from a form's text or a query without `?`.

    Raises:
        ProtocolError: invalid_request: too long, unreadable, or a parameter is there twice.
    """
    if len(text) > REQUEST_BYTES:
        raise ProtocolError("invalid_request", f"{what} is too long")
    pairs = _pairs(text, what)
    single = [(name, value) for name, value in pairs if name not in _REPEATABLE]
    values = dict(single)
    if len(values) != len(single):
        raise ProtocolError("invalid_request", "a parameter is there twice")
    return Parameters(values, tuple(value for name, value in pairs if name in _REPEATABLE))


def _form_text(body: bytes, content_type: str, *, max_bytes: int) -> str:
    if content_type.partition(";")[0].strip().lower() != FORM:
        raise ProtocolError("invalid_request", f"the request is not a form ({FORM})")
    if len(body) > max_bytes:
        raise ProtocolError("invalid_request", "the request is too large", status=413)
    try:
        return body.decode("ascii")
    except ValueError:
        raise ProtocolError("invalid_request", "the form cannot be read") from None


def _pairs(text: str, what: str) -> list[tuple[str, str]]:
    if not text:  # what an empty one is, the versions of Python disagree about
        return []
    try:
        return parse_qsl(
            text, keep_blank_values=True, strict_parsing=True, max_num_fields=_FIELDS,
            errors="strict",
        )  # fmt: skip
    except ValueError:  # UnicodeError is one
        raise ProtocolError("invalid_request", f"{what} cannot be read") from None
