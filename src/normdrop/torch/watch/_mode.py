"""One watcher of torch calls: it sorts them, and whoever watches says only what it answers."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from torch import Tensor
from torch.overrides import TorchFunctionMode

from normdrop.torch.watch._norm_call import NormCall, norm_call

Function: TypeAlias = Callable[..., Any]


class CallWatch(TorchFunctionMode):
    """Hands over the calls made inside, however they are written.

    Args:
        norm: From a norm call to its output; None lets it pass.
        others: From any other call, its arguments and keywords, to its output; by default they
            pass.
    """

    def __init__(
        self,
        norm: Callable[[NormCall], Tensor | None],
        others: Callable[[Function, tuple[Any, ...], dict[str, Any]], Any] | None = None,
    ) -> None:
        super().__init__()
        self._norm = norm
        self._others = others

    def __torch_function__(
        self,
        func: Function,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the call returns
        kwargs = kwargs or {}
        call = norm_call(func, args, kwargs)
        if call is not None:
            answer = self._norm(call)
            return func(*args, **kwargs) if answer is None else answer
        if self._others is not None:
            return self._others(func, args, kwargs)
        return func(*args, **kwargs)
