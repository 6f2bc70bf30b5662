"""What tf-slim's arg_scope needs of a function, without importing tf-slim."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_SLIM = "tf_slim.ops.arg_scope"


class ArgScoped(Generic[P, R]):
    """A function whose defaults tf-slim's arg_scope can set, if the program uses tf-slim.

    arg_scope takes functions that were decorated by its add_arg_scope and finds them by their attribute `_key_op`.
    Reading it is the first sign of tf-slim, and only then is the function decorated, by the copy that is loaded.
    """

    def __init__(self, function: Callable[P, R]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._decorated: tuple[Any, Callable[P, R]] | None = None

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, with the defaults of the surrounding arg_scopes."""
        return self._in_scope()(*args, **kwargs)

    @property
    def _key_op(self) -> Any:
        return getattr(self._in_scope(), "_key_op", str(self._function))

    def _in_scope(self) -> Callable[P, R]:
        slim = sys.modules.get(_SLIM)
        if slim is None:
            return self._function
        if self._decorated is None or self._decorated[0] is not slim:
            self._decorated = (slim, slim.add_arg_scope(self._function))
        return self._decorated[1]
