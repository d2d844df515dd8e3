"""The node's Flask app: API and pages over the parts it is given. Builds nothing itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from registry_chain.node.api.endpoints import Cost, Endpoint, endpoints
from registry_chain.node.api.openapi import describe_api
from registry_chain.node.api.problems import TOO_MANY, Problem, problem_of_status
from registry_chain.node.api.reading import json_reply
from registry_chain.node.explorer.page import Page
from registry_chain.node.explorer.register import Register
from registry_chain.node.explorer.rendering import render
from registry_chain.node.explorer.routes import NOT_FOUND_PAGE, add_pages
from registry_chain.node.metrics import RATE_LIMITED, REQUESTS
from registry_chain.node.parts import NodeParts
from registry_chain.node.rate_limit import RateLimiter, true_peer
from registry_chain.node.secure import SECURITY_HEADERS
from weid.errors import RegistryUnavailableError, WeidError

_log = logging.getLogger(__name__)
_PAGES: Final = ("page.", "twin.", "asset")
_API_PATHS: Final = (
    "/v1/", "/1.0/", "/.well-known/", "/events", "/healthz", "/readyz", "/metrics",
)  # fmt: skip
_PAGE_PROBLEMS: Final = {
    404: (NOT_FOUND_PAGE.facts["title"], NOT_FOUND_PAGE.facts["hint"]),
    405: ("Not allowed", "This page is only read."),
    429: ("Too many requests", "Wait a moment and try again."),
}
_PAGE_FAILED: Final = (
    "Something went wrong here",
    "The page cannot be shown now. Try again in a moment.",
)


def create_app(node: NodeParts, make_register: Callable[[], Register]) -> Flask:
    """Return the app of a node; `make_register` gives what the pages of one request read."""
    app = Flask(__name__, static_folder=None, template_folder="explorer/templates")
    app.config["MAX_CONTENT_LENGTH"] = node.settings.body_bytes
    app.config["MAX_FORM_MEMORY_SIZE"] = 0
    app.jinja_env.trim_blocks = True
    app.url_map.strict_slashes = True
    table = endpoints(node)
    costs = {endpoint.name: endpoint.cost for endpoint in table}
    for endpoint in table:
        _add_endpoint(app, node, endpoint)
    description = describe_api(table, network=node.genesis.network)
    app.add_url_rule("/openapi.json", "openapi", lambda: json_reply(description))
    add_pages(app, node, make_register)
    _add_limits(app, node, costs)
    _add_refusals(app, node)

    @app.after_request
    def secure(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if not _is_page(request.endpoint):
            # Public and proved: a verifier in a browser may read it from anywhere.
            response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
            response.headers["Access-Control-Allow-Origin"] = "*"
        node.metrics.count(
            REQUESTS, route=request.endpoint or "none", status=str(response.status_code)
        )
        return response

    return app


def _is_page(endpoint: str | None) -> bool:
    if endpoint is not None:
        return endpoint.startswith(_PAGES)
    return not request.path.startswith(_API_PATHS)


def _add_endpoint(app: Flask, node: NodeParts, endpoint: Endpoint) -> None:
    def view(**parts: object) -> Response:
        return endpoint.function(node, **parts)

    app.add_url_rule(endpoint.path, endpoint.name, view, methods=[endpoint.method])


def _add_limits(app: Flask, node: NodeParts, costs: dict[str, Cost]) -> None:
    settings = node.settings
    limiters = {
        Cost.READ: RateLimiter(settings.read_limit, peers=settings.peers, monotonic=node.monotonic),
        Cost.SUBMIT: RateLimiter(
            settings.submit_limit, peers=settings.peers, monotonic=node.monotonic
        ),
    }

    @app.before_request
    def limit() -> None:
        cost = costs.get(request.endpoint or "", Cost.READ)
        if cost is Cost.FREE:
            return
        peer = true_peer(
            request.remote_addr or "",
            request.headers.get("X-Forwarded-For", ""),
            settings.trusted_proxies,
        )
        wait = limiters[cost].take(peer)
        if wait > 0:
            node.metrics.count(RATE_LIMITED, kind=cost.value)
            raise Problem(
                429,
                TOO_MANY,
                "too many requests from one place",
                "wait as Retry-After says, or run a node of your own",
                retry_after=max(1, round(wait)),
            )


def _add_refusals(app: Flask, node: NodeParts) -> None:
    def answer(problem: Problem) -> Response:
        if not _is_page(request.endpoint) or request.path.endswith(".json"):
            return problem.response()
        title, hint = _PAGE_PROBLEMS.get(problem.status, _PAGE_FAILED)
        page = Page("problem.html", {"title": title, "hint": hint}, status=problem.status)
        response = render(node, page, as_json=False)
        if problem.retry_after is not None:
            response.headers["Retry-After"] = str(problem.retry_after)
        return response

    @app.errorhandler(Problem)
    def refused(problem: Problem) -> Response:
        return answer(problem)

    @app.errorhandler(HTTPException)
    def refused_by_flask(error: HTTPException) -> Response:
        if error.code is not None and error.code < 400 and error.response is not None:
            return error.response  # type: ignore[return-value]  # a redirect that Flask made
        return answer(problem_of_status(error.code or 500))

    @app.errorhandler(RegistryUnavailableError)
    def unavailable(error: RegistryUnavailableError) -> Response:
        hint = error.hint or "try again in a moment, or ask another node"
        return answer(Problem(503, "unavailable", error.message, hint, retry_after=1))

    @app.errorhandler(WeidError)
    def failed(error: WeidError) -> Response:
        _log.error("a request failed: %s", error.message)
        return answer(problem_of_status(500))

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        _log.error("a request failed", exc_info=error)
        return answer(problem_of_status(500))
