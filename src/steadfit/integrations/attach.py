"""What the callbacks share: a watch that lasts as long as a fit, and a method it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

from torch import Tensor, nn

from steadfit.penalties import Penalty, Watched, watch


class WatchedFit:
    """Watches a model from `attach` to `detach`; base of callbacks.

    Args:
        penalties: what is put on which modules, as in `steadfit.penalties.watch`.
        lengths: from a batch, as the library hands it on, to what `Watched.set_lengths` takes.
            None: all steps are real.
        batch_first: as in `watch`.
    """

    # skorch takes attributes for arguments unless their names end in an underscore.
    watched_: Watched | None = None

    def __init__(
        self,
        penalties: Mapping[str, Sequence[Penalty]],
        lengths: Callable[[Any], Tensor | None] | None = None,
        batch_first: bool | None = None,
    ) -> None:
        self.penalties = penalties
        self.lengths = lengths
        self.batch_first = batch_first
        self.attached_ = ExitStack()

    def attach(
        self, model: nn.Module, owner: object, method: str, around: Callable[..., Any]
    ) -> None:
        """Put hooks on the model, and `around(method, ...)` in the place of a method of `owner`.

        Raises:
            ValueError: the penalties do not fit the model (see `watch`).
        """
        self.detach()  # a fit that broke off may have left its own
        watching = watch(model, self.penalties, batch_first=self.batch_first)
        self.watched_ = self.attached_.enter_context(watching)
        self.attached_.callback(setattr, self, "watched_", None)
        self.around(owner, method, around)

    def around(self, owner: object, method: str, around: Callable[..., Any]) -> None:
        """Put `around(method, ...)` in the place of a method of `owner` until `detach`."""
        self.attached_.enter_context(_replaced(owner, method, around))

    def detach(self) -> None:
        """Put everything back."""
        self.attached_.close()

    def expect(self, batch: Any) -> Watched:
        """Return the watch, ready for the forward over a batch that is trained on."""
        assert self.watched_ is not None
        self.watched_.forget()
        self.watched_.set_lengths(None if self.lengths is None else self.lengths(batch))
        return self.watched_


def needs(library: str) -> str:
    """Return what to tell a user who lacks the library."""
    return (
        f"steadfit.integrations.{library} needs {library}, which could not be imported; install "
        f"it by: pip install 'steadfit[{library}]'"
    )


@contextmanager
def _replaced(owner: object, method: str, around: Callable[..., Any]) -> Iterator[None]:
    """Let one object have another method; its class keeps its own."""
    own = getattr(owner, method)

    @wraps(own)
    def replacement(*args: Any, **kwargs: Any) -> Any:
        return around(own, *args, **kwargs)

    attributes = vars(owner)
    had, before = method in attributes, attributes.get(method)
    attributes[method] = replacement
    try:
        yield
    finally:
        if had:
            attributes[method] = before
        else:
            del attributes[method]
