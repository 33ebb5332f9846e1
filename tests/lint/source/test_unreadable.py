"""Files that are no Python, and Python that nobody wrote by hand."""

import sysconfig
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from normdrop.lint.rules import check_files, check_text, selected

_HEAD = b"from torch import nn\nmodel = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(8))\n"


def test_each_unreadable_file_is_one_note_and_the_rest_is_checked(tmp_path: Path) -> None:
    """Bad encodings, syntax errors, nesting, links and long lines stop no other file."""
    bad = {
        "encoding.py": b"# coding: nonsense\n" + _HEAD,
        "bytes.py": _HEAD + b"\xff\xfe",
        "null.py": _HEAD + b"\0",
        "syntax.py": _HEAD + b"def\n",
        "nested.py": _HEAD + b"x = " + b"(" * 5000 + b")" * 5000,
        "negated.py": _HEAD + b"x = " + b"-" * 100_000 + b"1",
        "long.py": _HEAD + b"x = '" + b"a" * 10_000_000 + b"'\n",
        "broken.ipynb": b"{",
    }
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "loop.py").symlink_to("loop.py")
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "good.py").write_bytes(_HEAD)
    found = check_files([str(tmp_path)], selected())
    assert [finding.code for finding in found] == ["ND101"]
    assert len(found.notes) == len(bad)
    named = {Path(note.partition(": ")[0]).name for note in found.notes}
    assert named == set(bad)
    assert set(found.scope.skipped) - set(found.notes) == {
        f"{tmp_path}/loop.py: a link that leads nowhere"
    }
    assert found.scope.files == 1
    assert not any("\n" in note for note in found.notes)


def test_endless_source_ends(tmp_path: Path) -> None:
    """Functions that call each other for ever, and loops over loops, are given up on."""
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def a(n):\n    nn.BatchNorm1d(8)\n    return b(n)\n"
        "def b(n):\n    for i in n:\n        for j in n:\n            for k in n:\n"
        "                while True:\n                    x = [a(i) for q in n]\n    return x\n"
        "class A(B): pass\nclass B(A):\n    def forward(self, x): return nn.BatchNorm1d(8)(x)\n"
    )
    assert check_files([str(tmp_path)], selected()).notes == ()


def _grammar_files() -> list[Path]:
    """CPython's own files of odd syntax; where they are not installed, its library."""
    library = Path(sysconfig.get_path("stdlib"))
    words = (
        "grammar",
        "syntax",
        "fstring",
        "patma",
        "unpack",
        "named_exp",
        "coding",
        "except_star",
    )
    odd = [file for word in words for file in sorted((library / "test").rglob(f"*{word}*.py"))]
    return odd or sorted(library.glob("*.py"))


def test_odd_syntax_is_read_or_refused() -> None:
    """CPython's syntax files, with a model before each, raise only what reading says it raises."""
    read = 0
    for file in _grammar_files():
        try:
            found = check_text(file.name, _HEAD + file.read_bytes(), selected())
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        read += 1
        assert "ND101" in {finding.code for finding in found}, file
    assert read > 5


_NAMES = st.sampled_from(["x", "y", "self", "nn", "F", "model", "layers", "range"])
_ATTRIBUTES = st.sampled_from(
    ["Dropout", "BatchNorm1d", "Linear", "Sequential", "add", "append", "dropout", "view", "items"]
)
_EXPRESSIONS = st.recursive(
    st.one_of(_NAMES, st.sampled_from(["0.5", "None", "True", "'a'", "[]", "()"])),
    lambda inner: st.one_of(
        st.builds("{}.{}".format, inner, _ATTRIBUTES),
        st.builds("nn.{}({})".format, _ATTRIBUTES, inner),
        st.builds("({})({})".format, inner, inner),
        st.builds("({})({}, *{}, p={})".format, inner, inner, inner, inner),
        st.builds("[{}, *{}]".format, inner, inner),
        st.builds("({} + {})".format, inner, inner),
        st.builds("({} * {})".format, inner, inner),
        st.builds("({})[{}]".format, inner, inner),
        st.builds("({} if {} else {})".format, inner, inner, inner),
        st.builds("[{} for x in {}]".format, inner, inner),
        st.builds("({} is not {})".format, inner, inner),
    ),
    max_leaves=12,
)
_STATEMENTS = st.one_of(
    st.builds("{} = {}".format, _NAMES, _EXPRESSIONS),
    st.builds("x, y = {}".format, _EXPRESSIONS),
    st.builds("x += {}".format, _EXPRESSIONS),
    st.builds("self.{} = {}".format, _ATTRIBUTES, _EXPRESSIONS),
    st.builds("for x in {}: y = {}".format, _EXPRESSIONS, _EXPRESSIONS),
    st.builds("if {}: x = {}".format, _EXPRESSIONS, _EXPRESSIONS),
    st.builds("return {}".format, _EXPRESSIONS),
)


@settings(max_examples=150, deadline=None)
@given(start=st.lists(_STATEMENTS, max_size=5), forward=st.lists(_STATEMENTS, max_size=5))
def test_made_up_models_never_raise(start: list[str], forward: list[str]) -> None:
    """Any Python is read without an exception, however little sense it makes."""
    lines = ["from torch import nn", "import torch.nn.functional as F", "class Net(nn.Module):"]
    lines += ["    def __init__(self, x, layers=3):", "        self.norm = nn.BatchNorm1d(8)"]
    lines += [f"        {statement}" for statement in start]
    lines += ["    def forward(self, x, y=None):", "        x = self.norm(x)"]
    lines += [f"        {statement}" for statement in forward]
    lines += ["model = Net(3)"]
    check_text("net.py", "\n".join(lines), selected())
