"""What the callbacks share: a watch that lasts as long as a fit, and a method it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial, update_wrapper
from typing import Any

from torch import Tensor, nn

from steadfit.penalties import Penalty, Watched, watch

Around = Callable[..., Any]
"""`(method, ...)`: called in the place of a method, with that method before its arguments."""


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

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to a fit under way."""
        return {**vars(self), "attached_": ExitStack(), "watched_": None}

    def attach(self, model: nn.Module, owner: object, method: str, around: Around) -> None:
        """Put hooks on the model, and `around(method, ...)` in the place of a method of `owner`.

        Raises:
            ValueError: the penalties do not fit the model (see `watch`).
        """
        self.detach()  # a fit that broke off may have left its own
        watching = watch(model, self.penalties, batch_first=self.batch_first)
        self.watched_ = self.attached_.enter_context(watching)
        self.attached_.callback(setattr, self, "watched_", None)
        self.around(owner, method, around)

    def around(self, owner: object, method: str, around: Around) -> None:
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
def _replaced(owner: object, method: str, around: Around) -> Iterator[None]:
    """Let one object have another method; its class keeps its own."""
    attributes = vars(owner)
    replacement = attributes.get(method)
    if not isinstance(replacement, _Replacement):
        replacement = attributes[method] = _Replacement(owner, method)
    replacement.arounds.append(around)
    try:
        yield
    finally:
        replacement.arounds.remove(around)
        if not replacement.arounds:
            replacement.put_back()


class _Replacement:
    """A method of one object with all that callbacks put around it, the first the innermost.

    They come and go in any order. A copy of the object, or one from a pickle, has the method as it
    was before: so a net may be saved or copied while it is fitted.
    """

    def __init__(self, owner: object, method: str) -> None:
        self._owner, self._method = owner, method
        self._before = vars(owner).get(method)  # None: that of the class
        self._own = getattr(owner, method)
        self.arounds: list[Around] = []
        update_wrapper(self, self._own)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call = self._own
        for around in self.arounds:
            call = partial(around, call)
        return call(*args, **kwargs)

    def put_back(self) -> None:
        """Let the object have its method again."""
        if self._before is None:
            del vars(self._owner)[self._method]
        else:
            vars(self._owner)[self._method] = self._before

    def __reduce__(self) -> tuple[Any, ...]:
        if self._before is None:
            return getattr, (self._owner, self._method)
        return _itself, (self._before,)


def _itself(value: Any) -> Any:
    return value
