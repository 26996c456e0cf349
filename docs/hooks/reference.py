"""A page of reference for each room, from its docstrings: no page has to be kept up by hand.

The sources are read, not imported. What begins with an underscore is left out.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parents[2] / "src" / "steadfit"
FOLDER = "reference"
NOT_PYTHON = {"cli"}  # a command line is used from a shell


def rooms() -> list[str]:
    """Return the names of the rooms, sorted."""
    found = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    return sorted(found - NOT_PYTHON)


def room_page(room: str) -> str:
    """Return the Markdown of a room's page; mkdocstrings fills in what the modules say."""
    modules = sorted(path for path in (PACKAGE / room).glob("*.py") if _names(path))
    about = ast.get_docstring(_tree(PACKAGE / room / "__init__.py")) or ""
    blocks = [f"::: steadfit.{room}.{path.stem}" for path in modules]
    return "\n\n".join([f"# steadfit.{room}", about, *blocks]) + "\n"


def index_page() -> str:
    """Return the Markdown of the list of what `from steadfit import *` brings."""
    lines = [
        "# The names of the package",
        "",
        "`from steadfit import *` brings the names below and nothing else. Whatever else a room",
        "offers is imported from its module, and stands on the room's page.",
    ]
    room = ""
    for home, names in sorted(_homes().items()):
        if home.split(".")[0] != room:
            room = home.split(".")[0]
            lines += ["", f"## [{room}]({room}.md)", "", "| name | |", "|---|---|"]
        for name in names:
            module, says = _definition(f"steadfit.{home}", name)
            where = f"{module}.{name}" if says else module
            lines.append(f"| [`{name}`][{where}] | {says} |")
    return "\n".join(lines) + "\n"


def on_config(config: Any) -> Any:
    """Let the navigation's `reference/index.md` stand for all of the pages."""
    index = f"{FOLDER}/index.md"
    pages = [{"Names of the package": index}]
    pages += [{room: f"{FOLDER}/{room}.md"} for room in rooms()]
    for entry in config.nav:
        for title, value in entry.items():
            if value == index:
                entry[title] = pages
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, f"{FOLDER}/index.md", content=index_page()))
    for room in rooms():
        files.append(File.generated(config, f"{FOLDER}/{room}.md", content=room_page(room)))
    return files


def _homes() -> dict[str, list[str]]:
    """Return the package's public names by the modules they come from."""
    for node in _tree(PACKAGE / "__init__.py").body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_HOMES":
            homes: dict[str, list[str]] = ast.literal_eval(node.value)
            return homes
    raise LookupError("src/steadfit/__init__.py has no _HOMES any more")


def _definition(module: str, name: str) -> tuple[str, str]:
    """Return the module that defines a name, and what it says of it: nothing, of a constant."""
    path = PACKAGE.parent / f"{module.replace('.', '/')}.py"
    for node in _tree(path).body:
        if isinstance(node, ast.ImportFrom) and name in {one.name for one in node.names}:
            return _definition(str(node.module), name)
    return module, _names(path).get(name, "")


def _names(module: Path) -> dict[str, str]:
    """Return a module's public names that have a docstring, each with its first line."""
    if module.stem.startswith("_"):
        return {}
    return {
        node.name: text.splitlines()[0]
        for node in _tree(module).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
        if (text := ast.get_docstring(node))
    }


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
