"""The commands in README.md and docs/ run on tiny data, one page after the other.

What takes hours, builds an environment or asks a network (make, pip, benchmarks, experiments) is
held against what it names: targets, files, extras, names, options.
"""

from __future__ import annotations

import os
import pickle
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
import typer

import benchmarks.__main__
import experiments.__main__
from steadfit.cli.main import app
from steadfit.cli.toml_file import tomllib
from steadfit.cli.train_options import resolved
from steadfit.kernels.choose import native_problem
from tests.cli.conftest import SIZES, Run, reviews, write_csv
from tests.docs.pages import PAGES, ROOT, commands, named, read
from tests.files.fastai_files import V1_ITOS, language_model_state

PAGE = read(ROOT / "docs" / "command-line.md")
_SMALL = ",".join(f"{name}={size}" for name, size in SIZES.items())
QUICK = {  # what a page would not say: so little that a test has time for it
    "train": f"--schedule one-cycle --epochs 1 --lm-epochs 1 --sizes {_SMALL}",
    "lm": f"--epochs 1 --pretrained none --sizes {_SMALL}",
    "lr-find": f"--pretrained none --steps 12 --sizes {_SMALL}",
}
WRITTEN = {
    "command-line.md": ["model/train.toml", "model/test.json", "scored.csv", "scored-2.csv"],
    "explanations.md": ["why.html"],
    "migrating.md": ["wt103/model.safetensors"],
    "README.md": ["model/train.toml", "scored.csv"],
}
OF_STEADFIT = {
    page: lines
    for page in PAGES
    if (lines := [line for line in commands(read(page)) if line.startswith("steadfit")])
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with the files that pages name."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "reviews.csv", reviews(40))
    write_csv(tmp_path / "test.csv", reviews(10, seed=1))
    write_csv(tmp_path / "valid.csv", reviews(10, seed=5))
    write_csv(tmp_path / "new.csv", reviews(5, seed=2))
    (tmp_path / "more.txt").write_text("\n".join(row["review"] for row in reviews(40, seed=3)))
    (tmp_path / "letter.txt").write_text(reviews(1, seed=4)[0]["review"])
    torch.save(language_model_state(16), "lstm_fwd.pth")
    Path("itos_wt103.pkl").write_bytes(pickle.dumps(V1_ITOS))
    return tmp_path


def in_a_shell(command: str, folder: Path) -> str:
    """Run what only a shell can, with this interpreter's programs."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        command, shell=True, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True
    )
    assert done.returncode == 0, (command, done.stderr.decode())
    return done.stdout.decode()


@pytest.mark.parametrize("page", OF_STEADFIT, ids=lambda page: page.name)
def test_every_command_runs(page: Path, steadfit: Run, here: Path, model: Path) -> None:
    if not any("--out model" in line for line in OF_STEADFIT[page]):
        (here / "model").symlink_to(model)
    for command in OF_STEADFIT[page]:
        words = shlex.split(command, comments=True)
        if "<" in words:
            in_a_shell(command, here)
            continue
        extra = shlex.split(QUICK.get(words[1], ""))
        if words[1] == "train" and not {"--config", "--pretrained"} & {*words}:
            extra += ["--pretrained", "none"]
        ended = steadfit(*words[1:], *extra)
        assert ended.status == 0, (command, ended)
    for name in WRITTEN.get(page.name, []):
        assert (here / name).is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="VARIABLE=value is for other shells")
def test_variables_of_the_page_about_kernels_do_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "from steadfit.kernels.choose import describe\nprint(describe().used)\n"
    )
    plain, native, build = [
        line for line in commands(read(ROOT / "docs" / "kernels.md")) if "python" in line
    ]
    assert in_a_shell(plain, tmp_path) == "plain\n"
    if native_problem() is None:
        assert in_a_shell(native, tmp_path) == "native\n"
        in_a_shell(build, tmp_path)


def test_targets_and_variables_of_make_are_in_the_makefile() -> None:
    makefile = read(ROOT / "Makefile")
    found = 0
    for page in PAGES:
        for command in [*commands(read(page)), *named(read(page))]:
            words = shlex.split(command, comments=True)
            if words[0] != "make":
                continue
            for word in words[1:]:
                name, _, value = word.partition("=")
                pattern = rf"^{name} [?:]?=" if value else rf"^{name}:"
                assert re.search(pattern, makefile, re.MULTILINE), (page.name, command)
                found += 1
    assert found > 10


def test_what_pip_is_to_install_is_there() -> None:
    project = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    for page in PAGES:
        for extra in re.findall(r"(?:steadfit|\.|')\[([a-z,]+)\]'", read(page)):
            assert {*extra.split(",")} <= extras.keys(), (page.name, extra)
        for command in commands(read(page)):
            words = shlex.split(command, comments=True)
            if words[0] != "pip":
                continue
            for word in words[2:]:
                place = word.split("[")[0]
                made = f'"{place.removeprefix("./")}/' in read(page)  # by the page's own code
                assert word.startswith("-") or (ROOT / place).exists() or made, (page.name, command)


@pytest.mark.parametrize("main", [benchmarks.__main__, experiments.__main__])
def test_benchmarks_and_experiments_that_pages_name_are_there(main: ModuleType) -> None:
    name = main.__name__.split(".")[0]
    found = 0
    for page in PAGES:
        for command in [*commands(read(page)), *named(read(page))]:
            words = shlex.split(command, comments=True)
            if words[:3] == ["python", "-m", name] and words[3:] not in ([], ["NAME"]):
                main._parse(words[3:])  # exits where a name or an option is none of its own
                found += 1
    assert found > 3


def test_commands_and_options_in_sentences_are_those_of_the_command_line() -> None:
    program = typer.main.get_command(app)
    assert hasattr(program, "commands")
    for page in PAGES:
        for command in named(read(page)):
            words = shlex.split(command)
            if words[0] != "steadfit" or words[1] == "--help":
                continue
            parameters = program.commands[words[1]].params
            options = {name for one in parameters for name in [*one.opts, *one.secondary_opts]}
            given = {word for word in words if word.startswith("--")}
            assert given <= options | {"--help"}, (page.name, command)


def test_the_options_on_the_page_are_options(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "a.toml").write_text(block)
    found = resolved({}, tmp_path / "a.toml")
    assert tomllib.loads(block).items() <= found.items()


def test_the_page_names_every_command(steadfit: Run) -> None:
    words = re.findall(r"^│ ([a-z][a-z-]+) ", steadfit("--help").out, re.MULTILINE)
    assert {"train", "predict", "lm", "info"} <= {*words}
    assert [name for name in words if f"`{name}`" not in PAGE and f" {name} " not in PAGE] == []


def test_lines_of_shells_and_indented_ones_are_commands_and_formulas_are_none() -> None:
    page = (
        "a\n\n    make demo  # x\n    beta · 1\n\n"
        "```sh\nsteadfit info model\nA=1 python b.py\n```\n"
        "```sh no-run network\npip install c\n```\n```python\n    make = 1\n```\n"
        "`steadfit\ndoctor` and `make`\n"
    )
    assert commands(page) == ["make demo  # x", "steadfit info model", "A=1 python b.py"]
    assert named(page) == ["steadfit doctor"]
