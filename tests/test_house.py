"""The house rules a linter cannot hold."""

import subprocess
import sys


def test_import_brings_no_framework() -> None:
    """`import normdrop` imports neither torch nor keras."""
    code = "import normdrop, sys; print([m for m in ('torch', 'keras') if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
