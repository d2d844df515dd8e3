"""What a counter does: ask, read a picture, check, answer. It keeps open requests and nothing else.

An open request belongs to the browser that opened it, is good for one answer, and ends by itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from verifier_app.languages import told
from verifier_app.result_view import ResultView
from verifier_app.settings import Wish
from verifier_app.templates_seen import TemplatesSeen
from weid.clock import Clock
from weid.errors import MalformedError, NoCodeError, NotFoundError, SeveralCodesError
from weid.qr.envelope import decode_envelope, encode_envelope
from weid.qr.image import draw_svg, read_image
from weid.verification.report import Conclusion, VerificationReport
from weid.verification.request import PresentationRequest
from weid.verifier import Verifier

OPEN_REQUESTS = 10_000
"""Open requests kept at once; past that the oldest ends, so that a flood cannot fill the memory."""


@dataclass(frozen=True, slots=True)
class WishView:
    """A saved request in one language."""

    id: str
    title: str
    purpose: str
    fields: list[str]


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A request that waits for its answer."""

    id: str
    browser: str
    wish: Wish
    request: PresentationRequest
    expires_at: int


@dataclass(frozen=True, slots=True)
class OpenRequestView:
    """An open request as its page shows it; the minutes are begun ones."""

    id: str
    wish: WishView
    text: str
    minutes_left: int


class Counter:
    """One counter of one verifier; safe to share between threads."""

    def __init__(
        self,
        *,
        verifier: Verifier,
        wishes: Mapping[str, Wish],
        templates: TemplatesSeen,
        clock: Clock,
        random: Callable[[int], bytes],
        request_seconds: int,
    ) -> None:
        self._verifier = verifier
        self._wishes = wishes
        self._templates = templates
        self._clock = clock
        self._random = random
        self._request_seconds = request_seconds
        self._open: dict[str, OpenRequest] = {}
        self._lock = threading.Lock()

    # --- asking ----------------------------------------------------------------------------------

    def wishes(self, language: str) -> list[WishView]:
        """Return what this counter may ask for."""
        return [self._wish_view(wish, language) for wish in self._wishes.values()]

    def ask(self, wish_id: str, *, browser: str) -> str:
        """Open a request of a browser and return its id (128 random bits)."""
        wish = self._wishes.get(wish_id)
        if wish is None:
            raise NotFoundError(told("There is no such saved request."))
        template = self._templates.published(wish.network, wish.cpt_id, wish.version)
        request = self._verifier.request(template, *wish.fields, valid_for=self._request_seconds)
        opened = OpenRequest(
            id=self._random(16).hex(),
            browser=browser,
            wish=wish,
            request=request,
            expires_at=self._clock.now() + self._request_seconds,
        )
        with self._lock:
            self._forget_old()
            self._open[opened.id] = opened
        return opened.id

    def open_request(self, request_id: str, *, browser: str, language: str) -> OpenRequestView:
        """Return an open request of this browser for its page."""
        opened = self._find(request_id, browser)
        return OpenRequestView(
            id=opened.id,
            wish=self._wish_view(opened.wish, language),
            text=encode_envelope(opened.request.to_text()),
            minutes_left=max(1, -(-(opened.expires_at - self._clock.now()) // 60)),
        )

    def request_picture(self, request_id: str, *, browser: str, label: str) -> str:
        """Return the code of an open request as SVG; `label` is what a screen reader says."""
        opened = self._find(request_id, browser)
        return draw_svg(encode_envelope(opened.request.to_text()), label=label)

    def answer(self, request_id: str, text: str, *, browser: str) -> ResultView:
        """Check the answer to an open request, which is used up by it.

        Only where it could not be checked the request stays open.
        """
        opened = self._find(request_id, browser)
        presentation = _presentation(text)
        with self._lock:
            if self._open.pop(opened.id, None) is None:
                raise _gone()
        report = self._verifier.verify(presentation, opened.request)
        if report.conclusion is Conclusion.COULD_NOT_CHECK:
            # Nothing was decided: the same answer, or another, may still come.
            with self._lock:
                self._open[opened.id] = opened
        return self._view(report)

    # --- checking --------------------------------------------------------------------------------

    def read_picture(self, picture: bytes) -> str:
        """Return the text of the one code in a picture.

        Raises:
            MalformedError: it is no picture, or shows no code, or several.
        """
        try:
            return read_image(picture)
        except NoCodeError:
            raise NoCodeError(
                told("There is no code in the picture that can be read."),
                hint=told("Take it again: nearer, sharper, in good light, the whole code in it."),
            ) from None
        except SeveralCodesError:
            raise SeveralCodesError(
                told("The picture shows more than one code."),
                hint=told("Cut it so that it shows only the one that is meant."),
            ) from None
        except MalformedError:
            raise MalformedError(
                told("This file is not a picture that can be used."),
                hint=told("Take a photo or a screenshot of the code, as PNG or JPEG."),
            ) from None

    def check(self, text: str) -> ResultView:
        """Check something that was not asked for: a shown code, or a certificate on paper.

        Which of both the policy accepts is the verifier's; what has no key binding is checked as
        unbound and never as an answer.
        """
        presentation = _presentation(text)
        if presentation.endswith("~"):
            report = self._verifier.verify_credential(presentation)
        else:
            report = self._verifier.verify_shown(presentation)
        return self._view(report)

    # --- within ----------------------------------------------------------------------------------

    def _view(self, report: VerificationReport) -> ResultView:
        template = self._templates.of_type(report.require().vct) if report.accepted else None
        return ResultView(report, template)

    def _wish_view(self, wish: Wish, language: str) -> WishView:
        template = self._templates.known(wish.network, wish.cpt_id, wish.version)
        label = template.label if template else None
        fields = [
            label(tuple(path.split(".")), language) if label else path for path in wish.fields
        ]
        return WishView(
            id=wish.id,
            title=wish.title.get(language, wish.title["en"]),
            purpose=wish.purpose.get(language, wish.purpose["en"]),
            fields=fields,
        )

    def _find(self, request_id: str, browser: str) -> OpenRequest:
        with self._lock:
            self._forget_old()
            opened = self._open.get(request_id)
        if opened is None or opened.browser != browser:
            raise _gone()
        return opened

    def _forget_old(self) -> None:
        now = self._clock.now()
        for request_id in [one.id for one in self._open.values() if one.expires_at <= now]:
            del self._open[request_id]
        while len(self._open) >= OPEN_REQUESTS:
            del self._open[next(iter(self._open))]


def _gone() -> NotFoundError:
    return NotFoundError(told("This request is no longer open."), hint=told("Make a new request."))


def _presentation(text: str) -> str:
    """Return the presentation that a scanned or pasted text holds."""
    plain = _decoded(text) if text.startswith(("WI1:", "WI3:")) else text
    if plain.startswith("{"):
        raise MalformedError(
            told("This is a request, not a certificate."),
            hint=told("Scan the code that the wallet shows as its answer."),
        )
    if "~" not in plain or plain.count(".") < 2:
        raise MalformedError(
            told("This is not a certificate code."),
            hint=told("Ask the person to open the certificate in the wallet and choose “Show”."),
        )
    return plain


def _decoded(code: str) -> str:
    try:
        return decode_envelope(code)
    except MalformedError:
        raise MalformedError(
            told("This code is damaged, not whole, or of a newer kind."),
            hint=told("Let the person show it again and scan it once more."),
        ) from None
