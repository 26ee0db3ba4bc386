"""How the packages hang together: no circles, and nothing too large to be read in one go."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

SRC = Path(__file__).parent.parent / "src"
PACKAGES = ["trio_chat"]
# In these no two files have one name; elsewhere a name may stand for one subject in two layers.
ONE_NAME = ["trio_chat.client", "trio_chat.server"]
FILES = 16
FILE_LINES = 400
FUNCTION_LINES = 15  # of nine in ten functions, docstrings not counted


def folder_of(package: str) -> Path:
    return SRC.joinpath(*package.split("."))


def sources(package: str) -> dict[str, Path]:
    """Module -> file, for every module under *package*."""
    found: dict[str, Path] = {}
    for path in sorted(folder_of(package).rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(module: str, path: Path, known: set[str]) -> set[str]:
    """The modules of *known* that *module* imports anywhere: also for typing alone, and inside
    functions. A name that is no module of its own stands for the module it is taken from."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = origin(node, module, is_package=path.name == "__init__.py")
            names = {f"{base}.{alias.name}" for alias in node.names}
            found |= names & known
            if not names <= known:
                found.add(base)
    return found & known - {module}


def origin(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    """The absolute name of what *node*, in *module*, imports from."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join([*parts, node.module] if node.module else parts)


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """The sets of modules each of which can be reached from each other."""
    reached = {module: reachable(graph, module) for module in graph}
    together = {
        tuple(sorted(other for other in reached[module] if module in reached[other]))
        for module in graph
    }
    return [[*circle] for circle in sorted(together) if circle]


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [*graph[start]]
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += graph[module]
    return found


def test_circle_is_found_wherever_it_is_hidden(tmp_path: Path) -> None:
    texts = {
        "p": "",
        "p.a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.b import B",
        "p.b": "def f():\n    from . import c",
        "p.c": "import p.a",
        "p.d": "from p.a import A",
    }
    files = {}
    for number, (module, text) in enumerate(texts.items()):
        files[module] = tmp_path / ("__init__.py" if module == "p" else f"{number}.py")
        files[module].write_text(text)
    graph = {module: imports(module, path, {*texts}) for module, path in files.items()}
    assert circles(graph) == [["p.a", "p.b", "p.c"]]


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_in_an_import_circle_typing_included(package: str) -> None:
    files = sources(package)
    assert files
    graph = {module: imports(module, path, {*files}) for module, path in files.items()}
    assert circles(graph) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_has_more_files_than_one_remembers(package: str) -> None:
    folders = {path.parent for path in sources(package).values()}
    counts = {folder.name: len([*folder.glob("*.py")]) for folder in folders}
    assert {name: count for name, count in counts.items() if count > FILES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_is_longer_than_one_reads(package: str) -> None:
    lines = {
        module: len(path.read_text(encoding="utf-8").splitlines())
        for module, path in sources(package).items()
    }
    assert {module: count for module, count in lines.items() if count > FILE_LINES} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_nine_in_ten_functions_are_short(package: str) -> None:
    lengths = sorted(
        body_lines(node) for path in sources(package).values() for node in functions(path)
    )
    assert lengths[len(lengths) * 9 // 10] <= FUNCTION_LINES


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of *function* from `def` to its end, without its docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or 0) - docstring.lineno + 1
    return lines


@pytest.mark.parametrize("package", ONE_NAME)
def test_no_two_files_have_one_name(package: str) -> None:
    stems = sorted(p.stem for p in sources(package).values() if p.name != "__init__.py")
    assert [first for first, second in pairwise(stems) if first == second] == []
