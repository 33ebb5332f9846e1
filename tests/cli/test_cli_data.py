"""`normdrop data` through the installed command."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

NORMDROP = Path(sys.executable).with_name("normdrop")


def normdrop(*arguments: str | Path, **environment: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the command with these settings and no others of normdrop's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NORMDROP_")}
    return subprocess.run(
        [NORMDROP, "data", *arguments],
        env={**kept, **{name: str(value) for name, value in environment.items()}},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def proxy(data_folder: Path) -> Iterator[str]:
    """A plain HTTP proxy that answers for every host, from the real files."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.rpartition("/")[2]
            content = (data_folder / "mnist" / name).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()
    thread.join()


def test_list_shows_what_is_here(data_folder: Path, tmp_path: Path) -> None:
    """Every data set, its shape and sizes, its folder, and the command that fetches one."""
    shutil.copytree(data_folder / "wine", tmp_path / "wine")
    result = normdrop("list", NORMDROP_DATA=tmp_path, NORMDROP_CACHE=tmp_path / "cache")
    assert result.returncode == 0
    names = ("cifar-10", "concrete", "digits", "fashion-mnist", "mnist", "wine")
    lines = result.stdout.splitlines()
    rows = {name: next(line for line in lines if line.startswith(f"{name} ")) for name in names}
    assert "embedded" in rows["digits"]
    assert str(tmp_path / "wine") in rows["wine"]
    for part in ("1×28×28", "60000", "10000", "10 classes", "not here (11.6 MB to get)"):
        assert part in rows["mnist"]
    assert "`normdrop data get NAME`" in result.stdout


def test_get_falls_back_to_a_mirror_that_answers(proxy: str, tmp_path: Path) -> None:
    """With every https mirror out of reach, MNIST comes over http, and then verifies."""
    network = {"http_proxy": proxy, "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    result = normdrop("get", "mnist", "digits", NORMDROP_CACHE=tmp_path, **network)
    assert result.returncode == 0, result.stderr
    assert f"mnist is in {tmp_path / 'mnist'}" in result.stdout
    assert "digits is embedded" in result.stdout
    assert sorted(path.name for path in (tmp_path / "mnist").iterdir()) == [
        "t10k-images-idx3-ubyte.gz",
        "t10k-labels-idx1-ubyte.gz",
        "train-images-idx3-ubyte.gz",
        "train-labels-idx1-ubyte.gz",
    ]
    verified = normdrop("verify", NORMDROP_CACHE=tmp_path)
    assert verified.returncode == 0
    assert verified.stdout.count("published") == 5


def test_get_without_a_network(tmp_path: Path) -> None:
    """All mirrors down: one line that names the file, and exit status 2."""
    down = "http://127.0.0.1:9"
    result = normdrop(
        "get", "wine", NORMDROP_CACHE=tmp_path, http_proxy=down, https_proxy=down, no_proxy=""
    )
    assert result.returncode == 2
    last = result.stderr.splitlines()[-1]
    assert last.startswith("normdrop: winequality-red.csv: no mirror served it in 3 attempts")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["get", "verify"])
def test_an_unknown_name(command: str, tmp_path: Path) -> None:
    """One line that proposes the nearest name, and exit status 2."""
    result = normdrop(command, "minst", NORMDROP_CACHE=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("normdrop: unknown data set 'minst': did you mean 'mnist'?")
    assert result.stderr.count("\n") == 1


def test_verify_finds_damage(data_folder: Path, tmp_path: Path) -> None:
    """A changed file that is listed, and one that no longer reads, are findings: exit status 1."""
    shutil.copytree(data_folder / "wine", tmp_path / "wine")
    shutil.copytree(data_folder / "concrete", tmp_path / "concrete")
    shutil.copy(data_folder / "SHA256SUMS", tmp_path)
    whole = normdrop("verify", "--folder", tmp_path)
    assert whole.returncode == 0
    assert whole.stdout.count("published") == 3
    for name in ("wine/winequality-red.csv", "concrete/concrete.csv"):
        (tmp_path / name).chmod(0o600)
        (tmp_path / name).write_text("nothing of use")
    damaged = normdrop("verify", "--folder", tmp_path)
    assert damaged.returncode == 1
    assert damaged.stdout.count("wrong") == 2
    (tmp_path / "SHA256SUMS").chmod(0o600)
    (tmp_path / "SHA256SUMS").unlink()
    unreadable = normdrop("verify", "wine", "--folder", tmp_path)
    assert unreadable.returncode == 1
    assert "expected the columns 'fixed acidity;" in unreadable.stdout


def test_verify_of_what_is_not_there(tmp_path: Path) -> None:
    """Files that are missing are an error with the way out, and exit status 2."""
    result = normdrop("verify", "mnist", NORMDROP_CACHE=tmp_path)
    assert result.returncode == 2
    assert "`normdrop data get mnist` downloads them" in result.stderr
    assert result.stderr.count("\n") == 1
