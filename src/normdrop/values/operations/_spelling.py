"""How an operation is spelled in torch: one function of several."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """A function or method of torch, by its address.

    Attributes:
        address: Where it is, such as `"torch.nn.functional.dropout"` or `"torch.Tensor.uniform_"`.
        arguments: Names of its positional arguments, in order.
        training: Whether it is on where its call does not say; `None` for one that must say, and
            for one that has no such argument.
    """

    address: str
    arguments: tuple[str, ...] = ()
    training: bool | None = None

    @property
    def name(self) -> str:
        """The last part of its address, as code calls it: `"dropout"`, `"uniform_"`."""
        return self.address.rpartition(".")[2]

    @property
    def operation(self) -> str:
        """The name that it shares with its in-place variant."""
        return self.name.rstrip("_")


def functions(home: str, names: str, arguments: str = "") -> tuple[Function, ...]:
    """Functions of one module and one signature, written as words.

    >>> [each.address for each in functions("torch", "relu relu_", "input")]
    ['torch.relu', 'torch.relu_']
    """
    taken = tuple(arguments.split())
    return tuple(Function(f"{home}.{name}", taken) for name in names.split())
