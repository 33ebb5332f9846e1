"""One token of an order."""

from dataclasses import dataclass

from normdrop.values.noise import Noise
from normdrop.values.order._arguments import Argument
from normdrop.values.order._kinds import KINDS, Role, TokenKind


@dataclass(frozen=True)
class Token:
    """A token and its argument, as the parser read them.

    Attributes:
        name: A key of `KINDS`.
        argument: What stands in the parentheses; none means that the block's setting applies.
    """

    name: str
    argument: Argument | None = None

    @property
    def kind(self) -> TokenKind:
        """What is known of the token by its name."""
        return KINDS[self.name]

    @property
    def role(self) -> Role:
        """What the token does to the activations."""
        return self.kind.role

    @property
    def is_max_pool(self) -> bool:
        """Whether this is `pool(max)`, or `pool`, which means the same."""
        return self.role is Role.POOL and self.argument != "avg"

    @property
    def noise(self) -> Noise | None:
        """The noise's distribution; none if the token is no noise or its strength is not known."""
        strength = self.kind.usual if self.argument is None else self.argument
        if self.kind.noise is None or not isinstance(strength, float):
            return None
        return self.kind.noise(strength)

    def __str__(self) -> str:
        """The token as it is written in an order."""
        if self.argument is None:
            return self.name
        return f"{self.name}({str(self.argument).removesuffix('.0')})"
