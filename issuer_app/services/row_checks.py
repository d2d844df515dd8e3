"""Checking a file of rows against a template: every row judged, nothing kept from one to another.

A finding is computed from the same row object whose claims are stored, so that what was checked
and what is issued cannot be different rows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Hashable, Iterator
from dataclasses import asdict, dataclass

from issuer_app.rows.columns import Path, match_header
from issuer_app.rows.row_claims import Finding, RowClaims, read_row
from issuer_app.rows.sheet import Sheet, SheetRow
from issuer_app.services.template_view import ClaimProblem, TemplateView
from weid.crypto.keys import PublicKey
from weid.encoding import JsonObject, json_dumps, json_loads_object
from weid.errors import WeidError


@dataclass(frozen=True, slots=True)
class CheckedRow:
    """A row ready to be stored: its number, cells, claims and findings, as JSON texts.

    `cells` are those of the header's columns and then whatever stood right of them.
    """

    number: int
    cells: str
    claims: str
    claims_hash: str
    holder_jwk: str | None
    faults: str
    warnings: str
    faulty: bool


def claims_hash(claims: JsonObject) -> str:
    """Return a hash that is the same for the same claims in any order; stays inside the store."""
    text = json.dumps(claims, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def check_rows(
    sheet: Sheet,
    template: TemplateView,
    *,
    issued_before: Callable[[Collection[str]], Collection[str]],
) -> Iterator[CheckedRow]:
    """Yield every row with all its findings: cells, template, holder's key, rows above.

    `issued_before` answers which of some claims hashes have a certificate already.

    Raises:
        InputRefusedError: the header does not fit the template.
    """
    plan = match_header(sheet.header, template.columns)
    read = [(row, read_row(row, plan, sheet.header)) for row in sheet.rows]
    hashes = [claims_hash(result.claims) for _, result in read]
    known = frozenset(issued_before(frozenset(hashes)))
    seen = _Seen()
    headers = {column.path: sheet.header[position] for position, column in plan.columns}
    places, last = {name: at for at, name in enumerate(sheet.header)}, len(sheet.header)
    for (row, result), digest in zip(read, hashes, strict=True):
        holder_jwk, key_faults = _holder_key(result.holder_jwk)
        faults = [*result.faults, *_template_faults(result, template, headers), *key_faults]
        # The claims of a faulty row are not whole: it is the same as another if its cells are.
        same, more = seen.findings(row.number, row.cells if faults else digest, holder_jwk)
        faults = sorted([*faults, *same], key=lambda fault: places.get(fault.column, last))
        warnings = [*result.warnings, *more]
        if digest in known:
            warnings.append(Finding("issued_before"))
        yield _checked(row, result, digest, holder_jwk, faults, warnings)


def _template_faults(
    result: RowClaims, template: TemplateView, headers: dict[Path, str]
) -> Iterator[Finding]:
    for fault in template.check(result.claims):
        if result.faulty and _follows(fault, result.faulty):
            continue
        yield Finding(
            "claim_refused", headers.get(fault.path, ".".join(fault.path)), fault.expected
        )


def _follows(fault: ClaimProblem, faulty: Collection[Path]) -> bool:
    """Return whether a fault may only follow from the claims that faulty cells leave out.

    What is demanded under a condition counts too: a condition on a claim that is not there holds.
    """
    conditional = fault.rule == "required" and not fault.always
    return conditional or any(
        path[: len(fault.path)] == fault.path or fault.path[: len(path)] == path for path in faulty
    )


def _holder_key(text: str | None) -> tuple[str | None, list[Finding]]:
    """Return a holder's key in one spelling; small-order, private and odd keys are refused here."""
    if text is None:
        return None, []
    try:
        key = PublicKey.from_jwk(json_loads_object(text, what="holder_jwk", max_bytes=2048))
        key.check_subgroup()
        _ = key.algorithm  # keys that cannot sign are refused
    except WeidError:
        return None, [Finding("holder_key_refused", "holder_jwk")]
    return json_dumps(key.to_jwk()).decode(), []


class _Seen:
    """Claims and keys of the rows above."""

    def __init__(self) -> None:
        self._rows: dict[tuple[Hashable, str | None], int] = {}
        self._keys: dict[str, int] = {}

    def findings(
        self, number: int, content: Hashable, holder_jwk: str | None
    ) -> tuple[list[Finding], list[Finding]]:
        """Return faults and warnings of a row beside those seen, and remember it.

        `content` is equal for rows of the same data.
        """
        warnings = []
        if holder_jwk is not None:
            first = self._keys.setdefault(holder_jwk, number)
            if first != number:
                warnings.append(Finding("holder_key_twice", "holder_jwk", str(first)))
        first = self._rows.setdefault((content, holder_jwk), number)
        return ([Finding("same_as_row", "", str(first))] if first != number else []), warnings


def _checked(
    row: SheetRow,
    result: RowClaims,
    digest: str,
    holder_jwk: str | None,
    faults: list[Finding],
    warnings: list[Finding],
) -> CheckedRow:
    return CheckedRow(
        number=row.number,
        cells=_json(row.cells + row.surplus),
        claims=_json(result.claims),
        claims_hash=digest,
        holder_jwk=holder_jwk,
        faults=_json([asdict(fault) for fault in faults]) if faults else "[]",
        warnings=_json([asdict(warning) for warning in warnings]) if warnings else "[]",
        faulty=bool(faults),
    )


def _json(value: object) -> str:
    return json_dumps(value).decode("utf-8")
