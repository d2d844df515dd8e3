"""An issuer below a path of its host, such as https://gov.example/issuer.

A proxy before it may pass the path on or strip it; the setting `public_url` alone says where this
application is. Well-known documents are found in both orders (OpenID4VCI 1.0 section 12.2.2, RFC
8414 section 3.1). Clause IP-79.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from flask import Flask

from issuer_app.errors import SettingsError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_WELL_KNOWN: Final = "/.well-known/"


class Mounted:
    """A WSGI application that takes requests with and without the path before them."""

    def __init__(self, application: WSGIApplication, path: str) -> None:
        self._application = application
        self._path = path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request as one below the path."""
        environ["SCRIPT_NAME"] = self._path
        environ["PATH_INFO"] = inside(environ.get("PATH_INFO", ""), self._path)
        return self._application(environ, start_response)


def inside(asked: str, path: str) -> str:
    """Return what is asked for within the application that lies at a path."""
    if asked.startswith(_WELL_KNOWN) and asked.endswith(path):
        return asked[: -len(path)]
    if asked == path or asked.startswith(f"{path}/"):
        return asked[len(path) :] or "/"
    return asked


def install_mount(app: Flask, path: str) -> None:
    """Serve an application below a path; nothing changes where it is empty.

    Raises:
        SettingsError: the path begins as one of the application's own does, so that nobody could
            tell whether a proxy has stripped it.
    """
    if not path:
        return
    first = path.split("/")[1]
    if first in {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()}:
        raise SettingsError(
            f"the path of public_url begins with /{first}, as pages of this program do",
            hint="choose another path, such as /issuer.",
        )
    app.wsgi_app = Mounted(app.wsgi_app, path)  # type: ignore[method-assign]
