"""Rules are found by their files, and each has a page."""

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import normdrop
from normdrop.errors import UsageError
from normdrop.lint.rules import Rule, all_rules, codes, page, rule, selected

# Rules about suppressions and about models that have values.
_TESTED_ELSEWHERE = {"ND901", "ND210", "ND211", "ND212", "ND303"}
_ALL = [pytest.param(each, id=each.code) for each in all_rules()]


def test_codes_and_names_are_unique() -> None:
    """No two rules share a code or a name."""
    assert len({each.code for each in all_rules()}) == len(all_rules())
    assert len({each.name for each in all_rules()}) == len(all_rules())


@pytest.mark.parametrize("each", _ALL)
def test_a_rule_is_named_after_its_file(each: type[Rule]) -> None:
    """A rule's file, its code, name and class say the same."""
    assert codes()[each.code] == each.__module__
    file = f"{each.code.lower()}_{each.name.replace('-', '_')}"
    assert each.__module__.rpartition(".")[2] == file
    assert each.__name__ == "".join(word.capitalize() for word in each.name.split("-"))
    assert re.fullmatch(r"ND[1-9]\d\d", each.code)


@pytest.mark.parametrize("each", _ALL)
def test_a_page_has_every_heading(each: type[Rule]) -> None:
    """A rule's page says what, why, how and who says so."""
    text = page(each)
    for heading in ("What it does", "Why is this bad?", "Example", "Use instead", "References"):
        assert f"\n## {heading}\n" in text
    assert each.summary().endswith(".")


@pytest.mark.parametrize("each", _ALL)
def test_a_rule_has_examples(each: type[Rule]) -> None:
    """Every rule about models has examples from source, or a test of its own."""
    assert (each.valid and each.invalid) or each.code in _TESTED_ELSEWHERE


@pytest.mark.parametrize("each", _ALL)
def test_a_rule_that_has_examples_says_what_it_reads(each: type[Rule]) -> None:
    """A rule that finds anything in files names words; one that finds nothing there names none."""
    in_files = bool(each.invalid) or each.in_suppressions is not Rule.in_suppressions
    assert bool(each.words) == in_files


def test_an_opinion_runs_only_when_selected_by_its_code() -> None:
    """Opinions are off, also when their band is selected."""
    opinions = {each.code for each in all_rules() if each.opinion}
    assert not opinions & {each.code for each in selected()}
    for code in opinions:
        assert code not in {each.code for each in selected((code[:3],))}
        assert [each.code for each in selected((code,))] == [code]


def test_rules_are_imported_when_one_is_asked_for() -> None:
    """Selecting rules imports none of them, nor the graphs that they read."""
    program = (
        "import sys\nfrom normdrop.lint.rules import selected\nrules = selected((), ('ND2',))\n"
        "print(sorted(n for n in sys.modules if 'rules.nd' in n or 'normdrop.shifts.graph' in n))\n"
        "print(len(rules) > 10)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.decode().split("\n")[:2] == ["[]", "True"]


def test_an_unknown_code_is_refused_in_words() -> None:
    """What is selected must exist, and the error lists what does."""
    with pytest.raises(UsageError, match="ND101"):
        selected(("ND999",))
    with pytest.raises(UsageError, match="no rule is called 'nothing'"):
        rule("nothing")


def test_a_class_from_elsewhere_is_no_rule() -> None:
    """Whoever derives from a rule, or from the base of all, adds none to those there are."""
    program = """
        from normdrop.lint.rules import Rule, all_rules, pages, rule, selected

        class Foreign(Rule):
            \"\"\"A rule of somebody else.\"\"\"

            words = ("import",)

        class Derived(rule("ND101")):
            \"\"\"A rule made of one of ours.\"\"\"

        print(hasattr(Foreign, "code"))
        Foreign.code, Foreign.name = "ND999", "foreign"
        every = {*all_rules(), *map(type, selected()), *map(type, selected(("ND",)))}
        print(not every & {Foreign, Derived})
        print("foreign.md" not in pages())
        selected(("ND999",))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["False", "True", "True"]
    assert "no rule is called 'ND999'" in done.stderr


@pytest.fixture
def rules_folder(tmp_path: Path) -> Path:
    """The folder of rules in a copy of the package that goes before the installed one."""
    source = Path(normdrop.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__", "lab", "report", "torch", "keras")
    shutil.copytree(source, tmp_path / "normdrop", ignore=ignored)
    for room in ("report", "lab"):  # pages of rules tell what is asked of them
        shutil.copytree(source / room, tmp_path / "normdrop" / room)
    return tmp_path / "normdrop" / "lint" / "rules"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, on the copy that a folder of rules belongs to."""
    package = folder.parents[2]
    program = f"import sys; sys.path.insert(0, {str(package)!r}); from normdrop.cli import main; "
    return subprocess.run(
        [sys.executable, "-c", program + "main()", *arguments],
        capture_output=True,
        text=True,
        cwd=package,
        check=False,
    )


_NEW = '''
"""ND998."""

from collections.abc import Iterator

from normdrop.lint.rules._rule import Invalid, Rule
from normdrop.lint.source import Source
from normdrop.values.findings import Finding


class HalfTheSeeds(Rule):
    """Seeds are halved.

    ## What it does
    Finds calls of `torch.manual_seed`.

    ## Why is this bad?
    It is not.

    ## Fix safety
    None.

    ## References
    - none
    """

    words = ("manual_seed",)
    valid = ("import torch",)
    invalid = (Invalid("import torch; torch.manual_seed(1)", "import torch"),)

    def in_source(self, source: Source) -> Iterator[Finding]:
        """One finding for every call."""
        for call in source.calls_of(["torch.manual_seed"]):
            yield self.finding("a seed", source.place(call.node), fix="leave it out")
'''


def test_a_new_rule_is_one_new_file(rules_folder: Path) -> None:
    """A file that is put into the folder works: it is listed, explained, selected, and it fires."""
    (rules_folder / "nd998_half_the_seeds.py").write_text(_NEW.lstrip())
    net = rules_folder.parents[2] / "net.py"
    net.write_text("import torch\ntorch.manual_seed(1)\n")
    found = run(rules_folder, "check", "--format", "github", "net.py")
    assert (found.returncode, "title=ND998" in found.stdout) == (1, True), found.stderr
    assert "Seeds are halved" in run(rules_folder, "explain", "half-the-seeds").stdout
    assert "ND998  half-the-seeds" in run(rules_folder, "explain").stdout
    assert run(rules_folder, "check", "--ignore", "ND998", "net.py").returncode == 0
    assert run(rules_folder, "check", "--select", "ND9", "net.py").returncode == 1
    net.write_text("import torch\ntorch.manual\n")
    assert run(rules_folder, "check", "net.py").returncode == 0


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("nd998_half_the_seeds.py", _NEW.replace("HalfTheSeeds", "Others"), "found Others"),
        ("nd998_half_the_seeds.py", "import re\n", "found none"),
        (
            "nd998_half_the_seeds.py",
            f"{_NEW}\n\nclass More(Rule):\n    pass\n",
            "HalfTheSeeds, More",
        ),
        ("nd998_half_the_seeds.py", _NEW.replace("    words =", "    wards ="), "which words"),
        ("half_the_seeds.py", _NEW, "not named as a rule"),
        ("nd98_half_the_seeds.py", _NEW, "not named as a rule"),
        ("nd101_half_the_seeds.py", _NEW, "have one code"),
    ],
)
def test_a_file_that_is_no_rule_is_refused(
    rules_folder: Path, file: str, text: str, said: str
) -> None:
    """A file of the folder without a rule, or under another name or code, fails loudly."""
    (rules_folder / file).write_text(text.lstrip())
    done = run(rules_folder, "explain")
    assert done.returncode != 0
    assert said in done.stderr.replace("\n", " ")


def test_codes_stand_in_the_files_of_their_rules() -> None:
    """Nothing but a rule's own file knows its code: no string in the package begins with one."""
    import ast

    known = []
    package = Path(normdrop.__file__).parent
    for file in package.rglob("*.py"):
        if re.fullmatch(r"nd\d{3}_\w+", file.stem):
            continue
        tree = ast.parse(file.read_text("utf-8"))
        documented = {id(each.value) for each in ast.walk(tree) if isinstance(each, ast.Expr)}
        known += [
            f"{file.relative_to(package)}:{each.lineno}"
            for each in ast.walk(tree)
            if isinstance(each, ast.Constant)
            and isinstance(each.value, str)
            and id(each) not in documented
            and re.search(r"\bND\d", each.value)
        ]
    assert known == []


@pytest.mark.parametrize("each", _ALL)
def test_a_name_stands_for_a_code(each: type[Rule]) -> None:
    """A rule is selected, and ignored, by its name or its code, in any case of letters."""
    for written in (each.name, each.name.upper(), each.code, each.code.lower()):
        assert [one.code for one in selected((written,))] == [each.code]
        assert list(selected((each.code,), (written,))) == []
