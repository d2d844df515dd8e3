"""Finding CometBFT: where it is looked for, and which versions pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from registry_chain.engines.cometbft.binary import (
    DEFAULT_VERSION,
    VARIABLE,
    VERSIONS,
    BinaryError,
    ask_version,
    find_binary,
    installed_folders,
)
from tests.support.clauses import clause


def program(path, body="#!/bin/sh\nexit 0\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body)
    path.chmod(0o755)
    return path


def find(named=None, *, says=DEFAULT_VERSION, version=None, **places):
    return find_binary(
        named,
        version=version,
        environment=places.get("environment", {}),
        folders=places.get("folders", []),
        ask=lambda path: says[path] if isinstance(says, dict) else says,
    )


@clause("NT-01")
def test_no_version_of_the_line_that_was_given_up_is_among_them():
    assert DEFAULT_VERSION in VERSIONS
    assert all(version.startswith("0.") for version in VERSIONS)


@clause("NT-01")
@pytest.mark.parametrize("says", [*VERSIONS, "v0.39.4", "0.39.4+5b1c2d3"])
def test_a_pinned_version_passes(tmp_path, says):
    found = find(program(tmp_path / "cometbft"), says=says)
    assert found.version in VERSIONS
    assert found.path == tmp_path / "cometbft"


@clause("NT-01")
@pytest.mark.parametrize(
    "says", ["1.0.1", "0.39.3", "0.40.0", "0.39.4-rc1", "", "0.39.4 evil", "x" * 999]
)
def test_any_other_version_is_refused_with_what_to_do(tmp_path, says):
    with pytest.raises(BinaryError) as refused:
        find(program(tmp_path / "cometbft"), says=says)
    assert "0.39.4 or 0.38.25" in refused.value.message
    assert "make cometbft" in refused.value.hint
    assert len(refused.value.message) < 300


@clause("NT-01")
def test_the_version_that_is_asked_for_is_the_one_that_is_given(tmp_path):
    path = program(tmp_path / "cometbft")
    assert find(path, says="0.38.25", version="0.38.25").version == "0.38.25"
    with pytest.raises(BinaryError, match=r"is CometBFT 0\.39\.4, which is not 0\.38\.25"):
        find(path, version="0.38.25")
    with pytest.raises(BinaryError, match=r"1\.0\.1 is not a version that we run"):
        find(path, version="1.0.1")


@clause("NT-02")
def test_the_command_line_goes_before_the_variable_our_folder_and_the_path(tmp_path):
    named, variable = program(tmp_path / "a"), program(tmp_path / "b")
    built = program(tmp_path / "bin" / f"cometbft-{DEFAULT_VERSION}")
    on_path = program(tmp_path / "path" / "cometbft")
    environment = {VARIABLE: str(variable), "PATH": str(on_path.parent)}
    folders = [built.parent]
    assert find(named, environment=environment, folders=folders).path == named
    assert find(environment=environment, folders=folders).path == variable
    assert find(environment={"PATH": str(on_path.parent)}, folders=folders).path == built
    assert find(environment={"PATH": str(on_path.parent)}).path == on_path


@clause("NT-02")
def test_the_default_goes_before_the_other_version_in_our_folder(tmp_path):
    for version in VERSIONS:
        program(tmp_path / f"cometbft-{version}")
    says = {tmp_path / f"cometbft-{version}": version for version in VERSIONS}
    assert find(folders=[tmp_path], says=says).version == DEFAULT_VERSION
    other = find(folders=[tmp_path], says=says, version=VERSIONS[1])
    assert other.version == VERSIONS[1]


@clause("NT-02")
def test_one_of_a_wrong_version_is_not_passed_over_quietly(tmp_path):
    wrong, right = program(tmp_path / "a"), program(tmp_path / "bin" / "cometbft")
    environment = {VARIABLE: str(wrong), "PATH": str(right.parent)}
    with pytest.raises(BinaryError, match=r"1\.0\.1"):
        find(environment=environment, says={wrong: "1.0.1", right: DEFAULT_VERSION})


@clause("NT-02")
def test_one_that_was_named_and_is_none_is_told(tmp_path):
    with pytest.raises(BinaryError, match="named by the command line, is no program"):
        find(tmp_path / "none")
    plain = tmp_path / "plain"
    plain.write_text("x")
    with pytest.raises(BinaryError, match=f"named by {VARIABLE}, is no program"):
        find(environment={VARIABLE: str(plain)})


@clause("NT-02")
def test_none_at_all_is_told_with_how_to_get_one():
    with pytest.raises(BinaryError, match=r"there is no CometBFT 0\.39\.4") as refused:
        find()
    assert VARIABLE in refused.value.hint


def test_a_program_that_fails_or_cannot_run_is_told(tmp_path):
    with pytest.raises(BinaryError, match="does not run"):
        ask_version(program(tmp_path / "fails", "#!/bin/sh\nexit 3\n"))
    with pytest.raises(BinaryError, match="does not run"):
        ask_version(program(tmp_path / "nothing", "#!/no/such/interpreter\n"))
    assert ask_version(program(tmp_path / "good", "#!/bin/sh\necho 0.39.4\n")) == "0.39.4"


def test_a_program_named_from_here_is_not_looked_for_in_path(tmp_path, monkeypatch):
    made = program(tmp_path / "here" / "cometbft", f"#!/bin/sh\necho {DEFAULT_VERSION}\n")
    monkeypatch.chdir(made.parent)
    found = find_binary(Path("./cometbft"), environment={}, folders=[])
    assert (found.path, found.version) == (made, DEFAULT_VERSION)


def test_it_is_looked_for_where_the_make_target_puts_it():
    assert all(folder.parts[-2:] == (".cometbft", "bin") for folder in installed_folders())
