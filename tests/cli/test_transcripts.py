"""Runs the transcripts beside this file: commands, what they print, and their exit codes.

    needs: node office             what the transcript talks to (see `World`); may be left out
    $ weid key public a.key        a command; <name> stands for what was seen before
    z6Mk<rest>                     a line of stdout; <name> takes what is there and remembers it
    ...                            any lines
    ! weid: no such file           a line of stderr
    exit 2                         the exit code, where it is not 0

A file is made by `$ write FILE` with the lines below it that start with `| `, a secret one of mode
0600 by `$ secret FILE`. Lines that start with `#` are for readers.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pytest

from registry_chain import LocalRegistry
from tests.support.cli_world import NodeServer, OfficeServer, Shell, governor_key

TRANSCRIPTS = sorted(Path(__file__).parent.glob("*.txt"))
NAME = re.compile(r"<([a-z*-]+)>")


@dataclass
class Step:
    """One command with what is expected of it."""

    line: int
    command: str
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    content: list[str] = field(default_factory=list)
    code: int = 0


def read_steps(text: str) -> tuple[list[str], list[Step]]:
    """Return what a transcript needs, and its steps."""
    needs, steps = [], []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("needs:"):
            needs = line.removeprefix("needs:").split()
        elif line.startswith("$ "):
            steps.append(Step(number, line[2:]))
        elif line.startswith("! ") or line == "!":
            steps[-1].err.append(line[2:])
        elif line.startswith("| "):
            steps[-1].content.append(line[2:])
        elif re.fullmatch(r"exit \d+", line):
            steps[-1].code = int(line[5:])
        elif steps and line and not line.startswith("#"):
            steps[-1].out.append(line)
    return needs, steps


class World:
    """What transcripts may need, made when it is needed; names that commands may use."""

    def __init__(self, folder: Path, needs: list[str]) -> None:
        self.shell = Shell(folder)
        self.known: dict[str, str] = {"folder": str(folder)}
        self._open: list[NodeServer | OfficeServer] = []
        for need in needs:
            getattr(self, f"_need_{need.replace('-', '_')}")()

    @cached_property
    def registry(self) -> LocalRegistry:
        return LocalRegistry(network="test")

    def _need_node(self) -> None:
        node = NodeServer(self.registry)
        self._open.append(node)
        self.known |= {"node": node.url, "genesis": node.genesis}

    def _need_governor(self) -> None:
        self.known["governor"] = governor_key(self.shell, self.registry)

    def _need_office(self) -> None:
        self._office("one_person")

    def _need_careful_office(self) -> None:
        self._office("two_person")

    def _office(self, policy: str) -> None:
        office = OfficeServer(self.shell.folder / "office", self.registry, policy=policy)
        self._open.append(office)
        self.known |= {"app": office.url, "issuer": office.issuer.did}
        for login in ("officer", "approver", "auditor"):
            self.shell.secret(f"{login}.token", office.token(login, login))

    def close(self) -> None:
        for server in reversed(self._open):
            server.close()

    def run(self, step: Step) -> tuple[int, str, str]:
        """Carry out a step."""
        words = shlex.split(NAME.sub(lambda found: self.known[found[1]], step.command))
        if words[0] in {"write", "secret"}:
            text = "".join(f"{line}\n" for line in step.content)
            path = self.shell.folder / words[1]
            path.touch(0o600 if words[0] == "secret" else 0o644)
            path.write_text(text, encoding="utf-8")
            return 0, "", ""
        assert words[0] == "weid"
        stdin = "".join(f"{line}\n" for line in step.content).encode()
        return self.shell.run(*words[1:], stdin=stdin)

    def compare(self, expected: list[str], found: str) -> None:
        """Require that the found text is the expected one; remember what its names took."""
        pattern, names = "", []
        for line in expected:
            if line == "...":
                pattern += r"(?:.*\n)*?"
                continue
            at = 0
            for match in NAME.finditer(line):
                pattern += re.escape(line[at : match.start()])
                name = match[1]
                if name == "*":
                    pattern += r".*"
                elif name in self.known:
                    pattern += re.escape(self.known[name])
                elif name in names:
                    pattern += f"(?P={name.replace('-', '_')})"
                else:
                    names.append(name)
                    pattern += rf"(?P<{name.replace('-', '_')}>\S+?)"
                at = match.end()
            pattern += re.escape(line[at:]) + r"\n"
        # Blank lines part the steps of a transcript, so those of an output do not count.
        matched = re.fullmatch(pattern, re.sub(r"\n(?:[ \t]*\n)+", "\n", found))
        assert matched, "\n".join(["expected:", *expected, "", "found:", found])
        self.known |= {name: matched[name.replace("-", "_")] for name in names}


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_the_transcript_is_what_happens(path, tmp_path):
    needs, steps = read_steps(path.read_text(encoding="utf-8"))
    world = World(tmp_path, needs)
    try:
        for step in steps:
            code, out, err = world.run(step)
            place = f"{path.name}:{step.line}: {step.command}"
            assert code == step.code, f"{place}\nexit {code}\n{out}{err}"
            try:
                world.compare(step.out, out)
                world.compare(step.err, err)
            except AssertionError as error:
                raise AssertionError(f"{place}\n{error}") from None
    finally:
        world.close()


def test_there_are_transcripts():
    from weid.cli.main import COMMANDS

    assert {path.stem for path in TRANSCRIPTS} >= set(COMMANDS)
