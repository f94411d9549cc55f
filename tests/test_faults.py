"""Downloads through real sockets: a server on this machine plays gensim's source, and its faults."""

import gzip
import hashlib
import http.server
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

import gensim.downloader
import pytest
from conftest import ROOT

import learnable_positional_embeddings as script_module
from learnable_positional_embeddings import BUNDLED_VECTORS, GLOVE, load_word_embeddings

ROWS = "".join(" ".join(row.split()) + "\n" for row in BUNDLED_VECTORS.split("\n\n"))
ARCHIVE = gzip.compress(f"4 50\n{ROWS}".encode())
CATALOGUE = {
    "corpora": {},
    "models": {
        name: {
            "file_name": f"{name}.gz",
            "file_size": len(ARCHIVE),
            "checksum": hashlib.md5(ARCHIVE, usedforsecurity=False).hexdigest(),
            "parts": 1,
        }
        for name in [GLOVE, "glove-twitter-25"]
    },
}


class Source(http.server.BaseHTTPRequestHandler):
    """gensim's catalogue, package file and archive, with the faults that the server names."""

    def do_GET(self):
        what = self.path.rsplit("/", 1)[-1]  # list.json, __init__.py or the archive
        fault = self.server.faults.get("archive" if what.endswith(".gz") else what, "")
        self.server.asked.append(what)
        body = {
            "list.json": json.dumps(CATALOGUE).encode(),
            "__init__.py": f"open({self.server.trace!r}, 'w')\n".encode(),
        }.get(what, ARCHIVE)
        if fault == "not JSON":
            body = b"<html>Welcome to this hotel</html>"
        if fault == "wrong bytes":
            body = body[:-1] + b"x"
        if fault in ("404", "500"):
            self.send_error(int(fault))
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault in ("cut", "stall"):
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            if fault == "stall":
                self.server.release.wait(30)
        else:
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A server with gensim pointed at it, an empty data folder, and an empty temporary folder."""
    (tmp_path / "source-tmp").mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Source) as server:
        server.daemon_threads = True
        server.faults, server.asked, server.release = {}, [], threading.Event()
        server.trace = str(tmp_path / "trace")
        server.folder = tmp_path / "gensim-data"
        server.url = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "source-tmp"))
        monkeypatch.setattr(gensim.downloader, "BASE_DIR", str(server.folder))
        catalogue = (f"{server.url}/list.json", "utf-8")  # DATA_LIST_URL, bound as a default
        monkeypatch.setattr(gensim.downloader._load_info, "__defaults__", catalogue)
        monkeypatch.setattr(gensim.downloader, "DOWNLOAD_BASE_URL", server.url)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()
        assert not os.path.exists(server.trace)  # nothing that was downloaded was ever run
        left = os.listdir(tmp_path / "source-tmp")
        assert [name for name in left if not name.startswith("torch")] == []  # torch's own cache


def files_of(source):
    """The files in the data folder, by their paths in it, with their contents."""
    files = [path for path in source.folder.rglob("*") if not path.is_dir()]
    return {path.relative_to(source.folder).as_posix(): path.read_bytes() for path in files}


def assert_download_succeeds(source, command):
    status, stdout, stderr = command("--vectors", GLOVE)
    assert status == 0
    assert stdout.splitlines()[2:] == command()[1].splitlines()[2:]
    line, bar = stderr.split("\n", 1)
    path = f"{GLOVE}/{GLOVE}.gz"
    assert re.fullmatch(rf"downloading {GLOVE}, \d+ MiB, to {source.folder}/{path}", line)
    assert "downloaded" in bar
    files = files_of(source)
    assert files.keys() == {"information.json", f"{GLOVE}/__init__.py", path}
    assert files[path] == ARCHIVE
    assert json.loads(files["information.json"]) == CATALOGUE


def test_good_download_and_then_no_network_at_all(source, command):
    assert_download_succeeds(source, command)
    source.asked.clear()
    assert command("--vectors", GLOVE)[::2] == (0, "")
    assert source.asked == []


FAULTS = [
    ("archive", "wrong bytes", "Checksum"),
    ("archive", "cut", "got only"),
    ("archive", "stall", "timed out"),
    ("archive", "404", "404"),
    ("archive", "500", "500"),
    ("__init__.py", "404", "404"),
    ("list.json", "not JSON", "catalogue"),
    ("list.json", "stall", "catalogue"),
    ("list.json", "500", "catalogue"),
]


@pytest.mark.parametrize(("what", "fault", "said"), FAULTS)
def test_after_a_fault_one_line_no_half_file_and_the_next_run_succeeds(
    source, command, monkeypatch, what, fault, said
):
    monkeypatch.setattr(script_module, "DOWNLOAD_TIMEOUT", 0.5)
    source.faults[what] = fault
    status, stdout, stderr = command("--vectors", GLOVE)
    assert (status, stdout) == (1, "")
    line = stderr.rstrip("\n").rsplit("\n", 1)[-1]
    assert line.startswith("learnable_positional_embeddings.py: error: ")
    assert "Traceback" not in stderr
    for part in [said, f"{GLOVE}.gz", str(source.folder / GLOVE), "--vectors FILE"]:
        assert part in line
    assert files_of(source) == {}
    assert list(source.folder.iterdir()) == []

    source.faults.clear()
    assert_download_succeeds(source, command)


def test_an_unknown_model_is_answered_with_the_catalogue(source, refused):
    line = refused(1, "--vectors", "glove-wiki-gigaword-51")
    assert "glove-wiki-gigaword-51" in line
    assert f"glove-twitter-25, {GLOVE}" in line
    assert source.asked == ["list.json"]


def test_a_broken_catalogue_does_not_replace_a_good_one(source, command):
    source.folder.mkdir()
    (source.folder / "information.json").write_text(json.dumps(CATALOGUE))
    source.faults["list.json"] = "not JSON"
    assert command("--vectors", GLOVE)[0] == 1
    assert files_of(source) == {"information.json": json.dumps(CATALOGUE).encode()}


def test_a_model_folder_without_its_file_is_filled(source, command):
    (source.folder / GLOVE).mkdir(parents=True)  # what an interrupted gensim can leave behind
    (source.folder / f"{GLOVE}_tmp").mkdir()
    assert command("--vectors", GLOVE)[0] == 0


def test_a_data_folder_that_cannot_be_written_to(source, command, refused):
    source.folder.write_text("not a folder")
    line = refused(1, "--vectors", GLOVE)
    assert str(source.folder) in line
    source.folder.unlink()
    assert_download_succeeds(source, command)


def start(source, environment):
    """Start the script as a process whose gensim is pointed at the source."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import gensim.downloader as gensim;"
        "gensim._load_info.__defaults__ = (sys.argv[2] + '/list.json', 'utf-8');"
        "gensim.DOWNLOAD_BASE_URL = sys.argv[2];"
        "from learnable_positional_embeddings import main;"
        f"sys.exit(main(['--vectors', '{GLOVE}']))"
    )
    del environment["PYTHONPATH"]  # it refuses the network, this machine's too
    return subprocess.Popen(
        [sys.executable, "-c", program, ROOT, source.url],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_runs_at_once(source, environment):
    source.faults["archive"] = "stall"  # until both are waiting for it
    both = [start(source, dict(environment)) for _ in range(2)]
    wait_for(lambda: sum(what.endswith(".gz") for what in source.asked) == 2)
    source.faults.clear()
    source.release.set()
    outputs = [process.communicate(timeout=60) for process in both]
    # The stalled answers were half an archive: both runs say so, and leave nothing behind.
    assert [process.returncode for process in both] == [1, 1]
    assert files_of(source) == {}
    assert all("got only" in stderr for _, stderr in outputs)

    both = [start(source, dict(environment)) for _ in range(2)]
    outputs = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outputs[0][0] == outputs[1][0]
    path = f"{GLOVE}/{GLOVE}.gz"
    assert files_of(source).keys() == {"information.json", f"{GLOVE}/__init__.py", path}


@pytest.mark.slow
@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGKILL])
def test_a_download_that_is_stopped_harms_nothing(source, environment, command, kind):
    source.faults["archive"] = "stall"
    process = start(source, environment)
    wait_for(lambda: any(what.endswith(".gz") for what in source.asked))
    process.send_signal(kind)
    stdout, stderr = process.communicate(timeout=20)
    assert stdout == ""
    if kind == signal.SIGINT:
        assert process.returncode == 130
        assert "Traceback" not in stderr
        assert files_of(source) == {}
    source.faults.clear()
    assert command("--vectors", GLOVE)[0] == 0
    assert load_word_embeddings(["machine"], GLOVE).shape == (1, 50)


def wait_for(condition):
    """Wait until a condition holds, half a minute at most."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
