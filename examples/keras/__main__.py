"""Run every example and write the page of questions, answers, code and output.

python examples/keras [--write docs/keras-questions.md]
"""

import argparse
import ast
import contextlib
import io
import runpy
from pathlib import Path

import keras

_HERE = Path(__file__).parent
_HEAD = """\
# Questions that users of Keras ask

Each is an example under `examples/keras`, shown with what it prints; `python examples/keras --write
docs/keras-questions.md` runs them all and writes this page.
What is asked of batch norm and dropout in any framework has one sentence each, with its grounds, on
the page of [verdicts](verdicts.md).
"""


def output(example: Path) -> str:
    """What an example prints; its layers are numbered from the start."""
    keras.utils.clear_session()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(example), run_name="__main__")
    return printed.getvalue().strip()


def section(example: Path, printed: str) -> str:
    """The question, its answer, the code and what it printed."""
    source = example.read_text()
    tree = ast.parse(source)
    question, _, answer = (ast.get_docstring(tree) or "").partition("\n\n")
    lines = source.splitlines()[tree.body[0].end_lineno :]
    code = "\n".join(lines).strip()
    return f"## {question}\n\n{answer}\n\n```python\n{code}\n```\n\n```text\n{printed}\n```\n"


def examples() -> list[Path]:
    """Every example, in alphabetical order."""
    return sorted(path for path in _HERE.glob("*.py") if not path.name.startswith("_"))


def page(printed: dict[str, str]) -> str:
    """The page, given what each example printed."""
    sections = [section(example, printed[example.stem]) for example in examples()]
    return "\n".join([_HEAD, *sections])


def main() -> None:
    """Run the examples; print the page or write it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", type=Path, metavar="FILE")
    file = parser.parse_args().write
    text = page({example.stem: output(example) for example in examples()})
    if file is None:
        print(text)
    else:
        file.write_text(text)


if __name__ == "__main__":
    main()
