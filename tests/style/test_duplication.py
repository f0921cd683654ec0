"""The papers' files share units instead of lines, and each extends at most one other paper's."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

MODELS = Path(__file__).resolve().parents[2] / "src" / "convnets" / "models"
SOURCES = {path: path.read_text(encoding="utf-8") for path in sorted(MODELS.rglob("*.py"))}
PAPERS = [path for path in SOURCES if path.stem not in ("__init__", "compare", "table")]
WINDOW = 6  # lines
SEVERAL_PARENTS = {"senet"}  # its unit goes into the networks of other papers
KNOW_A_PEER = {"senet"}  # SE-Inception-ResNet-v2 stands on the layout of a release, since no other fits its numbers


def code_lines(source: str) -> list[str]:
    """The lines that hold code, in order: no blank lines, comments, docstrings or imports; white space made equal."""
    skipped: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant | ast.JoinedStr)
        if isinstance(node, ast.stmt) and (is_docstring or isinstance(node, ast.Import | ast.ImportFrom)):
            skipped.update(range(node.lineno, (node.end_lineno or 0) + 1))
    lines = []
    for number, line in enumerate(source.splitlines(), 1):
        text = " ".join(line.split())
        if text and not text.startswith("#") and number not in skipped:
            lines.append(text)
    return lines


def repeated(files: dict[str, str]) -> dict[str, list[str]]:
    """The lines of each file that lie in a window which another file has too."""
    lines = {name: code_lines(source) for name, source in files.items()}
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, found in lines.items():
        for start in range(len(found) - WINDOW + 1):
            places[tuple(found[start : start + WINDOW])].append((name, start))
    marked: dict[str, set[int]] = defaultdict(set)
    for same in places.values():
        if len({name for name, _ in same}) > 1:
            for name, start in same:
                marked[name].update(range(start, start + WINDOW))
    return {name: [lines[name][number] for number in sorted(numbers)] for name, numbers in marked.items()}


def test_less_than_three_per_cent_is_repeated() -> None:
    files = {path.relative_to(MODELS).as_posix(): source for path, source in SOURCES.items()}
    found = repeated(files)
    total = sum(len(code_lines(source)) for source in files.values())
    assert total > 1500
    assert sum(map(len, found.values())) < 0.03 * total, found


def test_repetition_is_seen() -> None:
    shared = "\n\n".join(f"    line{number} = {number}  " for number in range(WINDOW))
    one = f'"""Doc."""\nimport a\ndef f():\n    """Doc."""\n{shared}\n    one()\n'
    two = f"def g():\n    # why\n    two()\n    if two:\n{shared.replace('    ', '        ')}\n"
    found = repeated({"one": one, "two": two, "three": "x = 1\n" * 20})
    assert found == {name: [f"line{number} = {number}" for number in range(WINDOW)] for name in ("one", "two")}
    assert code_lines(one)[:2] == ["def f():", "line0 = 0"]
    shorter = shared.rpartition("\n\n")[0]
    assert not repeated({"one": f"{shorter}\nf()".replace("    ", ""), "two": f"{shorter}\ng()".replace("    ", "")})


def imported(source: str, folder: Path) -> Iterator[Path]:
    """The modules of models/ that a module in `folder` imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            base = folder
            for _ in range(node.level - 1):
                base = base.parent
            if not node.level:
                base, parts = MODELS.parents[1], (node.module or "").split(".")
            else:
                parts = (node.module or "").split(".") if node.module else []
            place = base.joinpath(*parts)
            candidates = [place, *(place / alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            candidates = [MODELS.parents[1].joinpath(*alias.name.split(".")) for alias in node.names]
        else:
            continue
        yield from (path for path in (place.with_suffix(".py") for place in candidates) if path in SOURCES)
        yield from (path for path in (place / "__init__.py" for place in candidates) if path in SOURCES)


def parents(path: Path) -> set[Path]:
    """The other papers' files that it imports; of a peers' file, those beside its own paper's."""
    own = {path, MODELS / path.name}
    return {other for other in imported(SOURCES[path], path.parent) if other in PAPERS} - own


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.relative_to(MODELS).as_posix())
def test_lineage(path: Path) -> None:
    found = parents(path)
    names = sorted(other.relative_to(MODELS).as_posix() for other in found)
    assert path.stem in SEVERAL_PARENTS or len(found) <= (1 if path.parent == MODELS else 2), names


def test_the_papers_do_not_know_their_peers() -> None:
    papers = [path for path in PAPERS if path.parent == MODELS]
    knowing = {path.stem for path in papers if any("peers" in other.parts for other in imported(SOURCES[path], MODELS))}
    assert knowing == KNOW_A_PEER


def test_every_form_of_import_is_seen() -> None:
    source = (
        "from . import vgg, resnet\nfrom .nin import x\nfrom .peers import alexnet\nfrom .peers.resnet import y\n"
        "from ..models.zfnet import z\nimport convnets.models.xception\nfrom convnets.models import densenet\n"
        "from ..layers import stack\nimport torch\n"
    )
    found = {path.relative_to(MODELS).as_posix() for path in imported(source, MODELS) if path in PAPERS}
    assert found == {
        "vgg.py", "resnet.py", "nin.py", "peers/alexnet.py", "peers/resnet.py", "zfnet.py", "xception.py", "densenet.py"
    }  # fmt: skip
    assert {path.stem for path in imported("from ..resnet import a\nfrom . import changed", MODELS / "peers")} == {
        "resnet", "__init__"
    }  # fmt: skip
