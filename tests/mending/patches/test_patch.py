"""Patches of source: each mends its finding, adds none, and touches nothing else."""

import ast
import textwrap
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from normdrop.lint.rules import Invalid, Rule, SourceMend, all_rules, check_text, selected
from normdrop.lint.rules import rule as rule_of
from normdrop.mending.patches import patch_text

_EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.code}-{number}")
    for rule in all_rules()
    for number, example in enumerate(rule.invalid)
]
_BY_HAND = {"ND101-1", "ND106-1", "ND301-2"}
"""Examples of rules with a patch whose mending no patch can know."""


def rules_with(rule: type[Rule]) -> Sequence[Rule]:
    """All rules that run by default, and one."""
    chosen = selected()
    return chosen if any(isinstance(each, rule) for each in chosen) else (*chosen, rule())


def codes(source: str, rules: Sequence[Rule]) -> Counter[str]:
    """How often each rule finds something."""
    return Counter(each.code for each in check_text("net.py", source, rules))


@pytest.mark.parametrize(("rule", "example"), _EXAMPLES)
def test_every_example_is_mended_or_explained(
    rule: type[Rule], example: Invalid, request: pytest.FixtureRequest
) -> None:
    """What a rule finds in its examples is gone afterwards, or left with an instruction."""
    source, rules = textwrap.dedent(example.source), rules_with(rule)
    patch = patch_text("net.py", source, rules, unsafe=True)
    before, after = codes(source, rules), codes(patch.after, rules)
    assert all(after[code] <= before[code] for code in after)
    assert len(patch.mended) + len(patch.left) >= before.total()
    assert Counter(each.finding.code for each in patch.left) == after
    assert all(each.reason for each in patch.left)
    name = request.node.callspec.id
    if rule.source_mend is not None and name not in _BY_HAND:
        assert not after[rule.code]


@pytest.mark.parametrize(("rule", "example"), _EXAMPLES)
def test_a_second_patch_changes_nothing(rule: type[Rule], example: Invalid) -> None:
    """Mending twice is mending once."""
    rules = rules_with(rule)
    once = patch_text("net.py", textwrap.dedent(example.source), rules, unsafe=True)
    twice = patch_text("net.py", once.after, rules, unsafe=True)
    assert not twice.changes


@pytest.mark.parametrize(("rule", "example"), _EXAMPLES)
def test_what_changes_outputs_waits_for_unsafe(rule: type[Rule], example: Invalid) -> None:
    """Without `unsafe`, only repairs that keep outputs and keys are made; the others say how."""
    source, rules = textwrap.dedent(example.source), rules_with(rule)
    patch = patch_text("net.py", source, rules)
    for finding in patch.mended:
        assert finding.fix is not None
        assert not finding.fix.changes_outputs
        assert rule_of(finding.code).source_mend is not SourceMend.LEAVE_OUT_BIAS
        assert rule_of(finding.code).source_mend is not SourceMend.LEAVE_OUT_ARGUMENT
    if not patch.changes and patch_text("net.py", source, rules, unsafe=True).changes:
        assert any(left.flag for left in patch.left)


BEFORE_AND_AFTER = {
    "one line each, with comments": (
        """
        net = nn.Sequential(
            nn.Linear(8, 8, bias=False),
            nn.Dropout(0.5),  # regularise
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Linear(8, 2),
        )
        """,
        """
        net = nn.Sequential(
            nn.Linear(8, 8, bias=False),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Dropout(0.5),  # regularise
            nn.Linear(8, 2),
        )
        """,
    ),
    "to the end of a list without a last comma": (
        """
        net = nn.Sequential(
            nn.Linear(8, 8, bias=False),
            nn.Dropout(0.5),
            nn.BatchNorm1d(8),
            nn.ReLU()
        )
        """,
        """
        net = nn.Sequential(
            nn.Linear(8, 8, bias=False),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.Dropout(0.5),
        )
        """,
    ),
    "a bias that the move uncovers": (
        """
        net = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.BatchNorm1d(8))
        """,
        """
        net = nn.Sequential(nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8), nn.Dropout(0.5))
        """,
    ),
    "statements of a forward": (
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(8, 8, bias=False)
                self.drop = nn.Dropout(0.5)
                self.norm = nn.BatchNorm1d(8)
                self.out = nn.Linear(8, 2)

            def forward(self, x):
                x = self.linear(x)
                x = self.drop(x)  # here?
                x = self.norm(x)
                x = F.relu(x)
                return self.out(x)
        """,
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(8, 8, bias=False)
                self.drop = nn.Dropout(0.5)
                self.norm = nn.BatchNorm1d(8)
                self.out = nn.Linear(8, 2)

            def forward(self, x):
                x = self.linear(x)
                x = self.norm(x)
                x = F.relu(x)
                x = self.drop(x)  # here?
                return self.out(x)
        """,
    ),
    "a nest of calls": (
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(8, 8, bias=False)
                self.norm = nn.BatchNorm1d(8)
                self.out = nn.Linear(8, 2)

            def forward(self, x):
                return self.out(F.relu(self.norm(F.dropout(self.linear(x), 0.5, self.training))))
        """,
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(8, 8, bias=False)
                self.norm = nn.BatchNorm1d(8)
                self.out = nn.Linear(8, 2)

            def forward(self, x):
                return self.out(F.dropout(F.relu(self.norm(self.linear(x))), 0.5, self.training))
        """,
    ),
    "a nest, and on through a statement": (
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear, self.drop = nn.Linear(8, 8, bias=False), nn.Dropout(0.5)
                self.norm, self.out = nn.BatchNorm1d(8), nn.Linear(8, 2)

            def forward(self, x):
                x = self.drop(self.linear(x))
                x = F.relu(self.norm(x))
                return self.out(x)
        """,
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear, self.drop = nn.Linear(8, 8, bias=False), nn.Dropout(0.5)
                self.norm, self.out = nn.BatchNorm1d(8), nn.Linear(8, 2)

            def forward(self, x):
                x = self.linear(x)
                x = self.drop(F.relu(self.norm(x)))
                return self.out(x)
        """,
    ),
    "an argument on a line of its own": (
        """
        net = nn.Sequential(
            nn.Conv2d(
                3,
                8,
                kernel_size=3,  # small
            ),
            nn.BatchNorm2d(8),
        )
        """,
        """
        net = nn.Sequential(
            nn.Conv2d(
                3,
                8,
                kernel_size=3,  # small
                bias=False,
            ),
            nn.BatchNorm2d(8),
        )
        """,
    ),
    "an argument behind brackets": (
        """
        net = nn.Sequential(nn.Conv2d(3, 8, (3)), nn.BatchNorm2d(8))
        """,
        """
        net = nn.Sequential(nn.Conv2d(3, 8, (3), bias=False), nn.BatchNorm2d(8))
        """,
    ),
    "a module kept in a constructor that is there": (
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.drop = nn.Linear(8, 8)

            def forward(self, x):
                return nn.Dropout(p=0.1)(self.drop(x))
        """,
        """
        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.drop = nn.Linear(8, 8)
                self.drop2 = nn.Dropout(p=0.1)

            def forward(self, x):
                return self.drop2(self.drop(x))
        """,
    ),
}
_IMPORTS = "from torch import nn\nimport torch.nn.functional as F\n"


@pytest.mark.parametrize("name", BEFORE_AND_AFTER)
def test_mends_as_a_careful_person_would(name: str) -> None:
    """Comments, layout and the other layers stay as they are."""
    before, after = (_IMPORTS + textwrap.dedent(each) for each in BEFORE_AND_AFTER[name])
    assert patch_text("net.py", before, selected(), unsafe=True).after == after


@pytest.mark.parametrize(
    "forward",
    [
        "y = self.drop(self.linear(x))\n        return self.norm(y) + y",
        "y = self.linear(x)\n        return x + self.norm(self.drop(y))",
        "for _ in 1, 2:\n            x = self.norm(self.drop(self.linear(x)))\n        return x",
        "return (self.norm(self.drop(self.linear(x))), x)",
    ],
)
def test_is_silent_on_doubt(forward: str) -> None:
    """Where the tensor goes several ways, a patch is right or is none; it never breaks a file."""
    source = (
        f"{_IMPORTS}class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.linear, self.drop = nn.Linear(8, 8, bias=False), nn.Dropout(0.5)\n"
        f"        self.norm = nn.BatchNorm1d(8)\n    def forward(self, x):\n        {forward}\n"
    )
    patch = patch_text("net.py", source, selected(), unsafe=True)
    ast.parse(patch.after)
    before, after = codes(source, selected()), codes(patch.after, selected())
    assert all(after[code] <= before[code] for code in after)
    assert bool(patch.left) != bool(patch.mended)


def test_a_sum_that_goes_on_is_left() -> None:
    """`x + r - 0.1` is x plus (r minus 0.1), not (x plus r) minus 0.1."""
    source = textwrap.dedent(
        """
        import torch
        from torch import nn
        class Uout(nn.Module):
            def forward(self, x):
                if not self.training:
                    return x
                return x + 0.2 * torch.rand_like(x) - 0.1
        """
    )
    patch = patch_text("net.py", source, selected(), unsafe=True)
    assert not patch.changes
    assert [left.finding.code for left in patch.left] == ["ND501"]


def test_accepted_findings_stay() -> None:
    """A comment with a reason holds for patches too."""
    source = f"{_IMPORTS}net = nn.Sequential(\n    nn.Linear(8, 8, bias=False),\n"
    noise = "    nn.Dropout(0.5),  # normdrop: ignore[ND101] as published\n"
    patch = patch_text(
        "n.py", f"{source}{noise}    nn.BatchNorm1d(8),\n)\n", selected(), unsafe=True
    )
    assert not patch.changes
    assert not patch.left


layers = st.lists(
    st.sampled_from(
        ["nn.Linear(8, 8)", "nn.Dropout(0.3)", "nn.BatchNorm1d(8)", "nn.ReLU()", "nn.LayerNorm(8)"]
    ),
    min_size=1,
    max_size=7,
)
separators = st.sampled_from([", ", ",\n    ", ",  # a comment\n    ", " ,"])


@given(names=layers, separator=separators, end=st.sampled_from(["", ","]), crlf=st.booleans())
def test_any_list_of_layers(names: list[str], separator: str, end: str, *, crlf: bool) -> None:
    """Whatever the order and layout: the same layers, as Python, with fewer findings."""
    source = f"from torch import nn\nnet = nn.Sequential({separator.join(names)}{end})\n"
    if crlf:
        source = source.replace("\n", "\r\n")
    patch = patch_text("net.py", source, selected(), unsafe=True)
    tree = ast.parse(patch.after)
    kept = [
        node.func.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    assert sorted(kept[1:]) == sorted(name[3:].partition("(")[0] for name in names)
    before, after = codes(source, selected()), codes(patch.after, selected())
    assert all(after[code] <= before[code] for code in after)
    assert patch.after.count("# a comment") == source.count("# a comment")
    assert patch.after.count("\r\n") == patch.after.count("\n") * crlf
    again = patch_text("net.py", patch.after, selected(), unsafe=True)
    assert not again.changes
