"""`verifier-app SETTINGS`: one counter behind a production WSGI server."""

from __future__ import annotations

import logging
import signal
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
from waitress.server import create_server

from verifier_app.listening import bind, url_of
from verifier_app.settings import load_settings
from verifier_app.wiring import build, subscriptions, tidying
from weid.clock import SystemClock
from weid.errors import RegistryUnavailableError, WeidError
from weid.server_log import guard_server_log

NEXT_STEP = "verifier-app --help; verifier_app/settings.example.toml shows every setting."


def _stop(_signal: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(0)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument(
    "settings_file", metavar="SETTINGS", type=click.Path(dir_okay=False, path_type=Path)
)
@click.option(
    "--subscribe/--no-subscribe",
    default=True,
    show_default=True,
    help="Follow the registries' events, so that a check need not ask each time what is newest.",
)
@click.version_option(package_name="weid", prog_name="verifier-app")
def serve(settings_file: Path, *, subscribe: bool) -> None:
    """Serve the counter that SETTINGS (TOML) describes, until SIGTERM or Ctrl-C.

    Copy verifier_app/settings.example.toml and edit it; it holds a secret, so give it mode 0600.
    """
    settings = load_settings(settings_file)
    with ExitStack() as until_the_end:
        listening = until_the_end.enter_context(closing(bind(settings.host, settings.port)))
        app = build(settings, clock=SystemClock())
        server = create_server(
            app,
            sockets=[listening],
            threads=8,
            ident=None,
            # What waitress would clear is believed from listed proxies only (`sources`).
            clear_untrusted_proxy_headers=not settings.trusted_proxies,
            channel_timeout=60,
            asyncore_use_poll=True,
            max_request_body_size=int(app.config["MAX_CONTENT_LENGTH"]),
        )
        until_the_end.callback(server.close)
        for subscription in subscriptions(app) if subscribe else ():
            subscription.start()
            until_the_end.callback(subscription.close)
        cleaner = tidying(app)
        if cleaner is not None:
            cleaner.start()
            until_the_end.callback(cleaner.close)
        signal.signal(signal.SIGTERM, _stop)
        click.echo(f"listening on {url_of(listening)}")
        sys.stdout.flush()
        server.run()


def start_log() -> None:
    """Log to stderr, one line each, and of the HTTP server nothing that opens something."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    guard_server_log()


def run() -> None:
    """Run the command; errors are told in two lines."""
    start_log()
    try:
        serve.main(prog_name="verifier-app", standalone_mode=True)
    except (WeidError, OSError) as error:
        what, next_step = _words(error)
        click.echo(f"verifier-app: {what}", err=True)
        click.echo(f"Try: {next_step}", err=True)
        sys.exit(1)


def _words(error: Exception) -> tuple[str, str]:
    if isinstance(error, RegistryUnavailableError):
        return error.message, error.hint or "look whether the node runs, then start again."
    if isinstance(error, WeidError):
        return error.message, error.hint or NEXT_STEP
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}", "look at the path, its owner and the free space."
    return str(error), NEXT_STEP
