"""What is trusted here and how old the knowledge is, for the page and for readiness."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from verifier_app.settings import TrustedNetworkSettings
from verifier_app.templates_seen import TemplatesSeen
from weid.clock import Clock
from weid.errors import RegistryError
from weid.registry.records import RecognitionRecord
from weid.registry.registry import RegistryReader

Text = Callable[[str], str]


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
        networks: Sequence[tuple[TrustedNetworkSettings, RegistryReader]],
        *,
        templates: TemplatesSeen,
        clock: Clock,
    ) -> None:
        self._networks = networks
        self._templates = templates
        self._clock = clock

    def networks(self, text: Text, language: str) -> list[NetworkView]:
        """Return every network with its recognized issuers, or that it cannot be read now."""
        return [self._view(settings, reader, text, language) for settings, reader in self._networks]

    def unavailable(self) -> list[str]:
        """Return the names of the networks that cannot be read now."""
        missing = []
        for settings, reader in self._networks:
            try:
                reader.head()
            except RegistryError:
                missing.append(settings.name)
        return missing

    def _view(
        self, settings: TrustedNetworkSettings, reader: RegistryReader, text: Text, language: str
    ) -> NetworkView:
        source = text("live node") if settings.nodes else text("trust bundle file")
        try:
            head = reader.head()
            issuers = self._issuers(settings.name, reader, text, language)
        except RegistryError:
            return NetworkView(
                settings.name, source, text("cannot be read now"), settings.genesis_hash
            )
        return NetworkView(
            name=settings.name,
            source=source,
            state=text("can be read"),
            genesis=settings.genesis_hash,
            height=head.height,
            age=age_in_words(self._clock.now() - head.time, text),
            issuers=issuers,
        )

    def _issuers(
        self, network: str, reader: RegistryReader, text: Text, language: str
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
        if recognition.ended_at is not None:
            return "ended"
        if recognition.valid_from > now:
            return "not yet in force"
        over = recognition.valid_until is not None and recognition.valid_until < now
        return "ended" if over else "in force"


def age_in_words(seconds: int, text: Text) -> str:
    """Return an age in its largest fitting unit."""
    for unit, message in ((86_400, "%d days"), (3_600, "%d hours"), (60, "%d minutes")):
        if seconds >= 2 * unit:
            return text(message) % (seconds // unit)
    return text("%d seconds") % max(seconds, 0)
