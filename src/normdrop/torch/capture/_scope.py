"""Which module a call is made in."""

import functools
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from normdrop.torch.capture._trees import tensors_in


@dataclass(frozen=True, slots=True)
class Frame:
    """One running forward of one module, and the tensors it was called with."""

    path: str
    module: nn.Module
    invocation: int
    tensors: tuple[Tensor, ...]


@dataclass
class Scope:
    """The stack of modules whose forward runs now.

    Attributes:
        frames: Outermost first.
        calls: How often each module's forward ran, by path.
        failed: The innermost forward that the latest exception left.
        error: That exception.
    """

    frames: list[Frame] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    failed: Frame | None = None
    error: BaseException | None = None
    _watched: list[nn.Module] = field(default_factory=list)
    _invocations: "itertools.count[int]" = field(default_factory=itertools.count)

    def watch(self, module: nn.Module, path: str, around: "Around") -> None:
        """Note when `module.forward` runs, however it is called."""
        forward = module.forward

        @functools.wraps(forward)
        def watched(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a forward takes anything
            tensors = tuple(tensors_in((args, kwargs)))
            frame = Frame(path, module, next(self._invocations), tensors)
            self.calls[path] += 1
            self.frames.append(frame)
            try:
                return around(frame, forward, args, kwargs)
            except BaseException as error:
                if error is not self.error:
                    self.error, self.failed = error, frame
                raise
            finally:
                self.frames.pop()

        module.__dict__["forward"] = watched
        self._watched.append(module)

    def unwatch(self) -> None:
        """Let go of the modules, so that their memory is free at once."""
        for module in self._watched:
            module.__dict__.pop("forward", None)
        self._watched.clear()


Around = Callable[[Frame, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""What runs a forward: takes the frame, the forward itself, and its arguments."""
