"""`weid inspect`: what something holds, without judging it."""

from __future__ import annotations

from pathlib import Path

import click

from weid.cli.command import SharedCommand
from weid.cli.inputs import INPUT, read_input
from weid.cli.output import Session, json_text, pass_session
from weid.clock import format_time
from weid.encoding import JsonObject, json_loads_object

TIMES = ("iat", "nbf", "exp")
MOST = 4296  # characters of the largest code


@click.command(cls=SharedCommand)
@click.argument("source", metavar="FILE|-", type=INPUT)
@pass_session
def inspect(session: Session, *, source: Path) -> None:
    """Show what FILE holds: a certificate, a presentation, a request, a code or a picture of one.

    Nothing is verified: anybody can write what is shown here. `weid verify` judges.
    """
    text = read_input(source)
    if text.startswith("{"):
        found = _request(text)
    else:
        found = _presentation(text) if "~" in text else _other(text)
    session.say("Not verified: anybody can write this. `weid verify` judges.")
    session.show(json_text(found), found)


def _request(text: str) -> JsonObject:
    from weid.w3c.secured import kind_of  # noqa: PLC0415 - with JSON only

    value = json_loads_object(text, what="the text")
    w3c = kind_of(text)
    kind = "presentation request" if "dcql_query" in value else "JSON"
    kind = kind if w3c is None else f"W3C {w3c}"
    return {"kind": kind, "content": value}


def _presentation(text: str) -> JsonObject:
    from weid.credential.sd_jwt import SdJwt, reconstruct  # noqa: PLC0415 - not for requests

    sd_jwt = SdJwt.parse(text)
    opened = reconstruct(sd_jwt)
    found: JsonObject = {
        "kind": "presentation" if sd_jwt.key_binding else "credential",
        "header": sd_jwt.issuer_jws.header,
        "claims": opened.claims,
        "disclosed": [str(path) for path in opened.paths],
        "withheld": opened.withheld,
        "times": {
            name: format_time(value)
            for name in TIMES
            if isinstance(value := opened.claims.get(name), int) and 0 <= value < 2**37
        },
    }
    if sd_jwt.key_binding is not None:
        from weid.crypto.jws import parse_jws  # noqa: PLC0415 - only with a key binding

        binding = parse_jws(sd_jwt.key_binding, what="the key binding", max_bytes=len(text))
        found["key_binding"] = json_loads_object(binding.payload, what="the key binding's payload")
    return found


def _other(text: str) -> JsonObject:
    from weid.qr.content import classify_content  # noqa: PLC0415 - only for other codes

    content = classify_content(text)
    found: JsonObject = {"kind": content.kind.value.replace("_", " "), "text": text[:MOST]}
    return found | {"not_a_link": content.reason} if content.reason else found
