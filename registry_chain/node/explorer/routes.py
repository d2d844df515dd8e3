"""The pages' table: each path with its page and its `.json` twin."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Final

from flask import Flask, redirect, request
from flask import Response as FlaskResponse
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from registry_chain.node.api.problems import NOT_FOUND, Problem
from registry_chain.node.explorer import (
    chain_pages,
    issuer_pages,
    node_pages,
    people_pages,
    policy_pages,
    search_page,
    template_pages,
)
from registry_chain.node.explorer.identifiers import identifier_of
from registry_chain.node.explorer.page import Page
from registry_chain.node.explorer.register import Register
from registry_chain.node.explorer.rendering import render, texts_of_request
from registry_chain.node.parts import NodeParts

NOT_FOUND_PAGE: Final = Page(
    "problem.html",
    {
        "title": "Not found",
        "hint": (
            "There is no such page or record here. Check the spelling, or search from the home "
            "page."
        ),
    },
    status=404,
)


@dataclass(frozen=True, slots=True)
class PageRoute:
    """A page's path, its JSON twin's, and what makes it; None from `make` is "not found"."""

    path: str
    twin: str
    name: str
    make: Callable[..., Page | None]


def _home(node: NodeParts, register: Register) -> Page:
    return chain_pages.home(node, register)


def _blocks(node: NodeParts, register: Register) -> Page:
    text = request.args.get("below", "")
    below = int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else 0
    return chain_pages.blocks(node, register, below)


def _transaction(node: NodeParts, register: Register, text: str) -> Page | None:
    del node
    identifier = identifier_of(text)
    return None if identifier is None else chain_pages.transaction(register, identifier)


def _did(node: NodeParts, register: Register, text: str) -> Page | None:
    return people_pages.did(register, node.clock, text)


def _templates(node: NodeParts, register: Register) -> Page:
    del node
    return template_pages.templates(register, texts_of_request().tag)


def _template(node: NodeParts, register: Register, cpt_id: str, version: int) -> Page | None:
    tag = texts_of_request().tag
    return template_pages.template(register, node.clock, cpt_id, version, tag)


def _newest_template(node: NodeParts, register: Register, cpt_id: str) -> Page | None:
    return template_pages.newest(register, node.clock, cpt_id, texts_of_request().tag)


def _policies(node: NodeParts, register: Register) -> Page:
    del node
    return policy_pages.policies(register, texts_of_request().tag)


def _policy(node: NodeParts, register: Register, policy_id: str, version: int) -> Page | None:
    del node
    return policy_pages.policy(register, policy_id, version, texts_of_request().tag)


def _issuers(node: NodeParts, register: Register) -> Page:
    return issuer_pages.issuers(register, node.clock, texts_of_request().tag)


def _nodes(node: NodeParts, register: Register) -> Page:
    del node
    return node_pages.nodes(register)


def _governance(node: NodeParts, register: Register) -> Page:
    return people_pages.governance(register, node.clock)


def _proposal(node: NodeParts, register: Register, text: str) -> Page | None:
    identifier = identifier_of(text)
    return None if identifier is None else people_pages.proposal(register, node.clock, identifier)


def _search(node: NodeParts, register: Register) -> Page:
    del node
    return search_page.search(register, request.args.get("q", ""))


PAGES: Final = (
    PageRoute("/", "/index.json", "home", _home),
    PageRoute("/blocks", "/blocks.json", "blocks", _blocks),
    PageRoute("/blocks/<int:height>", "/blocks/<int:height>.json", "block", chain_pages.block),
    PageRoute("/transactions/<text>", "/transactions/<text>.json", "transaction", _transaction),
    PageRoute("/dids/<text>", "/dids/<text>.json", "did", _did),
    PageRoute("/issuers", "/issuers.json", "issuers", _issuers),
    PageRoute("/templates", "/templates.json", "templates", _templates),
    PageRoute(
        "/templates/<cpt_id>/<int:version>",
        "/templates/<cpt_id>/<int:version>.json",
        "template",
        _template,
    ),
    PageRoute("/policies", "/policies.json", "policies", _policies),
    PageRoute(
        "/policies/<policy_id>/<int:version>",
        "/policies/<policy_id>/<int:version>.json",
        "policy",
        _policy,
    ),
    PageRoute("/nodes", "/nodes.json", "nodes", _nodes),
    PageRoute("/governance", "/governance.json", "governance", _governance),
    PageRoute("/governance/<text>", "/governance/<text>.json", "proposal", _proposal),
    PageRoute("/search", "/search.json", "search", _search),
)


def add_pages(app: Flask, node: NodeParts, make_register: Callable[[], Register]) -> None:
    """Add every page to the app; `make_register` gives what one request reads."""
    for route in PAGES:
        app.add_url_rule(route.path, f"page.{route.name}", _view(node, route, make_register))
        twin = _view(node, route, make_register, as_json=True)
        app.add_url_rule(route.twin, f"twin.{route.name}", twin)

    def newest_template(cpt_id: str) -> Response:
        version = template_pages.newest_version(make_register(), cpt_id)
        if version is None:
            raise _not_found()
        return redirect(f"/templates/{cpt_id}/{version}", 302)

    def newest_twin(cpt_id: str) -> Response:
        return _answer(node, _newest_template(node, make_register(), cpt_id), as_json=True)

    app.add_url_rule("/templates/<cpt_id>", "page.newest_template", newest_template)
    app.add_url_rule("/templates/<cpt_id>.json", "twin.newest_template", newest_twin)
    assets = _assets()

    def asset(name: str) -> Response:
        if name not in assets:
            raise NotFound
        content, kind = assets[name]
        reply = FlaskResponse(content, mimetype=kind)
        reply.headers["Cache-Control"] = "public, max-age=3600"
        return reply

    app.add_url_rule("/static/<name>", "asset", asset)


def _view(
    node: NodeParts,
    route: PageRoute,
    make_register: Callable[[], Register],
    *,
    as_json: bool = False,
) -> Callable[..., Response]:
    def view(**parts: object) -> Response:
        page = route.make(node, make_register(), **parts)
        return _answer(node, page, as_json=as_json)

    return view


def _answer(node: NodeParts, page: Page | None, *, as_json: bool) -> Response:
    if page is None:
        raise _not_found()
    return render(node, page, as_json=as_json)


def _not_found() -> Problem:
    """Return the refusal that the app tells as a page, or as JSON where a twin was asked for."""
    return Problem(
        404,
        NOT_FOUND,
        "there is no such page or record here",
        "check the spelling, or search with /search.json?q=",
    )


def _assets() -> dict[str, tuple[bytes, str]]:
    """Return the style and the script: small enough to be kept in memory."""
    folder = resources.files("registry_chain.node.explorer") / "static"
    return {
        name: ((folder / name).read_bytes(), kind)
        for name, kind in (("explorer.css", "text/css"), ("check_file.js", "text/javascript"))
    }
