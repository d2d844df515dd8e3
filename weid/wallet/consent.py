"""What a person reads before agreeing: who asks, what would be shown, what stays hidden.

Pure: values in, text out. Names and values are strangers' text, so each is cut, stripped of what
is invisible, and isolated (`weid.qr.content.display_text`): it cannot reorder or fake the words
around it. The issuer's name comes from a registry or is said to be unconfirmed; never from the
credential. Clauses IP-22 to IP-25, PP-53 and PP-82.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol
from urllib.parse import urlsplit

from weid.clock import format_time
from weid.credential.claim_path import ClaimPath
from weid.credential.issuer_chain import said_issuer
from weid.credential.registered_claims import REGISTERED_CLAIMS
from weid.credential.sd_jwt import SdJwt, reconstruct
from weid.encoding import JsonObject, JsonValue
from weid.errors import WeidError
from weid.openid4vci.discovery import OfferPreview
from weid.openid4vp.client_id import Prefix
from weid.openid4vp.request_object import AuthenticRequest
from weid.openid4vp.transaction_types import TransactionType, describe_transactions
from weid.qr.content import display_text
from weid.registry.records import OrganisationRecord
from weid.verification.request import PresentationRequest
from weid.wallet.policies import PolicyFound, policy_lines

PAGE_LINES: Final = 20
"""Lines of one page: what fits a small screen."""

_VALUE_CHARACTERS: Final = 120
_PURPOSE_CHARACTERS: Final = 400


class OrganisationNames(Protocol):
    """Where confirmed names come from; a `RegistryReader` is one."""

    def organisation(self, did: str) -> OrganisationRecord | None:
        """Return the confirmed display name of a DID."""
        ...


class ConsentKind(StrEnum):
    """What is to be agreed to."""

    OFFER = "offer"
    RECEIVED = "received"
    REQUEST = "request"
    SHOW = "show"


@dataclass(frozen=True, slots=True)
class ConsentItem:
    """One claim: its path in words and, where it would be shown, its value. Safe to display."""

    label: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Consent:
    """A question to a person. All texts are safe to display.

    `headlines` say who and what; `shown` would leave (or come in), `hidden` would stay. The
    `question` stands last: nobody can agree to what was not on the screen.
    """

    kind: ConsentKind
    headlines: tuple[str, ...]
    shown: tuple[ConsentItem, ...]
    hidden: tuple[ConsentItem, ...]
    question: str

    def lines(self) -> Iterator[str]:
        """Yield the whole text by lines, claims grouped by the part before their first dot."""
        yield from self.headlines
        if self.shown:
            yield f"Shown ({len(self.shown)}):"
            yield from _grouped(self.shown)
        if self.hidden:
            yield f"Not shown ({len(self.hidden)}):"
            yield from _grouped(self.hidden)
        yield self.question

    def text(self) -> str:
        """Return the whole text."""
        return "\n".join(self.lines())

    def pages(self, lines: int = PAGE_LINES) -> tuple[str, ...]:
        """Return the text in pages, the question on the last: show each before asking."""
        every = list(self.lines())
        return tuple("\n".join(every[at : at + lines]) for at in range(0, len(every), lines))


def consent_to_offer(preview: OfferPreview, *, language: str = "en") -> Consent:
    """Return the question before an offer is redeemed."""
    host = urlsplit(preview.credential_issuer).netloc
    headlines = [
        f"An offer from {display_text(host)}",
        f"which calls itself {display_text(preview.issuer_name(language))} (not confirmed).",
        *(f"It offers: {display_text(one.name(language))}" for one in preview.credentials),
    ]
    if preview.by_page:
        headlines.append("You will sign in with it in a browser.")
    if preview.tx_code is not None:
        headlines.append("You need the transaction code that it sent you by another way.")
    question = "Did you expect this offer? Accept it?"
    return Consent(ConsentKind.OFFER, tuple(headlines), (), (), question)


def consent_to_keep(
    text: str,
    *,
    names: OrganisationNames | None = None,
    unverified: bool = False,
    copies: int = 1,
) -> Consent:
    """Return the question before a received credential is kept: whose it is, from whom.

    It may have come in several copies that say the same.

    Of one that is `unverified` nobody knows who signed it: no name is confirmed for it.
    """
    whole = SdJwt.parse(text)
    headlines = ["You received a credential."]
    if copies > 1:
        headlines = [f"You received a credential in {copies} copies, to be shown once each."]
    if unverified:
        headlines.append("Nobody verified it: anybody may have made it, in anybody's name.")
        names = None
    shown = tuple(_item(path, value) for path, value in _leaves(_claims(whole), ()))
    return Consent(
        ConsentKind.RECEIVED,
        (*headlines, *_about(whole, names)),
        shown,
        (),
        "Is this about you? Keep it?",
    )


def consent_to_present(
    request: PresentationRequest,
    held: str,
    chosen: str,
    *,
    names: OrganisationNames | None = None,
    transactions: Mapping[str, TransactionType] = MappingProxyType({}),
    policy: PolicyFound | None = None,
) -> Consent:
    """Return the question before a request is answered.

    `held` is the whole credential, `chosen` the same with the disclosures that would be shown;
    `transactions` are the types of transaction that this wallet can show, by name; `policy` is what
    was found out about the presentation policy that the request names.

    Raises:
        ProtocolError: the request wants agreement to a transaction that the wallet cannot show.
    """
    agreeing = describe_transactions(request.transaction_data, transactions)
    lines = (f"You would also agree to: {'; '.join(entry)}" for entry in agreeing)
    asker = f"Asked by {display_text(request.audience)}"
    if request.client_name:
        asker += f", which calls itself {display_text(request.client_name)} (not confirmed)"
    why = _why(request, policy)
    shown, hidden = _split(held, chosen)
    return Consent(
        ConsentKind.REQUEST,
        (f"{asker}.", *why, *_about(SdJwt.parse(held), names), *lines),
        shown,
        hidden,
        f"Show these claims to this verifier{', and agree' if agreeing else ''}?",
    )


def consent_to_answer(
    asked: AuthenticRequest,
    parts: Sequence[tuple[str, str]],
    *,
    names: OrganisationNames | None = None,
    transactions: Mapping[str, TransactionType] = MappingProxyType({}),
    policy: PolicyFound | None = None,
) -> Consent:
    """Return the question before a request that came by a link is answered where it says.

    `parts` are credentials, each whole and as it would be shown; `transactions` and `policy` as
    in `consent_to_present`.

    Raises:
        ProtocolError: the request wants agreement to a transaction that the wallet cannot show.
    """
    request = asked.request
    agreeing = describe_transactions(request.transaction_data, transactions)
    headlines = [*_asker(asked, names), *_why(request, policy)]
    shown: list[ConsentItem] = []
    hidden: list[ConsentItem] = []
    for held, chosen in parts:
        headlines.extend(_about(SdJwt.parse(held), names))
        more_shown, more_hidden = _split(held, chosen)
        shown.extend(more_shown)
        hidden.extend(more_hidden)
    headlines.extend(f"You would also agree to: {'; '.join(entry)}" for entry in agreeing)
    question = f"Show these claims to this verifier{', and agree' if agreeing else ''}?"
    return Consent(ConsentKind.REQUEST, tuple(headlines), tuple(shown), tuple(hidden), question)


def consent_to_show(held: str, chosen: str, *, names: OrganisationNames | None = None) -> Consent:
    """Return the question before a code is shown that nobody in particular asked for."""
    shown, hidden = _split(held, chosen)
    headlines = (
        "Nobody asked: whoever photographs the code sees these claims.",
        *_about(SdJwt.parse(held), names),
    )
    return Consent(ConsentKind.SHOW, headlines, shown, hidden, "Show this code?")


# --- How ----------------------------------------------------------------------------------------


def _asker(asked: AuthenticRequest, names: OrganisationNames | None) -> Iterator[str]:
    """Yield who asks, and how far that is proved: by whom, or by nobody."""
    client_id, request = asked.client_id, asked.request
    host = display_text(urlsplit(asked.place).netloc)
    known = None
    if client_id.prefix is Prefix.DECENTRALIZED_IDENTIFIER:
        known = _confirmed(client_id.name, names)
    if known is not None:
        yield f"Asked by {display_text(known.name)} (confirmed by the registry)."
    elif client_id.prefix is not Prefix.REDIRECT_URI:
        yield f"Asked by {display_text(client_id.name)}."
    if not asked.confirmed:
        yield "Nobody whom you trust says who that is: only where the answer goes is certain."
    elif known is None and client_id.prefix is Prefix.DECENTRALIZED_IDENTIFIER:
        yield "A registry that you trust has this identifier, and no name for it."
    elif known is None:
        yield "An authority that you trust certified it."
    if request.client_name:
        yield f"It calls itself {display_text(request.client_name)} (not confirmed)."
    yield f"The answer goes to {host}."


def _why(request: PresentationRequest, policy: PolicyFound | None) -> Iterator[str]:
    """Yield what it is for: as the registry has it, else as who asks says it, else nothing."""
    if policy is not None:
        yield from policy_lines(policy)
    elif request.purpose is not None:
        said = display_text(request.purpose.texts.name("en"), limit=_PURPOSE_CHARACTERS)
        yield f"It says that this is for: {said} (not confirmed)."


def _about(credential: SdJwt, names: OrganisationNames | None) -> Iterator[str]:
    payload = credential.payload()
    did = said_issuer(credential.issuer_jws.header, payload.get("iss"))
    record = _confirmed(did, names)
    if record is not None:
        yield f"Issuer: {display_text(record.name)} (confirmed by the registry)"
    else:
        yield f"Issuer: {display_text(did or 'not named')} (no confirmed name)"
    yield f"Type: {display_text(str(payload.get('vct', '')))}"
    expires = payload.get("exp")
    if isinstance(expires, int) and not isinstance(expires, bool) and 0 <= expires < 2**37:
        yield f"Valid until: {format_time(expires)}"


def _confirmed(did: str, names: OrganisationNames | None) -> OrganisationRecord | None:
    """Return the registry's record; a registry that cannot be asked now confirms nothing."""
    try:
        return names.organisation(did) if names is not None and did else None
    except WeidError:
        return None


def _claims(credential: SdJwt) -> JsonObject:
    claims = reconstruct(credential).claims
    return {name: value for name, value in claims.items() if name not in REGISTERED_CLAIMS}


def _split(held: str, chosen: str) -> tuple[tuple[ConsentItem, ...], tuple[ConsentItem, ...]]:
    shown = list(_leaves(_claims(SdJwt.parse(chosen)), ()))
    places = {path for path, _ in shown}
    every = _leaves(_claims(SdJwt.parse(held)), ())
    return (
        tuple(_item(path, value) for path, value in shown),
        tuple(ConsentItem(_label(path)) for path, _ in every if path not in places),
    )


def _item(path: tuple[str | int, ...], value: JsonValue) -> ConsentItem:
    return ConsentItem(_label(path), display_text(_words(value), limit=_VALUE_CHARACTERS))


def _label(path: tuple[str | int, ...]) -> str:
    return display_text(str(ClaimPath(path)), limit=_VALUE_CHARACTERS)


def _leaves(
    value: JsonValue, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], JsonValue]]:
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _leaves(member, (*path, name))
    elif isinstance(value, list) and value:
        for index, element in enumerate(value):
            yield from _leaves(element, (*path, index))
    else:
        yield path, value


def _words(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value in ({}, []):
        return "empty"
    return str(value)


def _grouped(items: Iterable[ConsentItem]) -> Iterator[str]:
    """Yield a line for each claim, those of one group together under its name."""
    groups: dict[str, list[ConsentItem]] = {}
    for item in items:
        groups.setdefault(_group(item.label), []).append(item)
    for group, members in groups.items():
        if len(members) > 1:
            yield f"  {group}"
        indent = "    " if len(members) > 1 else "  "
        for item in members:
            yield f"{indent}{item.label}: {item.value}" if item.value else f"{indent}{item.label}"


def _group(label: str) -> str:
    """Return the first step of a label, isolated like the label itself."""
    inner = label.removeprefix("\u2068").removesuffix("\u2069")
    first = inner.split(".", 1)[0].split("[", 1)[0]
    return display_text(first)
