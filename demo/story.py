"""The main job, chapter by chapter: register, recognize, issue, hold, present, verify, refuse."""

from __future__ import annotations

import time
from pathlib import Path

from demo.citizen import Citizen, Employer
from demo.forger import Workshop, is_recognized, tamper
from demo.officer import Officer
from demo.processes import DemoError
from demo.town import EXAMPLES, NETWORK, TEMPLATES, Town

DIPLOMAS = EXAMPLES / "diplomas-2026.csv"
PROFESSIONALS = EXAMPLES / "professionals-2026.csv"
DIPLOMA = "university-diploma:1"
FIELDS = ("name", "degree", "classification")
REVOCATION_SECONDS = 60
TAMPERED, REVOKED, EXPIRED, UNRECOGNIZED = 10, 11, 12, 13
"""Exit codes of `weid verify`."""


def tell(town: Town) -> None:
    """Tell the whole story; raises DemoError where something does not turn out as it must."""
    teller = town.teller
    teller.chapter("A registry of three governors, of whom two decide")
    town.found_registry()

    teller.chapter("An agency registers and publishes two certificate templates")
    town.register_agency()
    teller.did(f"agency {town.agency_did}")
    _recognize(town)
    town.open_issuer()
    town.open_counter()

    officer, batch = _issue(town)
    citizen, kept = _keep(town, officer, batch)
    employer = Employer(town)
    pictures = town.folder / "pictures"
    pictures.mkdir()
    answer = _requested(town, citizen, employer, pictures)
    _online(town, citizen, employer)
    _shown(town, citizen, employer, pictures, kept)
    _refused(town, citizen, employer, pictures, answer, kept)
    _revoked(town, citizen, employer, pictures, officer, batch)


def _recognize(town: Town) -> None:
    teller = town.teller
    teller.chapter("Recognition takes two of the three governors")
    for template in TEMPLATES:
        proposal = town.propose_recognition(0, template)
        if is_recognized(town, template):
            raise DemoError("one governor alone recognized an issuer")
        teller.good(f"{template}: one approval, and the registry proves that nothing changed")
        town.approve(1, proposal)
        if not is_recognized(town, template):
            raise DemoError("two governors did not suffice")
        teller.good(f"{template}: two approvals, recognized")
    town.approve(2, town.propose_role(1))
    teller.good("the agency may write status lists and anchors without an endorser")


def _issue(town: Town) -> tuple[Officer, str]:
    teller = town.teller
    teller.chapter("An officer issues certificates from two files")
    officer = Officer(town.issuer)
    officer.sign_in("officer", town.officer_password)
    templates = officer.templates()
    batch = ""
    for file, word in ((DIPLOMAS, "diploma"), (PROFESSIONALS, "Professional")):
        template = next(id_ for name, id_ in templates.items() if word in name)
        made = officer.issue(template, file)
        batch = batch or made
        rows = len(officer.offers(made))
        teller.good(f"{file.name}: checked, approved, {rows} certificates wait for their wallets")
    return officer, batch


def _keep(town: Town, officer: Officer, batch: str) -> tuple[Citizen, str]:
    teller = town.teller
    teller.chapter("A citizen takes one into a wallet, by OpenID4VCI")
    citizen = Citizen(town)
    citizen.wallet("create")
    citizen.trust()
    kept = citizen.accept(officer.offers(batch)[0]["offer"])
    teller.good("the wallet made the key; the agency signed for it and never saw it")
    return citizen, kept


def _requested(town: Town, citizen: Citizen, employer: Employer, pictures: Path) -> Path:
    teller = town.teller
    teller.chapter("Requested: an employer asks for three fields, the wallet answers with a code")
    request, request_picture = employer.ask(DIPLOMA, *FIELDS)
    answer = pictures / "answer.txt"
    citizen.answer(request_picture, pictures / "answer.png", answer)
    report = employer.verify(pictures / "answer.png", "--request", str(request))
    teller.quote(report.stdout)
    if report.returncode != 0 or not report.stdout.startswith("valid\n"):
        raise DemoError(f"the answer was not accepted: {report.stdout}{report.stderr}")
    teller.good(f"valid, {teller.elapsed():.0f} s after the beginning")
    return answer


def _online(town: Town, citizen: Citizen, employer: Employer) -> None:
    teller = town.teller
    teller.chapter("Online: the counter asks by OpenID4VP, the wallet answers it there")
    asked = employer.ask_online(f"urn:weid:{NETWORK}:cpt:{DIPLOMA}", *FIELDS)
    told = citizen.answer_online(asked["link"])
    for beginning in ("An authority", "It says that this is for"):
        teller.quote("\n".join(line for line in told.splitlines() if line.startswith(beginning)))
    found = employer.outcome(asked["id"])
    if found["state"] != "answered" or found["report"]["conclusion"] != "valid":
        raise DemoError(f"the answer at the counter was not accepted: {found}")
    shown = found["presentations"]["diploma"][0]["claims"]
    if set(shown) != set(FIELDS):
        raise DemoError(f"the counter saw {sorted(shown)}")
    teller.good(f"valid; the counter saw {', '.join(FIELDS)} and nothing else")


def _shown(town: Town, citizen: Citizen, employer: Employer, pictures: Path, kept: str) -> None:
    teller = town.teller
    teller.chapter("Shown: the same three fields without a request")
    citizen.show(kept, ",".join(FIELDS), pictures / "shown.png")
    report = employer.verify(pictures / "shown.png", "--shown")
    if report.returncode != 0 or not report.stdout.startswith("valid, but check"):
        raise DemoError(f"the shown code was not accepted: {report.stdout}{report.stderr}")
    teller.quote(
        "\n".join(line for line in report.stdout.splitlines() if "look" in line or "→" in line)
    )
    teller.good("valid, but check: nobody asked for it, so look at the person")


def _refused(
    town: Town, citizen: Citizen, employer: Employer, pictures: Path, answer: Path, kept: str
) -> None:
    town.teller.chapter("Refused, each with its reason")
    tamper(answer, pictures / "tampered.png")
    request, _ = employer.ask(DIPLOMA, *FIELDS)
    _expect(town, employer, pictures / "tampered.png", request, TAMPERED, "tampered")
    workshop = Workshop(town, citizen.home / "wallet.weid", kept)
    for name, make, code in (
        ("expired", workshop.expired, EXPIRED),
        ("not recognized", workshop.unrecognized, UNRECOGNIZED),
    ):
        picture = pictures / f"{name.replace(' ', '-')}.png"
        request, asked = employer.ask(DIPLOMA, *FIELDS)
        arguments = ["present", str(asked), "--yes", "--credential", make(), "--qr", str(picture)]
        citizen.wallet(*arguments)
        _expect(town, employer, picture, request, code, name)


def _revoked(
    town: Town,
    citizen: Citizen,
    employer: Employer,
    pictures: Path,
    officer: Officer,
    batch: str,
) -> None:
    row = officer.offers(batch)[0]
    second = citizen.accept(row["offer"])
    officer.revoke(row["holder"])
    picture = pictures / "revoked.png"
    until = time.monotonic() + REVOCATION_SECONDS
    while True:
        request, asked = employer.ask(DIPLOMA, *FIELDS)
        citizen.wallet("present", str(asked), "--yes", "--credential", second, "--qr", str(picture))
        report = employer.verify(picture, "--request", str(request))
        if report.returncode == REVOKED or time.monotonic() > until:
            break
        time.sleep(1)
    _tell_refusal(town, report.stdout, report.returncode, REVOKED, "revoked")


def _expect(
    town: Town, employer: Employer, picture: Path, request: Path, code: int, name: str
) -> None:
    report = employer.verify(picture, "--request", str(request))
    _tell_refusal(town, report.stdout, report.returncode, code, name)


def _tell_refusal(town: Town, report: str, found: int, code: int, name: str) -> None:
    if found != code:
        raise DemoError(f"{name}: expected exit code {code}, found {found}:\n{report}")
    failed = next(line for line in report.splitlines() if " failed " in line)
    town.teller.refused(name, " ".join(failed.split()[2:]))
