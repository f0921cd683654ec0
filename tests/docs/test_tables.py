"""The pages about the papers: each family has one, and its figures are those of the records."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from convnets import papers, recipes

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_tables", DOCS / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_readmes_list_the_papers(name: str, tables: ModuleType) -> None:
    page = DOCS.parent / name
    text = page.read_text(encoding="utf-8")
    assert "<!-- table: papers -->" in text
    assert text == tables.rendered(page), "run `python docs/tables.py`"
    assert all(f"(docs/papers/{family}.md)" in text for family in papers.families())


@pytest.mark.parametrize("family", papers.families())
def test_a_page_has_the_records_figures(family: str, tables: ModuleType) -> None:
    page = DOCS / "papers" / f"{family}.md"
    text = page.read_text(encoding="utf-8")
    assert "<!-- table: networks -->" in text
    assert "<!-- table: results -->" in text
    assert "<!-- table: recipes -->" in text
    assert "<!-- table: drawings -->" in text
    assert text == tables.rendered(page), "run `python docs/tables.py`"
    assert all(f"`{name}`" in text for name in papers.names() if papers.find(name).family == family)


def test_pictures_are_as_they_would_be_drawn(tables: ModuleType) -> None:
    for path, text in tables.pictures().items():
        assert path.read_text(encoding="utf-8") == text, f"{path}: run `python docs/tables.py`"
        assert len(text) < 300_000


def test_the_page_of_recipes_has_them_all(tables: ModuleType) -> None:
    page = DOCS / "recipes.md"
    text = page.read_text(encoding="utf-8")
    assert text == tables.rendered(page), "run `python docs/tables.py`"
    assert all(f"| `{name}` |" in text for name in recipes.paper_recipes())


LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", sorted([*DOCS.rglob("*.md"), *DOCS.parent.glob("*.md")]), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    assert not [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
