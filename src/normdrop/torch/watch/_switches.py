"""Which modules make noise and which normalise, and their modes set apart from one another."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from inspect import unwrap
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from normdrop.shifts.stream import NormMode
from normdrop.values.operations import CALLS_OF_NOISE


class Switches:
    """Sets dropout and norm layers of a model to a mode each; everything else is in eval mode.

    Attributes:
        norms: Module path of every module that holds running statistics.
        frozen: Those of them that keep to running statistics while the model trains.
        noise: Module path of every module whose train mode may drop units.
    """

    def __init__(self, model: nn.Module) -> None:
        self._modules = dict(model.named_modules())
        self.norms = tuple(p for p, m in self._modules.items() if has_statistics(m))
        self.frozen = frozen_norms(model)
        own = {path for path, module in self._modules.items() if makes_own_noise(module)}
        leaves = {path for path, module in self._modules.items() if not any(module.children())}
        self.noise = tuple(p for p in self._modules if p in own or p in leaves - {*self.norms})
        self.mixed = tuple(path for path in self.norms if path in own)

    def set(self, *, dropout: bool, norm: NormMode) -> None:
        """Put every module in its mode."""
        for module in self._modules.values():
            module.training = False
        self.set_dropout(on=dropout)
        self.set_norms(norm)

    def set_dropout(self, *, on: bool) -> None:
        """Put the modules that make noise in train mode or eval mode."""
        for path in self.noise:
            self._modules[path].training = on

    def set_norms(self, norm: NormMode) -> None:
        """Put the modules that normalise in train mode or eval mode; frozen ones in eval mode."""
        for path in self.norms:
            if path not in self.mixed:
                self._modules[path].training = norm == "batch" and path not in self.frozen


def has_statistics(module: nn.Module) -> bool:
    """Whether a module itself holds running statistics."""
    buffers = module._buffers  # noqa: SLF001 - those of the module alone
    return buffers.get("running_mean") is not None and buffers.get("running_var") is not None


def frozen_norms(model: nn.Module) -> frozenset[str]:
    """Norm layers that do not learn statistics when the model trains.

    Those in eval mode while the model is in train mode; those that stay in eval mode when it is
    put in train mode, as a `train` of the model's own may see to; and those of momentum 0.
    """
    with _as_training(model):
        return frozenset(
            path
            for path, module in model.named_modules()
            if has_statistics(module)
            and (not module.training or (isinstance(module, _NormBase) and module.momentum == 0))
        )


@contextmanager
def kept_modes(model: nn.Module) -> Iterator[None]:
    """Put every module's mode back on leaving."""
    before = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


@contextmanager
def _as_training(model: nn.Module) -> Iterator[None]:
    with kept_modes(model):
        if not model.training:
            model.train()
        yield


def makes_own_noise(module: nn.Module) -> bool:
    """Whether the code of a module's own class makes noise that its mode switches."""
    views = _names_of(type(module))  # type: ignore[arg-type] # a class can be hashed
    return any("training" in names and not names.isdisjoint(CALLS_OF_NOISE) for names in views)


@cache
def _names_of(kind: type[nn.Module]) -> tuple[frozenset[str], frozenset[str]]:
    """Names in the methods of a class and its bases up to `nn.Module`, initialisers left out.

    Once as they are and once below their decorators: the mode that a decorator looks at is not
    that of a layer which the method calls.
    """
    functions: Mapping[str, object] = {
        name: member
        for base in reversed(kind.__mro__)
        if issubclass(base, nn.Module) and base is not nn.Module
        for name, member in vars(base).items()
    }
    methods = [
        member
        for name, member in functions.items()
        if isinstance(member, FunctionType) and "init" not in name and "reset" not in name
    ]
    return _names_in_all(methods), _names_in_all(unwrap(each) for each in methods)


def _names_in_all(functions: Iterable[object]) -> frozenset[str]:
    found = [each for each in functions if isinstance(each, FunctionType)]
    return frozenset(word for each in found for word in _names_used(each, set()))


def _names_used(function: FunctionType, seen: set[FunctionType]) -> Iterator[str]:
    """Names in a function and in the user's functions that it calls, and what they stand for."""
    seen.add(function)
    names = set(_names_in(function.__code__))
    yield from names
    for value in _called(function, names):
        # An imported function may go by another name: `from torch import dropout as drop`.
        yield getattr(value, "__name__", "")
        if isinstance(value, FunctionType) and value not in seen and not _is_torchs(value):
            yield from _names_used(value, seen)


def _is_torchs(function: FunctionType) -> bool:
    """Whether it is torch's own, which makes noise only if the vocabulary names it."""
    return f"{function.__module__}".startswith("torch.")


def _called(function: FunctionType, names: set[str]) -> Iterator[object]:
    """What the names of a function stand for: globals, and members of modules among them."""
    for name in names & function.__globals__.keys():
        value = function.__globals__[name]
        if isinstance(value, ModuleType):
            yield from (vars(value)[each] for each in names & vars(value).keys())
        elif isinstance(value, FunctionType | BuiltinFunctionType):
            yield value


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)
        elif isinstance(constant, tuple):  # the names of keyword arguments
            yield from (word for word in constant if isinstance(word, str))
