"""ND901."""

from collections.abc import Iterator, Sequence

from normdrop.lint.rules._rule import Rule
from normdrop.lint.rules._suppressions import Suppression
from normdrop.values.findings import Finding


class UnusedSuppression(Rule):
    """A suppression accepts nothing, or gives no reason.

    ## What it does
    Finds `# normdrop: ignore[…]` comments, and suppressions in `pyproject.toml`, that no finding
    needs, and those without a reason, which have no effect.

    ## Why is this bad?
    A suppression that outlives its finding hides the next one. One without a reason cannot be
    judged by whoever reads it next.

    ## Example
    ```python
    x = drop(x)  # normdrop: ignore[ND101]
    ```

    ## Use instead
    ```python
    x = drop(x)  # normdrop: ignore[ND101] as in the paper we reproduce
    ```

    ## Fix safety
    A comment changes no outputs.

    ## References
    - ruff's rule RUF100, which does the same for `noqa`
    """

    words = ("normdrop:",)

    def in_suppressions(
        self, suppressions: Sequence[Suppression], used: set[Suppression], ran: set[str]
    ) -> Iterator[Finding]:
        """One finding for every suppression of a rule that ran and that was of no use."""
        for each in suppressions:
            what = ", ".join(each.codes) or "nothing"
            if each.unknown:
                yield self.finding(
                    f"no rule is called {each.unknown[0]!r}, which a suppression names",
                    each.place,
                    fix="write the code or the name of a rule",
                    changes_outputs=False,
                )
            elif each in used or not each.is_judged(ran):
                continue
            elif each.reason:
                yield self.finding(
                    f"nothing is found that the suppression of {what} accepts",
                    each.place,
                    fix="remove the suppression",
                    changes_outputs=False,
                )
            else:
                yield self.finding(
                    f"the suppression of {what} gives no reason and has no effect",
                    each.place,
                    fix="write the reason behind the bracket",
                    changes_outputs=False,
                )
