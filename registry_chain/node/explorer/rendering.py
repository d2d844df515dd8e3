"""Turning a page's values into HTML or JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from flask import Response, render_template, request

from registry_chain.node.explorer.labels import Sentence, Term
from registry_chain.node.explorer.language import LANGUAGES, Texts, choose_language
from registry_chain.node.explorer.page import Page, to_json
from registry_chain.node.parts import NodeParts
from weid.clock import format_time
from weid.encoding import json_dumps

LANGUAGE_COOKIE: Final = "language"
_YEAR: Final = 31_536_000


@dataclass(frozen=True, slots=True)
class HeadFacts:
    """What every page says of the newest block."""

    height: int
    age: str
    app_hash: str


def texts_of_request() -> Texts:
    """Return the texts of the language that this request is to be answered in."""
    remembered = request.cookies.get(LANGUAGE_COOKIE)
    accepted = request.headers.get("Accept-Language", "")
    return Texts(choose_language(request.args.get("lang"), remembered, accepted))


def render(node: NodeParts, page: Page, *, as_json: bool) -> Response:
    """Return a page as HTML, or as its JSON twin."""
    if as_json:
        reply = Response(json_dumps(to_json(page.facts)), mimetype="application/json")
    else:
        reply = _html(node, page)
    reply.status_code = page.status
    reply.headers["Cache-Control"] = "no-cache"
    return reply


def _html(node: NodeParts, page: Page) -> Response:
    texts = texts_of_request()
    head = node.engine.head()
    html = render_template(
        page.template,
        page=page.facts,
        t=texts,
        pieces=lambda value: _pieces(texts, value),
        language=texts.tag,
        languages=list(LANGUAGES.items()),
        network=node.genesis.network,
        operator=node.settings.operator,
        head=HeadFacts(head.height, texts.age(node.head_age()), head.app_hash.hex()),
        twin=page.twin,
        here=page.here,
        path=request.path,
        query=page.query,
        moment=texts.moment,
        day=texts.day,
        rfc3339=format_time,
        readable=_readable,
    )
    reply = Response(html, mimetype="text/html")
    reply.headers["Content-Language"] = texts.tag
    reply.headers["Vary"] = "Accept-Language, Cookie"
    if request.args.get("lang") in LANGUAGES:
        reply.set_cookie(
            LANGUAGE_COOKIE, texts.tag, max_age=_YEAR, samesite="Lax", httponly=True, path="/"
        )
    return reply


def _pieces(texts: Texts, value: Term | Sentence) -> list[Term]:
    return [value] if isinstance(value, Term) else texts.pieces(value)


def _readable(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
