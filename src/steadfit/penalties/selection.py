"""Which modules of a model a pattern means."""

from __future__ import annotations

from fnmatch import fnmatchcase

from torch import nn

_PREFIXES = ("module.", "_orig_mod.")
_WILD = set("*?[")


def named(model: nn.Module) -> dict[str, nn.Module]:
    """Return all modules by name, without what DistributedDataParallel and compile put before."""
    found: dict[str, nn.Module] = {}
    for name, module in model.named_modules():
        short = f"{name}.".replace("._orig_mod.", ".")  # a part of the model may be compiled alone
        while short.startswith(_PREFIXES):
            short = short.split(".", 1)[1]
        found.setdefault(short.removesuffix("."), module)
    return found


def select(model: nn.Module, pattern: str) -> dict[str, nn.Module]:
    """Return the modules whose names match the pattern (`fnmatch`; `*` matches dots, too).

    Of modules one inside the other a pattern takes the outer one: `rnns.*` means the wrapper
    `rnns.0`, not `rnns.0.module` as well. The model itself has the name "".

    Raises:
        ValueError: nothing matches, or a layer of a module that runs several layers at once.
    """
    modules = named(model)
    if not _WILD & set(pattern):
        chosen = {pattern: modules[pattern]} if pattern in modules else {}
    else:
        chosen = {}
        for name, module in modules.items():  # outer modules come first
            inside = any(name.startswith(f"{outer}.") for outer in chosen)
            if name and not inside and fnmatchcase(name, pattern):
                chosen[name] = module
    if not chosen:
        raise ValueError(_nothing(pattern, modules))
    return chosen


def _nothing(pattern: str, modules: dict[str, nn.Module]) -> str:
    outer = pattern.rpartition(".")[0]
    fused = modules.get(outer)
    if isinstance(fused, nn.RNNBase):
        return (
            f"{pattern!r} asks for a part of {outer!r}, an {type(fused).__name__} that runs its "
            f"{fused.num_layers} layer(s) at once and shows the outputs of the top one only. Watch "
            f"{outer!r}, or build the stack of modules with num_layers=1."
        )
    recurrent = [name for name, module in modules.items() if is_recurrent(module)]
    listed = ", ".join(map(repr, recurrent)) if recurrent else "none"
    return f"{pattern!r} matches no module of the model; its recurrent modules are: {listed}"


def is_recurrent(module: nn.Module) -> bool:
    """Tell whether a module looks like a recurrent one."""
    return isinstance(module, nn.RNNBase) or any(
        word in type(module).__name__.lower() for word in ("rnn", "lstm", "gru")
    )
