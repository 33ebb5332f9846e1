"""The ways a function may go where its conditions cannot be known."""

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

MOST_WORLDS = 8
_MOST_BRANCHES = 12


@dataclass(slots=True)
class World:
    """One choice for every open condition; the same condition is always answered alike.

    Attributes:
        choices: The answers to the first open conditions, in the order in which they come up.
        taken: The answers given so far.
        others: Choices that would have been possible too.
    """

    choices: tuple[bool, ...]
    taken: dict[Hashable, bool] = field(default_factory=dict)
    others: list[tuple[bool, ...]] = field(default_factory=list)

    def decide(self, condition: Hashable, *, usual: bool = True) -> bool:
        """Whether a condition holds in this world.

        Args:
            condition: What makes two conditions the same.
            usual: The answer that is tried first.
        """
        if condition in self.taken:
            return self.taken[condition]
        answered = tuple(self.taken.values())
        if len(answered) < len(self.choices):
            choice = self.choices[len(answered)]
        else:
            choice = usual
            if len(answered) < _MOST_BRANCHES:
                self.others.append((*answered, not usual))
        self.taken[condition] = choice
        return choice


def worlds() -> Iterator[World]:
    """One world after another, each once, until all or enough are explored."""
    waiting: deque[tuple[bool, ...]] = deque([()])
    for _ in range(MOST_WORLDS):
        if not waiting:
            return
        world = World(waiting.popleft())
        yield world
        waiting.extend(world.others)
