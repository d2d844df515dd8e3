"""What is trusted here and how old the knowledge is, for the page and for readiness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from verifier_app.languages import Words, told
from verifier_app.settings import TrustedNetworkSettings
from verifier_app.templates_seen import TemplatesSeen
from weid.clock import Clock
from weid.errors import WeidError
from weid.registry.records import Head, RecognitionRecord
from weid.registry.registry import RegistryReader


@dataclass(frozen=True, slots=True)
class SeenNetwork:
    """A trusted network, how it is read, and from what age (seconds) its state is not used."""

    settings: TrustedNetworkSettings
    reader: RegistryReader
    refuse_after: int


@dataclass(frozen=True, slots=True)
class IssuerLine:
    """A recognized issuer for one kind of certificate."""

    name: str
    did: str
    certificate: str
    state: str


@dataclass(frozen=True, slots=True)
class NetworkView:
    """One trusted network as the page shows it; height and age are None while unreachable."""

    name: str
    source: str
    state: str
    genesis: str
    height: int | None = None
    age: str = ""
    issuers: list[IssuerLine] = field(default_factory=list)


class TrustView:
    """The trusted networks of this counter."""

    def __init__(
        self,
        networks: Sequence[SeenNetwork],
        *,
        templates: TemplatesSeen,
        clock: Clock,
    ) -> None:
        self._networks = networks
        self._templates = templates
        self._clock = clock

    def networks(self, words: Words, language: str) -> list[NetworkView]:
        """Return every network with its recognized issuers, or that it cannot be read now."""
        return [self._view(network, words, language) for network in self._networks]

    def unavailable(self) -> list[str]:
        """Return the names of the networks by which nothing can be verified now."""
        missing = []
        for network in self._networks:
            try:
                head = network.reader.head()
            except WeidError:
                missing.append(network.settings.name)
            else:
                if self._too_old(network, head):
                    missing.append(network.settings.name)
        return missing

    def _too_old(self, network: SeenNetwork, head: Head) -> bool:
        return self._clock.now() - head.time > network.refuse_after

    def _view(self, network: SeenNetwork, words: Words, language: str) -> NetworkView:
        text, settings, reader = words.text, network.settings, network.reader
        source = text("live node") if settings.nodes else text("trust bundle file")
        try:
            head = reader.head()
            issuers = self._issuers(settings.name, reader, text, language)
        except WeidError:
            return NetworkView(
                settings.name, source, text("cannot be read now"), settings.genesis_hash
            )
        old = self._too_old(network, head)
        return NetworkView(
            name=settings.name,
            source=source,
            state=text("too old to be used") if old else text("can be read"),
            genesis=settings.genesis_hash,
            height=head.height,
            age=age_in_words(self._clock.now() - head.time, words.plural),
            issuers=issuers,
        )

    def _issuers(
        self, network: str, reader: RegistryReader, text: Callable[[str], str], language: str
    ) -> list[IssuerLine]:
        lines = []
        for cpt_id in dict.fromkeys(record.cpt_id for record in reader.templates()):
            template = self._templates.known(network, cpt_id, 1)
            for recognition in reader.recognized_issuers(cpt_id):
                organisation = reader.organisation(recognition.issuer)
                lines.append(
                    IssuerLine(
                        name=organisation.name if organisation else recognition.issuer,
                        did=recognition.issuer,
                        certificate=template.name(language) if template else cpt_id,
                        state=text(self._state(recognition)),
                    )
                )
        return lines

    def _state(self, recognition: RecognitionRecord) -> str:
        now = self._clock.now()
        over = recognition.valid_until is not None and recognition.valid_until < now
        if over or recognition.ended_at is not None:
            return told("ended")
        return told("not yet in force") if recognition.valid_from > now else told("in force")


def age_in_words(seconds: int, plural: Callable[[str, str, int], str]) -> str:
    """Return an age in its largest unit of which there are two at least."""
    days, hours, minutes = seconds // 86_400, seconds // 3_600, seconds // 60
    if days >= 2:
        return plural("%d day", "%d days", days) % days
    if hours >= 2:
        return plural("%d hour", "%d hours", hours) % hours
    if minutes >= 2:
        return plural("%d minute", "%d minutes", minutes) % minutes
    seconds = max(seconds, 0)
    return plural("%d second", "%d seconds", seconds) % seconds
