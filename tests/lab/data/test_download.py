"""Downloads against a real server on loopback that misbehaves in every way it can."""

import contextlib
import hashlib
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pooch
import pytest

from normdrop.errors import DataError
from normdrop.lab import data

CONTENT = b"cement and water\n" * 20_000


@dataclass
class Server:
    """Where the server listens, and which paths were asked for."""

    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve CONTENT: right, wrong, cut short, slowly, not at all, or only at the second try."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            mirror = self.path.split("/")[1]
            state.asked.append(mirror)
            if mirror == "gone" or (mirror == "second" and state.asked.count("second") == 1):
                self.send_error(503 if mirror == "second" else 404)
                return
            self.send_response(200)
            if mirror != "endless":
                self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            if mirror in {"endless", "dripping"}:
                with contextlib.suppress(OSError):  # whoever asked has gone
                    while not stopped.wait(0.05 if mirror == "dripping" else 0):
                        self.wfile.write(CONTENT[:16] if mirror == "dripping" else CONTENT)
                return
            if mirror == "wrong":
                self.wfile.write(CONTENT[::-1])
            elif mirror == "cut":
                self.wfile.write(CONTENT[: len(CONTENT) // 2])
            elif mirror == "slow":
                self.wfile.write(CONTENT[: len(CONTENT) // 2])
                self.wfile.flush()
                stopped.wait(20)
            else:
                self.wfile.write(CONTENT)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    stopped = threading.Event()
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Server(f"http://127.0.0.1:{listening.server_port}")
    thread = threading.Thread(target=listening.serve_forever, args=(0.05,))
    thread.start()
    yield state
    stopped.set()
    listening.shutdown()
    listening.server_close()
    thread.join()


def source(server: Server, *mirrors: str) -> data.DataSource:
    """A data set of one file, served by these mirrors."""
    wanted = data.Download(
        "concrete.csv",
        hashlib.sha256(CONTENT).hexdigest(),
        len(CONTENT),
        tuple(f"{server.url}/{mirror}/concrete.csv" for mirror in mirrors),
    )
    return replace(data.source("concrete"), downloads=(wanted,))


@pytest.mark.parametrize("bad", ["gone", "wrong", "cut"])
def test_the_next_mirror_steps_in(server: Server, tmp_path: Path, bad: str) -> None:
    """Missing, wrong or cut short on one mirror, the file comes from the next, and is alone."""
    folder = data.download(source(server, bad, "good"), wait=0)
    assert folder == tmp_path / "cache" / "concrete"
    assert server.asked == [bad, "good"]
    assert [path.name for path in folder.iterdir()] == ["concrete.csv"]
    assert (folder / "concrete.csv").read_bytes() == CONTENT


def test_a_mirror_gets_a_second_chance(server: Server) -> None:
    """A mirror that is busy once is asked again."""
    data.download(source(server, "second"), wait=0)
    assert server.asked == ["second", "second"]


def test_what_is_there_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    """A right file is left alone, a wrong one is replaced."""
    wanted = source(server, "good")
    data.download(wanted, folder=tmp_path, wait=0)
    data.download(wanted, folder=tmp_path, wait=0)
    assert server.asked == ["good"]
    (tmp_path / "concrete.csv").write_bytes(CONTENT[:-1])
    data.download(wanted, folder=tmp_path, wait=0)
    assert server.asked == ["good", "good"]
    assert (tmp_path / "concrete.csv").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("mirror", "said"), [("endless", f"more than {len(CONTENT)} bytes"), ("dripping", "too slow")]
)
def test_a_mirror_has_a_budget(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mirror: str, said: str
) -> None:
    """Of bytes, whatever it says of them, and of seconds; the next one steps in."""
    monkeypatch.setattr("normdrop.lab.data._download._SLOWEST", 1e9)
    with pytest.raises(DataError, match=said):
        data.download(source(server, mirror), folder=tmp_path, wait=0, patience=0.2)
    assert list(tmp_path.iterdir()) == []
    assert server.asked == [mirror] * 3
    data.download(source(server, mirror, "good"), folder=tmp_path, wait=0, patience=3)
    assert (tmp_path / "concrete.csv").read_bytes() == CONTENT


def test_all_mirrors_down(server: Server, tmp_path: Path) -> None:
    """The error names every mirror and what is wrong there; nothing is left on disk."""
    closed = replace(server, url="http://127.0.0.1:9")
    wanted = source(server, "gone", "wrong", "cut")
    mirrors = (*wanted.downloads[0].mirrors, *source(closed, "closed").downloads[0].mirrors)
    wanted = replace(wanted, downloads=(replace(wanted.downloads[0], mirrors=mirrors),))
    level = pooch.get_logger().level
    with pytest.raises(DataError) as caught:
        data.download(wanted, folder=tmp_path, wait=0)
    said = str(caught.value)
    for mirror, failure in (
        ("gone", "404 Client Error: Not Found"),
        ("wrong", "wrong checksum"),
        ("cut", "cut short"),
        ("closed", "ConnectionError"),
    ):
        assert f"/{mirror}/concrete.csv: {failure}" in said
    assert "\n" not in said
    assert server.asked == ["gone", "wrong", "cut"] * 3
    assert list(tmp_path.iterdir()) == []
    assert pooch.get_logger().level == level != logging.ERROR


def test_the_bar_follows_the_bytes(server: Server) -> None:
    """A bar is made once per file, starts anew with each mirror, and ends full."""

    class Bar:
        def __init__(self, download: data.Download) -> None:
            self.total = download.size
            self.count = 0
            self.starts = 0
            self.closed = False
            bars.append(self)

        def update(self, count: int) -> None:
            self.count += count

        def reset(self) -> None:
            self.count = 0
            self.starts += 1

        def close(self) -> None:
            self.closed = True

    bars: list[Bar] = []
    data.download(source(server, "cut", "good"), bar=Bar, wait=0)
    (bar,) = bars
    assert bar.count == bar.total == len(CONTENT)
    assert bar.starts >= 2
    assert bar.closed


def test_a_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    """A file where the cache should be is one error in words."""
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot write to .*cache/concrete: .*NORMDROP_CACHE"):
        data.download(source(server, "good"), wait=0)


def child(server: Server, mirror: str, folder: Path, before: str = "") -> list[str]:
    """A command that downloads in a process of its own."""
    code = f"""
import hashlib, resource
from dataclasses import replace
from pathlib import Path
from normdrop.lab import data
{before}
wanted = data.Download("concrete.csv", "{hashlib.sha256(CONTENT).hexdigest()}", {len(CONTENT)},
                       ("{server.url}/{mirror}/concrete.csv",))
data.download(replace(data.source("concrete"), downloads=(wanted,)), folder=Path("{folder}"))
"""
    return [sys.executable, "-c", code]


def test_no_room_for_the_file(server: Server, tmp_path: Path) -> None:
    """Where a file cannot grow, the error says so once, and no part of it stays behind."""
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    result = subprocess.run(
        child(server, "good", tmp_path, limit), capture_output=True, text=True, check=False
    )
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("normdrop.errors.DataError: cannot write to")
    assert "File too large" in last
    assert list(tmp_path.iterdir()) == []
    assert server.asked == ["good"]


def test_a_killed_download_leaves_no_half_file(server: Server, tmp_path: Path) -> None:
    """SIGKILL in mid-transfer: the name does not exist, and the next attempt succeeds."""
    process = subprocess.Popen(child(server, "slow", tmp_path), env=dict(os.environ))
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not (tmp_path / "concrete.csv").exists()
    data.download(source(server, "good"), folder=tmp_path, wait=0)
    assert (tmp_path / "concrete.csv").read_bytes() == CONTENT
