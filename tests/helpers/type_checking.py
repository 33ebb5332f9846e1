"""What mypy and pyright say of lines that a user might write.

A line that ends in `# wrong` is to be refused, and every other line to be accepted.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHECKERS = ("mypy", "pyright")


def misjudged(checker: str, code: str, folder: Path) -> list[str]:
    """The lines of which a type checker says the opposite of what is expected, with its words.

    Both run as strict as they can.
    """
    file = folder / "use.py"
    file.write_text(code)
    said = _mypy(file) if checker == "mypy" else _pyright(file)
    found = []
    for number, line in enumerate(code.splitlines(), 1):
        if line.endswith("# wrong") and number not in said:
            found.append(f"accepted: {line}")
        elif number in said and not line.endswith("# wrong"):
            found.append(f"refused: {line}: {said[number]}")
    return found


def _mypy(file: Path) -> dict[int, str]:
    """What mypy says of each line, in the settings and with the cache of the project."""
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.stderr or done.returncode not in {0, 1}:
        raise RuntimeError(done.stdout + done.stderr)
    errors = re.findall(rf"^.*{file.name}:(\d+): error: (.*)$", done.stdout, re.MULTILINE)
    return {int(line): words for line, words in errors}


def _pyright(file: Path) -> dict[int, str]:
    """What pyright says of each line, by the build of it that brings its own node."""
    # Keras publishes no types, and that is not what is asked here.
    settings = {"typeCheckingMode": "strict", "reportMissingTypeStubs": False}
    file.with_name("pyrightconfig.json").write_text(
        json.dumps({**settings, "include": [file.name]})
    )
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(
        [*command, "--project", str(file.parent)], capture_output=True, text=True, check=False
    )
    if done.stderr or done.returncode not in {0, 1}:
        raise RuntimeError(done.stdout + done.stderr)
    return {
        each["range"]["start"]["line"] + 1: each["message"]
        for each in json.loads(done.stdout)["generalDiagnostics"]
        if each["severity"] == "error"
    }
