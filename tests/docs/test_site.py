"""What makes a site of the pages: links, the reference, and that it loads nothing foreign."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

import steadfit

ROOT = Path(__file__).parents[2]


def hook(name: str) -> ModuleType:
    spec = spec_from_file_location(f"hooks_{name}", ROOT / "docs" / "hooks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("page", "link", "in_site"),
    [
        ("docs/norms.md", "penalties.md#formulas", "penalties.md#formulas"),
        ("docs/norms.md", "../README.md", "README.md"),
        ("docs/norms.md", "../results/demo.json", "results/demo.json"),
        ("docs/norms.md", "../results/experiments", "results/README.md"),
        ("docs/golden/README.md", "../penalties.md", "../penalties.md"),
        ("README.md", "docs/images/demo_norms.png", "images/demo_norms.png"),
        ("results/README.md", "../docs/experiments.md", "../experiments.md"),
        ("docs/norms.md", "no-such-page.md", "no-such-page.md"),
        ("docs/norms.md", "https://example.org/a.md", "https://example.org/a.md"),
    ],
)
def test_a_link_leads_to_the_same_file_in_the_site(page: str, link: str, in_site: str) -> None:
    markdown = f"See [it]({link}), or [it]({link})."
    assert hook("repository").rewritten(markdown, page) == markdown.replace(link, in_site)


def test_what_is_carried_over_are_files_of_the_repository() -> None:
    page = (
        "[a](../results/demo.json) [b](../../elsewhere.md) [c](#here) ![d](images/demo_norms.png)"
    )
    found = hook("repository").targets(page, "docs/norms.md")
    assert list(found) == ["results/demo.json", "docs/images/demo_norms.png"]


@pytest.mark.parametrize(
    "html",
    [
        '<script src="https://cdn.example.org/a.js"></script>',
        '<link rel="preconnect" href="//fonts.example.org">',
        '<img srcset="a.png 1x, https://example.org/a.png 2x">',
        '<iframe src="http://example.org/video"></iframe>',
        "<p style=\"background: url('https://example.org/a.png')\">",
        "<style>@import 'https://example.org/a.css';</style>",
        '<pre class="mermaid">graph</pre>',
    ],
)
def test_what_a_page_loads_from_elsewhere_is_found(html: str) -> None:
    assert hook("foreign").foreign(f"<html>{html}</html>") != []


def test_own_files_and_links_to_follow_are_not_foreign() -> None:
    html = (
        '<link rel="stylesheet" href="assets/a.css"><script src="../a.js"></script>'
        '<a href="https://example.org">there</a><img src="data:image/png;base64,AA//">'
        "<p><code>url(https://example.org/a.png)</code></p>"
        '<svg xmlns="http://www.w3.org/2000/svg"><use href="#a"></use></svg>'
    )
    assert hook("foreign").foreign(html) == []


def test_every_public_name_has_its_line_in_the_reference_and_every_room_a_page() -> None:
    reference = hook("reference")
    index = reference.index_page()
    assert [name for name in steadfit.__all__ if f"`{name}`" not in index] == []
    rooms = {home.split(".")[0] for home in steadfit._HOMES}
    assert rooms <= set(reference.rooms())
    assert "::: steadfit.inference.predictor\n" in reference.room_page("inference")


def test_a_name_that_begins_with_an_underscore_is_not_in_the_reference(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('def shown():\n    """Said."""\n\n\ndef _hidden():\n    """Not said."""\n')
    assert hook("reference")._names(module) == {"shown": "Said."}
