"""Which modules of a model a pattern means."""

from __future__ import annotations

from fnmatch import fnmatchcase

from torch import nn

_PREFIXES = ("module.", "_orig_mod.")
_WILD = set("*?[")


def select(model: nn.Module, pattern: str) -> dict[str, nn.Module]:
    """Return the modules whose names match the pattern (`fnmatch`; `*` matches dots, too).

    Names are taken with and without what DistributedDataParallel and `torch.compile` put before
    them. Of modules one inside the other a pattern takes the outer one: `rnns.*` means the wrapper
    `rnns.0`, not `rnns.0.module` as well. The model itself has the name "".

    Raises:
        ValueError: nothing matches, it is a list of modules, or a layer of a module that runs
            several layers at once.
    """
    exact = not _WILD & set(pattern)
    chosen = _exactly(model, pattern) if exact else _matching(model, pattern)
    if not chosen:
        raise ValueError(_nothing(model, pattern))
    return chosen


def named(model: nn.Module) -> dict[str, nn.Module]:
    """Return all modules by name, without what DistributedDataParallel and compile put before."""
    every = list(model.named_modules(remove_duplicate=False))
    found = {name: module for name, module in every if name == _short(name)}
    for name, module in every:
        found.setdefault(_short(name), module)
    return found


def is_recurrent(module: nn.Module) -> bool:
    """Tell whether a module looks like a recurrent one."""
    return isinstance(module, nn.RNNBase) or any(
        word in type(module).__name__.lower() for word in ("rnn", "lstm", "gru")
    )


def unwrapped(module: nn.Module) -> nn.Module:
    """Return what DistributedDataParallel and `torch.compile` wrapped."""
    while type(module).__name__ in ("DistributedDataParallel", "OptimizedModule"):
        module = next(module.children())
    return module


def _exactly(model: nn.Module, pattern: str) -> dict[str, nn.Module]:
    module = dict(model.named_modules(remove_duplicate=False)).get(pattern)
    module = named(model).get(pattern) if module is None else module
    if module is None:
        return {}
    if _is_list(module):
        raise ValueError(
            f"{pattern!r} is a {type(module).__name__}, which is never called; give "
            f"'{pattern}.*' for all modules in it"
        )
    return {_title(model, module): module}


def _matching(model: nn.Module, pattern: str) -> dict[str, nn.Module]:
    chosen: dict[str, nn.Module] = {}
    outer: list[str] = []
    for name, module in model.named_modules():  # outer modules come first
        inside = any(name.startswith(f"{one}.") for one in outer)
        matches = fnmatchcase(name, pattern) or fnmatchcase(_short(name), pattern)
        if _short(name) and matches and not inside and not _is_list(module):
            chosen[_title(model, module)] = module
            outer.append(name)
    return chosen


def _short(name: str) -> str:
    short = f"{name}.".replace("._orig_mod.", ".")  # a part of the model may be compiled alone
    while short.startswith(_PREFIXES):
        short = short.split(".", 1)[1]
    return short.removesuffix(".")


def _title(model: nn.Module, module: nn.Module) -> str:
    """Return a module's short name, or the whole one where another module has the short one."""
    name = next(name for name, one in model.named_modules() if one is module)
    return _short(name) if named(model)[_short(name)] is module else name


def _is_list(module: nn.Module) -> bool:
    return isinstance(module, (nn.ModuleList, nn.ModuleDict))


def _nothing(model: nn.Module, pattern: str) -> str:
    modules = named(model)
    outer = pattern.rpartition(".")[0]
    fused = modules.get(outer) if "." in pattern else None
    if isinstance(fused, nn.RNNBase):
        return (
            f"{pattern!r} asks for a part of {outer!r}, an {type(fused).__name__} that runs its "
            f"{fused.num_layers} layer(s) at once and shows the outputs of the top one only. Watch "
            f"{outer!r}, or build the stack of modules with num_layers=1."
        )
    recurrent = [
        repr(name) if name else "'' (the model itself)"
        for name, module in modules.items()
        if is_recurrent(module)
    ]
    listed = ", ".join(recurrent) if recurrent else "none"
    return f"{pattern!r} matches no module of the model; its recurrent modules are: {listed}"
