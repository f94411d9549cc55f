"""gensim's models, on disk or downloaded by gensim itself from a server here that plays its source."""

import gzip
import hashlib
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import FOUR_WORDS

import learnable_positional_embeddings as lpe

NAME, GZ = "glove-wiki-gigaword-50", "glove-wiki-gigaword-50.gz"
ARCHIVE = gzip.compress(b"4 50\n" + lpe.BUNDLED_VECTORS)
CHECKSUM = hashlib.md5(ARCHIVE, usedforsecurity=False).hexdigest()
CATALOGUE = {"corpora": {}, "models": {NAME: {"file_name": GZ, "checksum": CHECKSUM, "parts": 1}}}
TRAP = b"raise SystemExit('a program was run that nobody may run')\n"
ON_THE_NET = {"list.json": json.dumps(CATALOGUE).encode(), "__init__.py": TRAP, GZ: ARCHIVE}
FAULTS = [(ARCHIVE[::-1], "Checksum"), (ARCHIVE[:99], "got only 99"), (b"", "timed out")]
ASK_HERE = """
import gensim.downloader as d
d.urlopen, d.DOWNLOAD_BASE_URL = lambda url, get=d.urlopen: get("{0}/list.json"), "{0}"
"""


class Source(BaseHTTPRequestHandler):
    def do_GET(self):
        file = self.path.rpartition("/")[2]
        self.send_response_only(200)
        self.send_header("Content-Length", len(ON_THE_NET[file]))
        self.end_headers()
        self.wfile.write(self.server.files[file])
        time.sleep(0 if self.server.files[file] else 60)  # nothing comes, and it stays open


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A server that plays gensim's source on the net."""
    pytest.importorskip("gensim", reason="needs gensim")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), Source) as server:
        server.files = dict(ON_THE_NET)
        ask_here = ASK_HERE.format(f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(lpe, "DOWNLOAD", ask_here + lpe.DOWNLOAD.replace("(20)", "(2)"))
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()
    assert [*tmp_path.iterdir()] == []


def assert_fails_and_leaves_nothing(data_folder, reason):
    with pytest.raises(lpe.InputError, match=f"{reason}.*--vectors random"):
        lpe.load_word_embeddings(FOUR_WORDS, NAME)
    assert [*data_folder.glob("*")] == []


def test_a_model_on_disk_is_read_without_gensim(data_folder, monkeypatch, command):
    monkeypatch.setitem(sys.modules, "gensim", None)
    (data_folder / NAME).mkdir(parents=True)
    (data_folder / NAME / GZ).write_bytes(ARCHIVE)
    assert command("--vectors", NAME) == command()


@pytest.mark.parametrize(("sent", "reason"), FAULTS, ids=["other bytes", "cut", "silence"])
def test_a_fault_of_the_source_leaves_nothing_behind(source, data_folder, sent, reason):
    source.files[GZ] = sent
    assert_fails_and_leaves_nothing(data_folder, reason)


def test_a_download_is_whole_and_nothing_of_it_run(source, data_folder, monkeypatch, capfd):
    (data_folder / NAME).mkdir(parents=True)  # as a gensim that was interrupted can leave it
    (data_folder.parent / "gensim.py").write_bytes(TRAP)
    monkeypatch.chdir(data_folder.parent)  # no module is taken from where one happens to be
    vectors = lpe.load_word_embeddings(FOUR_WORDS, NAME)
    assert vectors.equal(lpe.load_word_embeddings(FOUR_WORDS))
    assert capfd.readouterr().out == ""  # its progress goes to stderr
    assert {path.name for path in data_folder.iterdir()} == {NAME, "information.json"}


def test_no_network_and_no_gensim(site, data_folder):
    assert_fails_and_leaves_nothing(data_folder, "network")
    (site / "gensim.py").write_text("raise ModuleNotFoundError('no gensim here')")
    assert_fails_and_leaves_nothing(data_folder, "no gensim here")
