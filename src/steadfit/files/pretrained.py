"""Models found by their names: installed as Python packages, or fast.ai's, fetched."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

from steadfit.core.checks import a_path
from steadfit.core.errors import FileFormatError
from steadfit.files.wt103 import FETCHED, wt103_folder

GROUP = "steadfit.models"
DIRECTIONS = {False: "forward", True: "backward"}
_OURS = {"base-en": "base"}  # our own models, each with the extra that installs it
_PLACE = re.compile(r"(?P<package>\w+(?:\.\w+)*)(?:\s*:\s*(?P<folder>\w+(?:[.-]\w+)*))?")


def pretrained_folder(name: str | Path, backwards: bool = False) -> Path:
    """Return the model folder of a path, of a name that a package installed, or of fast.ai's.

    A path that exists goes before a name. A package names its models in the group
    `steadfit.models` of its entry points, as `NAME = "PACKAGE"` or `NAME = "PACKAGE:FOLDER"`; in
    that folder the model folders `forward` and `backward` lie, or one of them. No package is
    imported, so none of its code runs, and no connection is opened; but for "wt103-fwd" and
    "wt103-bwd", on the first call that names one of them (see `wt103_folder`).

    Args:
        name: such as "base-en"; or a path, which is returned as it is.
        backwards: which of the two directions is wanted.

    Raises:
        DataError: `name` is neither; or fast.ai's model could not be had.
        FileFormatError: no such folder and no such model; the message lists what is installed. Or
            the model does not read in this direction, or two packages use its name.
    """
    path = a_path("pretrained", name)
    if not isinstance(name, str) or path.name != name or path.exists():
        return path
    found = list(entry_points(group=GROUP, name=name))
    if not found and name in FETCHED:
        return wt103_folder(name, backwards)
    if not found:
        raise FileFormatError(f"There is no model folder {name}, and {not_installed(name)}")
    if len(found) > 1:
        packages = ", ".join(sorted(_package(one) for one in found))
        raise FileFormatError(
            f"{packages} each bring a model {name!r}. Uninstall all but one, or give the path of "
            "a model folder."
        )
    (entry,) = found
    wanted = DIRECTIONS[backwards]
    homes = _homes(entry)
    for home in homes:
        if (home / wanted).is_dir():
            return home / wanted
    there = [one for one in DIRECTIONS.values() if any((home / one).is_dir() for home in homes)]
    raise FileFormatError(
        f"{_package(entry)} holds no {wanted} model {name!r} in {entry.value!r} (it holds: "
        f"{', '.join(there) or 'none'}). Install another version of it, or read in the direction "
        "that is there."
    )


def installed_models() -> list[str]:
    """Return the names of all models that packages installed, sorted."""
    return sorted({entry.name for entry in entry_points(group=GROUP)})


def not_installed(name: str) -> str:
    """Return the end of a message: that there is no such model, what there is, and what to do."""
    how = "A model is a package for pip"
    if name in _OURS:
        how = f"pip install 'steadfit[{_OURS[name]}]' installs it"
    elif _OURS:
        extras = ",".join(_OURS.values())
        how = f"{how}; ours is {', '.join(_OURS)}: pip install 'steadfit[{extras}]'"
    return (
        f"no model {name!r} is installed (installed: {', '.join(installed_models()) or 'none'}). "
        f"{how}. Or give the path of a folder that export or save wrote. The names "
        f"{', '.join(FETCHED)} fetch fast.ai's models."
    )


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value


def _homes(entry: EntryPoint) -> list[Path]:
    """Return where the folder of an entry can lie; a package may have several places."""
    place = _PLACE.fullmatch(entry.value.strip())
    if place is None:
        return []
    first, *inner = place["package"].split(".")
    if place["folder"]:
        inner.append(place["folder"])
    try:
        spec = find_spec(first)
    except (ImportError, ValueError):  # half uninstalled, or a program's own __main__
        spec = None
    if spec is None or spec.submodule_search_locations is None:
        return []
    return [Path(location, *inner) for location in spec.submodule_search_locations]
