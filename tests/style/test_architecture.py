"""Style, tested: the direction of imports, quick starts, sizes, docstrings, and what must not be in the repository."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "convnets"
MODULES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}
PAPER_FILES = [path for path in MODULES if "models" in path.parts and path.stem not in ("__init__", "compare", "table")]
TEXT = {".py", ".md", ".toml", ".txt", ".cfg", ".ini", ".yaml", ".yml", ".json", ".csv", ".sh", ""}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def rooms() -> dict[str, tuple[int, int]]:
    """Each room's number and place in the table of docs/architecture.md."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d) \|", page, re.MULTILINE)
    return {room: (int(number), place) for place, (room, number) in enumerate(rows)}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(tree: ast.AST, path: Path) -> Iterator[str]:
    """The rooms that a module imports from, anywhere in it."""
    package = ["convnets", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (above, node.module) if part)
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for parts in (name.split(".") for name in names):
            if parts[0] == "convnets" and len(parts) > 1 and parts[1] in rooms():
                yield parts[1]


def may_import(room: str, other: str) -> bool:
    (number, place), (other_number, other_place) = rooms()[room], rooms()[other]
    return room == other or other_number < number or (number == other_number == 0 and other_place < place)


def test_the_table_of_rooms_is_complete() -> None:
    on_disk = {room_of(path) for path in MODULES} - {"__init__", "__main__"}
    assert set(rooms()) == on_disk, "docs/architecture.md and src/convnets disagree about the rooms"


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent != PACKAGE or p.stem in rooms()], ids=name_of)
def test_imports_go_down(path: Path) -> None:
    wrong = {other for other in imported_rooms(TREES[path], path) if not may_import(room_of(path), other)}
    assert not wrong, f"{name_of(path)} is in room {room_of(path)} and must not import {', '.join(sorted(wrong))}"


def test_the_import_test_sees_every_form_of_import() -> None:
    source = "from .. import data\nfrom ..train.loop import train\nimport convnets.cli\ndef f():\n from .. import runs"
    path = PACKAGE / "models" / "new.py"
    assert sorted(imported_rooms(ast.parse(source), path)) == ["cli", "data", "runs", "train"]
    assert not may_import("models", "data")
    assert not may_import("data", "models")
    assert not may_import("errors", "spec")
    assert may_import("spec", "errors")
    assert may_import("cli", "train")


def test_quick_modules_do_not_import_torch() -> None:
    code = (
        "import sys, importlib, convnets, convnets.cli, convnets.papers\n"
        "for verb in convnets.cli.VERBS: convnets.cli.convnets.get_command(None, verb)\n"
        "for name in convnets.papers.names(): convnets.papers.find(name)\n"
        "slow = {'torch', 'numpy', 'PIL', 'matplotlib', 'sklearn', 'torchvision'} & set(sys.modules)\n"
        "print(*sorted(slow))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    assert not done.stdout.split(), "imported at the top of a quick module"


def code_lines(source: str, node: Function) -> int:
    """Lines of a function that hold code: no blank lines, comments or docstring."""
    segment = "\n".join(source.splitlines()[node.lineno - 1 : node.end_lineno])
    skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(segment).readline):
        if token.type not in skipped:
            lines.update(range(token.start[0], token.end[0] + 1))
    if ast.get_docstring(node, clean=False) is not None:
        first = node.body[0]
        lines -= set(range(first.lineno - node.lineno + 1, (first.end_lineno or 0) - node.lineno + 2))
    return len(lines)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_functions_are_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    functions = [node for node in ast.walk(TREES[path]) if isinstance(node, Function)]
    lengths = {node.name: code_lines(source, node) for node in functions}
    assert not {name: length for name, length in lengths.items() if length > 40}


def test_code_lines_are_counted_without_docstring_and_comments() -> None:
    source = 'def f():\n    """One.\n\n    Two.\n    """\n    # why\n\n    x = [\n        1,\n    ]\n    return x\n'
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    assert code_lines(source, function) == 5


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_everything_public_has_a_docstring(path: Path) -> None:
    tree = TREES[path]
    public = [node for node in tree.body if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_")]
    missing = [node.name for node in public if not ast.get_docstring(node)]
    assert ast.get_docstring(tree), "the module has no docstring"
    assert not missing


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_no_star_imports_and_no_stray_prints(path: Path) -> None:
    nodes = list(ast.walk(TREES[path]))
    assert not [node for node in nodes if isinstance(node, ast.ImportFrom) and node.names[0].name == "*"]
    calls = [node for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    to_file = [call for call in calls if any(keyword.arg == "file" for keyword in call.keywords)]
    prints = [call for call in calls if getattr(call.func, "id", "") == "print" and call not in to_file]
    assert not prints or room_of(path) in ("cli", "train"), "only cli and train print to standard output"


@pytest.mark.parametrize("path", PAPER_FILES, ids=name_of)
def test_a_paper_file_is_read_in_one_sitting(path: Path) -> None:
    docstring = ast.get_docstring(TREES[path]) or ""
    assert "Paper map" in docstring or path.parent.name == "peers"
    assert "Departures" in docstring
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 170


def repository_files() -> list[Path]:
    """What is, or is about to be, in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name.decode() for name in done.stdout.split(b"\0") if name]
    return [path for path in paths if path.is_file()]


def test_no_large_files() -> None:
    assert not [name_of(path) for path in repository_files() if path.stat().st_size > 1_000_000]


def test_no_traces_of_a_machine() -> None:
    """Neither paths of a developer's machine nor the place where packages came from there."""
    paths, hosts = r"(?<![\w.~*-])/(?:work|root|home/\w+|Users/\w+)/", r"pypi[.]org|pythonhosted[.]org|index[-]url"
    trace = re.compile(f"{paths}|{hosts}", re.IGNORECASE)
    found = [
        f"{name_of(path)}:{number}: {line.strip()[:80]}"
        for path in repository_files()
        if path.suffix in TEXT
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if trace.search(line)
    ]
    assert not found
