"""gensim's own downloader fetches a model, from a server here that plays its source on the net."""

import gzip
import hashlib
import json
import re
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import Mock
from urllib.request import urlopen

import pytest
from conftest import ERROR, FOUR_WORDS

import learnable_positional_embeddings as lpe

NAME = "glove-twitter-25"
ARCHIVE_NAME = f"{NAME}.gz"
ARCHIVE = gzip.compress(lpe.BUNDLED_VECTORS)
CHECKSUM = hashlib.md5(ARCHIVE, usedforsecurity=False).hexdigest()
ABOUT = {"file_name": ARCHIVE_NAME, "checksum": CHECKSUM, "parts": 1}
TRAP = b"raise SystemExit('a program was run that nobody may run')\n"
ON_THE_NET = {
    "list.json": json.dumps({"corpora": {}, "models": {NAME: ABOUT}}).encode(),
    "__init__.py": TRAP,
    ARCHIVE_NAME: ARCHIVE,
}
SILENCE = b""  # instead of a file: the server says that it comes, and sends nothing


class Answer(BaseHTTPRequestHandler):
    """Answers with the server's files, of the length that they have on the net."""

    timeout = 30  # seconds that it waits for a client to hang up

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        content = self.server.files.get(name)
        if content is None:
            return  # and hang up
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(ON_THE_NET[name])))
        self.end_headers()
        self.wfile.write(content)
        if content == SILENCE:
            self.rfile.read()  # until the client hangs up

    def log_message(self, *_):
        """Keep stderr for the script."""


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The files of the server that gensim asks here; a test can change them."""
    downloader = pytest.importorskip("gensim.downloader", reason="needs gensim")
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        server.files = dict(ON_THE_NET)
        here = f"http://127.0.0.1:{server.server_port}"

        def ask_here(url, *rest):
            return urlopen(re.sub("^https://[^/]*", here, url), *rest)

        monkeypatch.setattr(downloader, "urlopen", ask_here)
        monkeypatch.setattr("urllib.request.urlopen", ask_here)
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setenv("GENSIM_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setattr(downloader, "BASE_DIR", str(tmp_path / "data"))  # read at import
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # where gensim leaves folders
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server.files
        server.shutdown()


@pytest.fixture
def fails(command):
    """Run a command line whose download must fail; return its error without its start."""

    def run(*options):
        status, stdout, stderr = command(*options)
        assert (status, stdout) == (1, "")
        line = stderr.split("\n")[-2]  # \r moves the progress bar within a line
        assert line.startswith(ERROR)
        assert line.endswith("--vectors FILE for GloVe's or word2vec's text, plain or .gz")
        return line.removeprefix(ERROR)

    return run


def test_a_model_is_downloaded_and_kept_and_nothing_of_it_is_run(files):
    vectors = lpe.load_word_embeddings(FOUR_WORDS, NAME)  # TRAP would end it
    assert vectors.equal(lpe.load_word_embeddings(FOUR_WORDS))


def test_a_second_run_needs_no_network_and_prints_the_same(files, command, tmp_path):
    _, stdout, stderr = command("--vectors", NAME)
    assert f"downloading {NAME} to {tmp_path / 'data'}\n" in stderr
    assert stderr.endswith("MB downloaded\n")
    files.clear()
    assert command("--vectors", NAME) == (0, stdout, "")


FAILURES = {
    "no answer": ("list.json", None, "without response"),
    "cut": (ARCHIVE_NAME, ARCHIVE[:99], f"got only 99 out of {len(ARCHIVE)}"),
    "wrong checksum": (ARCHIVE_NAME, ARCHIVE[::-1], "Checksum comparison failed"),
    "silence": (ARCHIVE_NAME, SILENCE, "timed out"),
}


@pytest.mark.parametrize(("name", "content", "cause"), FAILURES.values(), ids=FAILURES)
def test_a_download_that_fails_names_its_cause_and_the_next_run_works(
    files, fails, monkeypatch, name, content, cause
):
    files[name] = content
    with monkeypatch.context() as patch:
        if content == SILENCE:  # nobody waits 20 seconds here: a twentieth of what is asked for
            wait = socket.setdefaulttimeout
            patch.setattr(socket, "setdefaulttimeout", lambda s: wait(s and s / 20))
        line = fails("--vectors", NAME)
    assert f"cannot download {NAME}: " in line
    assert cause in line
    files.update(ON_THE_NET)
    assert lpe.load_word_embeddings(FOUR_WORDS, NAME).shape == (4, 50)


def test_what_an_interrupted_download_left_is_no_hindrance(files, tmp_path):
    (tmp_path / "data" / f"{NAME}_tmp").mkdir(parents=True)
    assert lpe.load_word_embeddings(FOUR_WORDS, NAME).shape == (4, 50)


def test_a_folder_without_its_model_is_to_be_deleted(files, command, tmp_path):
    (tmp_path / "data" / NAME).mkdir(parents=True)
    _, _, stderr = command("--vectors", NAME)
    assert "delete its folder" in stderr


def test_a_data_folder_that_cannot_be_made_is_named(files, fails, tmp_path):
    (tmp_path / "data").touch()
    assert "Not able to create folder" in fails("--vectors", NAME)


def test_the_words_that_take_a_download_are_named_if_it_fails(fails, monkeypatch):
    monkeypatch.setitem(sys.modules, "gensim", None)  # importing it fails
    line = fails("--words", "Machine", "lerning", "house", "lerning")
    assert line.startswith("no vectors for lerning, house: cannot download glove-wiki-gigaword-50")
    assert "import of gensim" in line


def test_the_timeout_of_sockets_is_put_back_also_after_ctrl_c(files, command, monkeypatch):
    monkeypatch.setattr("gensim.downloader.load", Mock(side_effect=KeyboardInterrupt))
    socket.setdefaulttimeout(77)
    status, _, _ = command("--vectors", NAME)
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(None)
    assert (status, timeout) == (130, 77)
