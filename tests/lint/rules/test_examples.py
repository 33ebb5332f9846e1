"""Every rule against the examples of its own page."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from normdrop.lint.rules import Rule, all_rules, check_files, check_text, selected

_VALID = [
    pytest.param(rule, source, id=f"{rule.code}-{index}")
    for rule in all_rules()
    for index, source in enumerate(rule.valid)
]
_INVALID = [
    pytest.param(rule, each.source, each.mended, id=f"{rule.code}-{index}")
    for rule in all_rules()
    for index, each in enumerate(rule.invalid)
]


def _codes(source: str, code: str = "") -> list[str]:
    rules = selected((code,) if code else ())
    return [each.code for each in check_text("net.py", textwrap.dedent(source), rules)]


@pytest.mark.parametrize(("rule", "source"), _VALID)
def test_a_rule_is_silent_on_valid_source(rule: type[Rule], source: str) -> None:
    """A rule has nothing to say about its valid examples."""
    assert _codes(source, rule.code) == []


@pytest.mark.parametrize(("rule", "source", "mended"), _INVALID)
def test_a_finding_vanishes_once_it_is_mended(rule: type[Rule], source: str, mended: str) -> None:
    """A rule finds fault with its invalid examples, and no rule with the mended ones."""
    found = check_text("net.py", textwrap.dedent(source), selected((rule.code,)))
    assert rule.code in {each.code for each in found}
    assert all(each.fix is not None for each in found)
    assert rule.code not in _codes(mended, rule.code)
    assert _codes(mended) == []


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The codes that the installed command reports, by file, with all rules and opinions on."""
    folder = tmp_path_factory.mktemp("examples")
    for name, (_, source) in _FILES.items():
        (folder / name).write_text(textwrap.dedent(source), "utf-8")
    codes = ",".join(rule.code for rule in all_rules())
    command = Path(sys.executable).with_name("normdrop")
    done = subprocess.run(
        [command, "check", "--format", "json", "--select", codes, "."],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr.decode()
    found: dict[str, set[str]] = {name: set() for name in _FILES}
    for each in json.loads(done.stdout)["findings"]:
        found[each["location"]["file"]].add(each["code"])
    return found


_FILES = {
    f"{rule.code}_{kind}_{index}.py": (rule.code, source)
    for rule in all_rules()
    for kind, sources in (
        ("invalid", [each.source for each in rule.invalid]),
        ("mended", [each.mended for each in rule.invalid]),
        ("valid", rule.valid),
    )
    for index, source in enumerate(sources)
}


@pytest.mark.parametrize("name", _FILES)
def test_the_command_says_of_a_file_what_the_page_says(
    name: str, reported: dict[str, set[str]]
) -> None:
    """In a real file a rule is found in its invalid examples, and in no valid or mended one."""
    code, _ = _FILES[name]
    assert (code in reported[name]) == ("_invalid_" in name)


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.code)
def test_a_rule_by_itself_reads_the_files_of_its_examples(rule: type[Rule], tmp_path: Path) -> None:
    """No rule relies on the words of another: what it finds in a text, it finds in the file."""
    for example in rule.invalid:
        text = textwrap.dedent(example.source)
        (tmp_path / "net.py").write_text(text, "utf-8")
        found = check_files([str(tmp_path / "net.py")], selected((rule.code,)))
        assert len(found) == len(check_text("net.py", text, selected((rule.code,))))
