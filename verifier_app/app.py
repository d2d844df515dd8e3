"""The wiring of the verifier's web face: the only place that builds concrete parts for it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from flask import Flask, Response, g, make_response, render_template, request, session
from werkzeug.exceptions import HTTPException

from verifier_app import security
from verifier_app.counter import Counter
from verifier_app.hooks import Hooks
from verifier_app.languages import Languages, Words, told
from verifier_app.routes import health, hooks, requests, scan, trust
from verifier_app.routes import vc_api as suites
from verifier_app.settings import Settings
from verifier_app.trust_view import TrustView
from verifier_app.vc_api import VcApi
from weid import limits
from weid.errors import ProofError, RegistryUnavailableError, WeidError

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


def create_app(
    settings: Settings,
    *,
    counter: Counter,
    trust_view: TrustView,
    taken_hooks: Hooks | None = None,
    vc_api: VcApi | None = None,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> Flask:
    """Return the WSGI application; `counter` does the work, `trust_view` shows what is trusted.

    `taken_hooks` takes the webhooks of nodes; None refuses them all. `vc_api` answers the W3C's
    test suites; without it their routes do not exist.
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
        counter=counter, trust_view=trust_view, verifier_settings=settings, hooks=taken_hooks
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    # First the language: a refusal is told in words as well.
    _install_languages(app, settings)
    security.install(app, public_url=settings.public_url, random=random)
    for part in (scan.pages, requests.pages, trust.pages, health.pages, hooks.pages):
        app.register_blueprint(part)
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
            "networks": ", ".join(network.name for network in settings.networks),
            "back_path": request.path if request.method == "GET" else "/",
        }


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
        return page(error.message, error.hint, 400)

    @app.errorhandler(HTTPException)
    def theirs(error: HTTPException) -> Response:
        status = error.code or 500
        return page(MESSAGES.get(status, WENT_WRONG), None, status)

    @app.errorhandler(Exception)
    def unforeseen(error: Exception) -> Response:
        # The kind of error and nothing of what was sent: requests carry personal data.
        app.logger.error("unforeseen %s at %s", type(error).__name__, request.endpoint)
        return page(WENT_WRONG, told("Try again; tell the technician if it stays."), 500)
