"""Make the synthetic rows of `examples/`: `python -m tools.example_rows`.

Every person is invented: names are random pairings of common family and given names, numbers are
random, and no row describes anybody who lives. The seed is fixed, so the files come out the same.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"

FAMILIES = [
    ("陳", "CHAN"), ("李", "LEI"), ("黃", "WONG"), ("何", "HO"), ("梁", "LEONG"), ("林", "LAM"),
    ("吳", "NG"), ("張", "CHEONG"), ("歐陽", "AO IEONG"), ("周", "CHAO"), ("鄭", "CHEANG"),
    ("關", "KUAN"), ("蘇", "SOU"), ("馮", "FONG"), ("譚", "TAM"), ("葉", "IP"),
]  # fmt: skip
GIVEN = [
    ("嘉欣", "KA IAN"), ("志明", "CHI MENG"), ("美玲", "MEI LENG"), ("俊傑", "CHON KIT"),
    ("詠詩", "WENG SI"), ("子軒", "CHI HIN"), ("曉彤", "HIO TONG"), ("家豪", "KA HOU"),
    ("穎琳", "WENG LAM"), ("偉強", "WAI KEONG"), ("思敏", "SI MAN"), ("浩然", "HOU IN"),
]  # fmt: skip
PORTUGUESE_GIVEN = [
    "Ana Sofia", "João", "Maria Inês", "Tomás", "Beatriz", "Gonçalo", "Leonor", "António",
    "Conceição", "Simão", "Mafalda", "Estêvão",
]  # fmt: skip
PORTUGUESE_FAMILIES = [
    "da Silva", "Gonçalves", "dos Santos", "Assunção", "Xavier", "do Rosário", "Conceição",
    "Magalhães", "Araújo", "Sequeira",
]  # fmt: skip
ENGLISH_GIVEN = ["Emily", "Oliver", "Grace", "Samuel", "Charlotte", "Daniel", "Hannah", "Arthur"]
ENGLISH_FAMILIES = ["Whitfield", "O'Connor", "Ashdown", "McLeod", "Pemberton", "Lloyd-Price"]
DEGREES = [
    ("計算機科學學士", "Bachelor of Science in Computer Science"),
    ("法學士(葡文)", "Licenciatura em Direito"),
    ("中國文學碩士", "Master of Arts in Chinese Literature"),
    ("土木工程學士", "Bachelor of Science in Civil Engineering"),
    ("翻譯學碩士(中葡)", "Mestrado em Tradução (Chinês-Português)"),
    ("護理學學士", "Bachelor of Science in Nursing"),
]
CLASSES = ["First Class Honours", "Second Class Honours", "Distinction", "Pass"]
PROFESSIONS = [
    ("註冊建築師", "Architect"), ("註冊會計師", "Accountant"), ("註冊護士", "Nurse"),
    ("電機工程師", "Electrical Engineer"), ("持牌導遊", "Tourist Guide"),
    ("註冊社會工作者", "Social Worker"),
]  # fmt: skip


class Person:
    """One invented person: Chinese, Portuguese or English by name."""

    def __init__(self, chance: random.Random) -> None:
        kind = chance.choices(["chinese", "portuguese", "english"], [6, 3, 2])[0]
        if kind == "chinese":
            family, given = chance.choice(FAMILIES), chance.choice(GIVEN)
            self.name, self.latin = family[0] + given[0], f"{family[1]}, {given[1]}"
        elif kind == "portuguese":
            self.name = f"{chance.choice(PORTUGUESE_GIVEN)} {chance.choice(PORTUGUESE_FAMILIES)}"
            self.latin = self.name.upper()
        else:
            self.name = f"{chance.choice(ENGLISH_GIVEN)} {chance.choice(ENGLISH_FAMILIES)}"
            self.latin = self.name.upper()
        year, month, day = chance.randint(1962, 2003), chance.randint(1, 12), chance.randint(1, 28)
        self.birthdate = f"{year:04}-{month:02}-{day:02}"
        self.id_number = f"SYN{chance.randint(1, 9_999_999):07}"


def diplomas(chance: random.Random, count: int) -> list[dict[str, str]]:
    """Return rows for the template university-diploma."""
    rows = []
    for number in range(1, count + 1):
        person, degree = Person(chance), chance.choice(DEGREES)
        rows.append(
            {
                "certificate_no": f"DIP-2026-{number:05}",
                "name": person.name,
                "name_latin": person.latin,
                "birthdate": person.birthdate,
                "degree": degree[0],
                "degree_foreign": degree[1],
                "classification": chance.choice(CLASSES),
                "award_date": "2026-06-26",
            }
        )
    return rows


def professionals(chance: random.Random, count: int) -> list[dict[str, str]]:
    """Return rows for the template professional-certificate."""
    rows = []
    for number in range(1, count + 1):
        person, profession = Person(chance), chance.choice(PROFESSIONS)
        rows.append(
            {
                "certificate_no": f"PRO-2026-{number:05}",
                "name": person.name,
                "name_latin": person.latin,
                "id_number": person.id_number,
                "birthdate": person.birthdate,
                "profession": profession[0],
                "profession_foreign": profession[1],
                "registered_on": f"2026-{chance.randint(1, 9):02}-{chance.randint(1, 28):02}",
            }
        )
    return rows


def write(name: str, rows: list[dict[str, str]]) -> None:
    """Write rows as CSV in UTF-8 with the header first."""
    with (EXAMPLES / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Write both files."""
    write("diplomas-2026.csv", diplomas(random.Random(2026), 140))  # noqa: S311 - sample rows
    write("professionals-2026.csv", professionals(random.Random(62026), 100))  # noqa: S311 - sample rows


if __name__ == "__main__":
    main()
