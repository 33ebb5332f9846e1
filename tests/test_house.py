"""The house rules a linter cannot hold."""

import subprocess
import sys
from pathlib import Path

import pytest
from import_graph import ImportGraph, circles, import_graph, private_imports
from words import colliding_words

import normdrop

_SOURCE = Path(__file__).parents[1] / "src" / "normdrop"
_VERBS = {name for name in normdrop.__all__ if name.islower() and callable(getattr(normdrop, name))}

_SHARED_WORDS = {
    "command": "a file of the command line holds one command, which is found by this name",
    "Mode": "train or eval to a graph; to a measurement one of four, with the statistics in use",
    "ShiftCallback": "public in both libraries of callbacks, Lightning's and Transformers'",
}
"""Words that mean two things, and why; five at the most."""


@pytest.fixture(scope="module")
def graph() -> ImportGraph:
    """Which of normdrop's files imports which."""
    return import_graph(_SOURCE)


def test_import_brings_no_framework() -> None:
    """`import normdrop` imports neither torch nor keras."""
    code = "import normdrop, sys; print([m for m in ('torch', 'keras') if m in sys.modules])"
    assert _printed("-c", code) == "[]"


def test_no_circle_of_files(graph: ImportGraph) -> None:
    """Whatever a file imports, and wherever in it, can be read without that file."""
    assert circles(graph) == set()


def test_a_room_keeps_its_private_modules(graph: ImportGraph) -> None:
    """`a/b/_c.py` is imported by files under `a/b/` alone; others take what `a/b` exports."""
    assert private_imports(graph) == set()


def test_no_file_imports_the_whole_package(graph: ImportGraph) -> None:
    """`import normdrop` within it would make everything depend on everything."""
    assert [name for name, imported in graph.items() if "normdrop" in imported] == []


def test_a_word_means_one_thing() -> None:
    """No two files define a class, or a public function, of one name."""
    assert colliding_words(_SOURCE).keys() == _SHARED_WORDS.keys()
    assert len(_SHARED_WORDS) <= 5


def test_no_room_is_named_like_a_verb() -> None:
    """Importing `normdrop/predict.py` would overwrite the function `normdrop.predict`."""
    assert {file.stem for file in _SOURCE.iterdir()} & _VERBS == set()


def test_verbs_work_once_every_submodule_is_imported(tmp_path: Path) -> None:
    """Each verb is still the function that it was, and does what it says."""
    script = Path(__file__).parent / "helpers" / "every_verb.py"
    assert set(_printed(str(script), str(tmp_path / "store")).split()) == _VERBS


def _of_files(folder: Path, files: dict[str, str]) -> ImportGraph:
    """The graph of a package `house` with these files."""
    for name, text in {"__init__.py": "", "a/__init__.py": "", **files}.items():
        file = folder / "house" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return import_graph(folder / "house")


@pytest.mark.parametrize(
    "files",
    [
        {"b.py": "from house import c", "c.py": "import house.b"},
        {"b.py": "import house.c", "c.py": "def f():\n    from house.b import x"},
        {"b.py": "from house.c import x", "c.py": "if TYPE_CHECKING:\n    from . import b"},
        {"a/__init__.py": "from house.a._b import x", "a/_b.py": "from house.a import y"},
        {
            "a/b.py": "from ..c import x",
            "c.py": "from house.d import x",
            "d.py": "import house.a.b",
        },
    ],
)
def test_circles_are_seen(tmp_path: Path, files: dict[str, str]) -> None:
    """At the top, in functions, for types alone, through packages, relative, and of three."""
    assert len(circles(_of_files(tmp_path, files))) == 1
    one_way = dict(list(files.items())[1:])
    assert circles(_of_files(tmp_path, {**one_way, next(iter(files)): ""})) == set()


@pytest.mark.parametrize(
    ("file", "text", "seen"),
    [
        ("b.py", "from house.a._c import x", True),
        ("b.py", "from house.a import _c", True),
        ("b.py", "def f():\n    import house.a._c", True),
        ("b.py", "from .a._c import x", True),
        ("d/e.py", "from house.a._c import x", True),
        ("ab.py", "from house.a._c import x", True),
        ("a/__init__.py", "from house.a._c import x", False),
        ("a/d/e.py", "from house.a._c import x", False),
        ("b.py", "from house.a import x", False),
        ("b.py", "from house.a import _x", False),  # a name, no module
        ("b.py", "from house import __version__", False),
    ],
)
def test_private_imports_are_seen(tmp_path: Path, file: str, text: str, *, seen: bool) -> None:
    """From beside the folder and from below it; not from within it."""
    graph = _of_files(tmp_path, {"a/_c.py": "", file: text})
    assert bool(private_imports(graph)) == seen


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("import house", True),
        ("from house import b", True),
        ("from house import Name", True),
        ("def f():\n    import house as h", True),
        ("from . import Name", True),
        ("import house.b", False),
        ("from house.b import Name", False),
        ("import houses", False),
    ],
)
def test_imports_of_the_whole_package_are_seen(tmp_path: Path, text: str, *, seen: bool) -> None:
    """Under whatever name, wherever in a file."""
    graph = _of_files(tmp_path, {"b.py": "", "c.py": text})
    assert ("house" in graph["house.c"]) == seen


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({"a/b.py": "class Word: ...", "c.py": "class Word: ..."}, "Word"),
        ({"a/b.py": "class _Word: ...", "c.py": "class Word: ..."}, "Word"),
        ({"a/b.py": "def word(): ...", "c.py": "def word(): ..."}, "word"),
        ({"torch/b.py": "class Word: ...", "torch/c.py": "class Word: ..."}, "Word"),
        ({"torch/b.py": "class Word: ...", "lint/c.py": "class Word: ..."}, "Word"),
        ({"torch/b.py": "class Word: ...", "keras/c.py": "class Word: ..."}, ""),
        ({"torch/b.py": "class Word: ...", "verbs/c.py": "class Word: ..."}, ""),
        ({"a/b.py": "def _word(): ...", "c.py": "def _word(): ..."}, ""),
        ({"a/b.py": "class A:\n    def word(self): ...", "c.py": "def word(): ..."}, ""),
        ({"a/b.py": "class Word: ...\nclass Word: ..."}, ""),
    ],
)
def test_colliding_words_are_seen(tmp_path: Path, files: dict[str, str], word: str) -> None:
    """Also behind an underscore; twins of the frameworks, and what a file keeps to itself, pass."""
    _of_files(tmp_path, files)
    assert set(colliding_words(tmp_path / "house")) == {word} - {""}


def _printed(*arguments: str) -> str:
    """What Python prints in a process of its own."""
    run = [sys.executable, *arguments]
    return subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()
