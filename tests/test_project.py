"""What docs/architecture.md and CONTRIBUTING.md promise about the code base itself, checked."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from trio_chat import config

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src/trio_chat"
MODULES = {
    str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8"))
    for folder in ("src", "tests", "scripts")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
SOURCE = {name: tree for name, tree in MODULES.items() if name.startswith("src/")}
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
FUNCTION_LINES = 60
MODULE_LINES = 500


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def attributes(tree: ast.AST) -> set[str]:
    """Every `module.name` that the code mentions; strings and comments do not count."""
    return {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


@pytest.mark.parametrize("name", MODULES)
def test_module_says_on_top_what_it_is(name: str) -> None:
    assert ast.get_docstring(MODULES[name])


@pytest.mark.parametrize("name", SOURCE)
def test_module_can_be_read_in_one_go(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= MODULE_LINES
    assert [f.name for f in functions(SOURCE[name]) if length(f) > FUNCTION_LINES] == []


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or 0) - function.lineno + 1


def test_every_queue_has_a_bound() -> None:
    channels = {
        name: ast.unparse(node)
        for name, tree in SOURCE.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and "open_memory_channel" in ast.unparse(node.func)
    }
    assert {name: channel for name, channel in channels.items() if "inf" in channel} == {}


def test_tests_do_not_wait_for_real_time() -> None:
    # Real processes can only be polled; all else runs on a clock that jumps.
    for name, tree in MODULES.items():
        if name.startswith("tests/") and not name.startswith("tests/e2e/"):
            text = (ROOT / name).read_text(encoding="utf-8")
            assert "time.sleep" not in attributes(tree), name
            assert "trio.sleep" not in attributes(tree) or "autojump_clock" in text, name


@pytest.mark.parametrize("package", ["chat", "wire", "commands"])
def test_what_decides_does_not_wait(package: str) -> None:
    waiting = ("trio", "socket", "apsw", "threading")
    for name, tree in SOURCE.items():
        if name.startswith(f"src/trio_chat/{package}/"):
            assert not imported(tree) & {*waiting}, name


@pytest.mark.parametrize("package", ["chat", "wire"])
def test_nothing_runs_between_a_check_and_its_change(package: str) -> None:
    for name, tree in SOURCE.items():
        if name.startswith(f"src/trio_chat/{package}/"):
            assert [n for n in ast.walk(tree) if isinstance(n, ast.AsyncFunctionDef)] == [], name


def imported(tree: ast.Module) -> set[str]:
    """The top-level packages that a module imports, wherever in it."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    return names


def test_layers_are_guarded_by_import_linter() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    guarded = " ".join(str(contract) for contract in contracts)
    packages = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert {package for package in packages if f"trio_chat.{package}" not in guarded} == set()


def test_nurseries_are_opened_only_where_the_architecture_says() -> None:
    table = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    table = table.partition("## Where the nurseries are")[2].partition("\n## ")[0]
    opened = {
        (name.removeprefix("src/trio_chat/"), function.name)
        for name, tree in SOURCE.items()
        for function in functions(tree)
        if "trio.open_nursery" in attributes(function)
    }
    assert opened == {*re.findall(r"`([\w/]+\.py): (?:\w+\.)?(\w+)`", table)}


def test_only_the_session_boundary_catches_everything() -> None:
    # `except BaseException` must raise again, which flake8-async checks.
    catching = {
        name
        for name, tree in SOURCE.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) == "Exception")
    }
    # links.py takes lines for a session in another task, and raises in the session's own.
    boundary = {"net/fence.py", "net/links.py", "intake/connection.py"}
    assert catching == {f"src/trio_chat/server/{name}" for name in boundary}


def test_operations_lists_every_configuration_key_with_its_default() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+\.\w+)` \| `(.*?)` \|", text, flags=re.MULTILINE))
    assert rows == {name: as_toml(default) for name, default in config.keys().items()}


def as_toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple):
        return f"[{', '.join(as_toml(item) for item in value)}]"
    return str(value)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []
