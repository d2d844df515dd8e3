"""The wiring of the verifier's web face: the only place that builds concrete parts for it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from flask import Flask, Response, g, jsonify, make_response, render_template, request, session
from werkzeug.exceptions import HTTPException

from verifier_app import security
from verifier_app.counter import Counter
from verifier_app.hooks import Hooks
from verifier_app.languages import Languages, Words, told
from verifier_app.presentations import Presentations
from verifier_app.routes import (
    api,
    health,
    hooks,
    openid4vp,
    presentations,
    requests,
    scan,
    trust,
)
from verifier_app.routes import vc_api as suites
from verifier_app.settings import Settings
from verifier_app.trust_view import TrustView
from verifier_app.vc_api import VcApi
from weid import limits
from weid.errors import ProofError, ProtocolError, RegistryUnavailableError, WeidError

_MACHINES = ("/openid4vp/", "/api/")
"""Below these nobody reads pages: what routing itself refuses is told as JSON as well."""
HERE = Path(__file__).parent
MESSAGES = {
    400: told("The page sent something that cannot be used."),
    403: told("This form is no longer good. Go back and try again."),
    404: told("There is no such page."),
    405: told("There is no such page."),
    413: told("That is too large."),
}
WENT_WRONG = told("Something went wrong here.")
UNREACHABLE = (
    told("The registry cannot be reached now."),
    told("Nothing is known to be wrong. Try again when the connection is back."),
)
UNPROVED = (
    told("The registry's answer cannot be believed."),
    told("Tell the technician: the node may be faulty, or set up wrongly here."),
)
"""Message and hint of a registry that is away, and of one that proves nothing."""


def create_app(  # noqa: PLR0913 - what the pages stand on
    settings: Settings,
    *,
    counter: Counter,
    trust_view: TrustView,
    taken_hooks: Hooks | None = None,
    vc_api: VcApi | None = None,
    asking: Presentations | None = None,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> Flask:
    """Return the WSGI application; `counter` does the work, `trust_view` shows what is trusted.

    `taken_hooks` takes the webhooks of nodes; None refuses them all. `vc_api` answers the W3C's
    test suites; without it their routes do not exist. `asking` asks wallets online; None: that is
    not set up here.
    """
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=limits.IMAGE_BYTES + 64 * 1024,
        MAX_FORM_MEMORY_SIZE=2 * limits.PRESENTATION_BYTES,
        SESSION_COOKIE_NAME="weid-verifier" if settings.development else "__Host-weid-verifier",
        SESSION_COOKIE_SECURE=not settings.development,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    app.extensions.update(
        counter=counter,
        trust_view=trust_view,
        verifier_settings=settings,
        hooks=taken_hooks,
        presentations=asking,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    # First the language: a refusal is told in words as well.
    _install_languages(app, settings)
    security.install(app, public_url=settings.public_url, random=random)
    for part in (scan, requests, presentations, trust, health, hooks, openid4vp, api):
        app.register_blueprint(part.pages)
    if vc_api is not None:
        app.extensions["vc_api"] = vc_api
        app.register_blueprint(suites.pages)
    _install_faults(app)
    return app


def _install_languages(app: Flask, settings: Settings) -> None:
    languages = Languages(HERE / "translations")

    def text(message: str) -> str:
        return languages.text(g.language, message)

    def plural(one: str, many: str, number: int) -> str:
        return languages.plural(g.language, one, many, number)

    words_now = Words(text, plural)

    @app.before_request
    def choose() -> None:
        accepted = [tag for tag, _ in request.accept_languages]
        g.language = languages.best(session.get("language"), accepted)
        g.text, g.words = text, words_now

    @app.context_processor
    def words() -> dict[str, object]:
        return {
            "_": text,
            "plural": plural,
            "language": g.language,
            "languages": languages.choices,
            "counter_name": settings.counter_name,
            "asks_wallets": settings.wallets is not None,
            "networks": ", ".join(network.name for network in settings.networks),
            "back_path": request.path if request.method == "GET" else "/",
        }


def _machine_error(status: int, name: str) -> Response:
    """Return a refusal that no route made, for programs."""
    return make_response(
        jsonify(error="invalid_request", error_description=name, message=name), status
    )


def _install_faults(app: Flask) -> None:
    def page(message: str, hint: str | None, status: int) -> Response:
        fault = {"message": g.text(message), "hint": g.text(hint) if hint else None}
        return make_response(render_template("fault.html", fault=fault), status)

    @app.errorhandler(WeidError)
    def ours(error: WeidError) -> Response:
        if isinstance(error, RegistryUnavailableError):
            return page(*UNREACHABLE, 503)
        if isinstance(error, ProofError):
            return page(*UNPROVED, 503)
        if isinstance(error, ProtocolError):
            return page(error.description, error.hint, error.status)
        return page(error.message, error.hint, 400)

    @app.errorhandler(HTTPException)
    def theirs(error: HTTPException) -> Response:
        status = error.code or 500
        if request.path.startswith(_MACHINES):
            return _machine_error(status, error.name)
        return page(MESSAGES.get(status, WENT_WRONG), None, status)

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> Response:
        # The kind of error and nothing of what was sent: requests carry personal data.
        app.logger.error("unforeseen %s at %s", type(error).__name__, request.endpoint)
        return page(WENT_WRONG, told("Try again; tell the technician if it stays."), 500)
