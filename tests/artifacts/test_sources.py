"""Bytes are read in ranges, locally and remotely, and what cannot be read says so in one line."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import fsspec
import pytest

from steadynorm.artifacts import places
from steadynorm.artifacts.source import REMOTE_BLOCK, Source, of_bytes, open_source, part_of
from steadynorm.errors import UnusableInputError

DATA = bytes(range(256)) * 4096


@pytest.fixture(params=["local", "memory"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Source]:
    if request.param == "local":
        (tmp_path / "file").write_bytes(DATA)
        path = str(tmp_path / "file")
    else:
        path = "memory://sources/file"
        fsspec.filesystem("memory").pipe("/sources/file", DATA)
    with open_source(path) as opened:
        yield opened


def test_ranges(source: Source) -> None:
    assert source.size == len(DATA)
    assert source.read(300, 1000) == DATA[300:1000]
    assert source.read(REMOTE_BLOCK - 10, REMOTE_BLOCK + 10) == DATA[REMOTE_BLOCK - 10 : REMOTE_BLOCK + 10]
    assert source.head(7) == DATA[:7]
    assert source.tail(9) == DATA[-9:]
    assert source.read(5, 5) == b""
    assert 0 < source.bytes_read <= 5 * REMOTE_BLOCK


def test_as_a_file(source: Source) -> None:
    file = source.file()
    file.seek(-16, os.SEEK_END)
    assert file.read(100) == DATA[-16:]
    assert file.read(1) == b""
    file.seek(1 << 40)
    assert file.read(1) == b""
    file.seek(10)
    buffer = bytearray(6)
    assert file.readinto(memoryview(buffer)) == 6
    assert buffer == DATA[10:16]


@pytest.mark.parametrize(("start", "stop"), [(0, len(DATA) + 1), (-1, 4), (9, 8), (1 << 63, 1 << 64)])
def test_ranges_outside(source: Source, start: int, stop: int) -> None:
    with pytest.raises(UnusableInputError, match="damaged or cut off"):
        source.read(start, stop)


def test_parts() -> None:
    part = part_of(of_bytes("whole", DATA), "whole/part", 100, 200)
    assert part.read(0, 100) == DATA[100:200]
    with pytest.raises(UnusableInputError, match="whole/part"):
        part.read(50, 101)
    with pytest.raises(UnusableInputError, match="whole"):
        part_of(of_bytes("whole", DATA), "whole/part", 100, len(DATA) + 1)


def test_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.symlink("loop", tmp_path / "loop")
    for name, reason in (("pipe", "not a regular"), ("loop", "symbolic links"), ("", "a folder"), ("none", "No such")):
        with pytest.raises(UnusableInputError, match=reason):
            open_source(str(tmp_path / name))
    with pytest.raises(UnusableInputError, match="cannot be opened"):
        open_source("a\0b")
    with pytest.raises(UnusableInputError, match="no such file"):
        open_source("memory://sources/nothing")


def test_a_file_that_shrinks(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    with open_source(path) as opened:
        os.truncate(path, 100)
        with pytest.raises(UnusableInputError, match="became shorter"):
            opened.read(50, 200)


def test_a_file_that_vanishes_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(DATA)
    with open_source(path) as opened:
        path.unlink()
        assert opened.read(50, 200) == DATA[50:200]


class _Server(BaseHTTPRequestHandler):
    ranges = True
    sent = 0

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        data = DATA
        if wanted and self.ranges:
            first, last = wanted.removeprefix("bytes=").split("-")
            data = DATA[int(first) : int(last) + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{int(first) + len(data) - 1}/{len(DATA)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        type(self).sent += len(data)  # before the client can look
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    _Server.sent, _Server.ranges = 0, True
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}/run/model.safetensors"
    http.shutdown()
    http.server_close()


def test_only_ranges_are_asked_of_a_server(server: str) -> None:
    with open_source(server) as opened:
        assert opened.read(500_000, 500_100) == DATA[500_000:500_100]
        assert opened.read(500_050, 500_200) == DATA[500_050:500_200]
        assert opened.bytes_read == _Server.sent == REMOTE_BLOCK


def test_a_server_that_is_gone() -> None:
    with pytest.raises(UnusableInputError, match="no server that answers"):
        open_source("http://127.0.0.1:9/model")


@pytest.mark.parametrize("path", ["zip://a::http://b/c", "nosuchscheme://a/b"])
def test_schemes_that_are_not_read(path: str) -> None:
    with pytest.raises(UnusableInputError, match=path):
        open_source(path)


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a/../../b", "", "..\\a", "C:\\a", "a\0b", "s3://other/a"])
def test_companions_stay_in_their_folder(name: str) -> None:
    with pytest.raises(UnusableInputError, match="out of its folder"):
        places.inside("/run", name, "/run/index.json")


def test_companions() -> None:
    assert places.inside("/run", "a/b", "x") == os.path.join("/run", "a", "b")
    assert places.inside("s3://bucket/run", "a/b", "x") == "s3://bucket/run/a/b"
    assert (places.folder_of("s3://b/run/x"), places.name_of("s3://b/run/x")) == ("s3://b/run", "x")
    assert (places.folder_of("x"), places.name_of("run/x")) == (".", "x")
