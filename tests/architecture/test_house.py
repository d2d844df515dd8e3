"""The rules of the house that a machine can see."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.clauses import clause

ROOT = Path(__file__).parents[2]
PACKAGES = ("weid", "registry_chain", "issuer_app", "verifier_app")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
BANNED = {
    "utils", "helpers", "common", "misc", "base", "core", "manager", "impl", "info", "data", "pojo",
}  # fmt: skip
THIN_FORBIDDEN = (
    "weid.crypto", "weid.did", "weid.registry", "weid.credential", "weid.verification",
    "weid.wallet", "sqlite3", "sqlite_utils",
)  # fmt: skip


def test_the_packages_are_there():
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(PACKAGES)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_past_400_lines(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_no_file_or_class_has_a_banned_name():
    named = [str(path.relative_to(ROOT)) for path in SOURCES if path.stem.lower() in BANNED]
    for path in SOURCES:
        named += [
            f"{path.relative_to(ROOT)}: class {node.name}"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ClassDef) and node.name.lower() in BANNED
        ]
    assert named == []


def test_inside_the_library_nobody_imports_the_public_face():
    found = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module == "weid" and node.level == 0
        if path.relative_to(ROOT).parts[0] == "weid"
        if not all(
            (ROOT / "weid" / f"{name.name}.py").exists() or (ROOT / "weid" / name.name).is_dir()
            for name in node.names
        )
    ]
    assert found == []


def views(package: str) -> list[Path]:
    return sorted((ROOT / package / "routes").rglob("*.py"))


@pytest.mark.parametrize("package", ["issuer_app", "verifier_app"])
def test_routes_only_translate(package):
    """A route knows neither keys nor proofs nor a database, and a view is at most 12 lines."""
    assert views(package), f"{package} has no routes folder"
    faults = []
    for path in views(package):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            modules = []
            if isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            faults += [f"{place} imports {m}" for m in modules if m.startswith(THIN_FORBIDDEN)]
            if isinstance(node, ast.FunctionDef) and node.decorator_list:
                body = node.body[1:] if ast.get_docstring(node) else node.body
                lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                if lines > 12:
                    faults.append(f"{place} {node.name} has {lines} lines")
    assert faults == []


def test_nothing_is_loaded_from_elsewhere():
    """Pages, scripts and styles name no asset of another host."""
    pattern = re.compile(r"""(?:src|href|url|import)\s*[=(]\s*["']?(?:https?:)?//""")
    pages = [
        path
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in {".html", ".css", ".js"} and "vendor" not in path.parts
    ]
    assert pages
    found = [
        str(path.relative_to(ROOT))
        for path in pages
        if pattern.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@clause("W34")
def test_locked_dependencies_have_hashes_and_no_addresses():
    lock = (ROOT / "requirements" / "dev.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    pins = [line for line in lock.splitlines() if re.match(r"^[a-zA-Z0-9]", line)]
    assert pins
    blocks = re.split(r"\n(?=[a-zA-Z0-9])", lock)
    assert all("--hash=sha256:" in block for block in blocks if "==" in block)
