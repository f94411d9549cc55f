"""gensim's models: read from its data folder and nothing run, or downloaded, whole or not at all.

A server on this machine plays gensim's source on the net, and that source's faults.
"""

import gzip
import hashlib
import json
import os
import queue
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import ERROR, FOUR_WORDS

import learnable_positional_embeddings as module

NAME = "glove-wiki-gigaword-50"
GZ = f"{NAME}.gz"
ARCHIVE = gzip.compress(f"5 50\n机{' 0.5' * 50}\n".encode() + module.BUNDLED_VECTORS)
CHECKSUM = hashlib.md5(ARCHIVE, usedforsecurity=False).hexdigest()
CATALOGUE = {"corpora": {}, "models": {NAME: {"file_name": GZ, "checksum": CHECKSUM, "parts": 1}}}
FILES = [NAME, f"{NAME}/__init__.py", f"{NAME}/{GZ}", "information.json"]

# Every Python that the tests start runs this first: what it asks of the net, the server answers.
ASK_HERE = """
import signal, urllib.request
class Here(urllib.request.HTTPSHandler):
    def https_open(self, request):
        return self.parent.open("http://127.0.0.1:PORT" + request.selector)
urllib.request.install_opener(urllib.request.build_opener(Here, urllib.request.ProxyHandler({})))
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
"""


class Source(BaseHTTPRequestHandler):
    def do_GET(self):
        file = self.path.rpartition("/")[2]
        body, fault = self.server.files[file], self.server.faults.get(file)
        self.server.asked.put(file)
        self.send_response_only(fault if fault in (404, 500) else 200)
        self.send_header("Content-Length", len(body))
        self.end_headers()
        self.wfile.write(body[::-1] if fault == "other bytes" else body[:99])
        if fault == "stalled":
            self.server.outwaited = not self.server.ended.wait(60)
        elif fault is None:
            self.wfile.write(body[99:])


@pytest.fixture
def trap(tmp_path):
    """A program that nobody may run: it leaves a trace."""
    yield f"open({str(tmp_path / 'trace')!r}, 'w')\n"
    assert not (tmp_path / "trace").exists()


@pytest.fixture
def source(site, trap, tmp_path, monkeypatch):
    """A server that plays gensim's source; it is all the net there is."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    with ThreadingHTTPServer(("127.0.0.1", 0), Source) as server:
        catalogue = json.dumps(CATALOGUE).encode()
        server.files = {"list.json": catalogue, "__init__.py": trap.encode(), GZ: ARCHIVE}
        server.faults, server.asked = {}, queue.Queue()
        server.ended, server.outwaited = threading.Event(), False
        with (site / "sitecustomize.py").open("a") as file:
            file.write(ASK_HERE.replace("PORT", str(server.server_port)))
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.ended.set()
        server.shutdown()
    assert not server.outwaited  # nobody waited for a server that kept silent
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.fixture
def failed(command, data_folder):
    """Run a download that must fail with one line and leave nothing behind; return the line."""

    def run():
        status, stdout, stderr = command("--vectors", NAME)
        line = stderr.splitlines()[-1]
        assert (status, stdout, paths(data_folder)) == (1, "", [])
        assert line.startswith(f"{ERROR}cannot download {NAME} to {data_folder}: ")
        assert "Traceback" not in stderr
        return line

    return run


def paths(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_models_on_disk(data_folder, site, trap, script, command, refused, monkeypatch):
    for name in ["glove-wiki-gigaword-51", "word2vec-google-news-300", "../x", ".", ""]:
        assert name in refused(1, "--vectors", name)
        assert not data_folder.exists()
    (data_folder / NAME).mkdir(parents=True)
    (data_folder / NAME / GZ).write_bytes(ARCHIVE)
    for path in [data_folder / NAME / "__init__.py", site / "gensim.py"]:
        path.write_text(trap)  # the latter stands before the true one
    process = script("--vectors", NAME)
    stdout, stderr = process.communicate()
    assert (process.returncode, stderr) == (0, "")
    assert stdout.splitlines()[2:] == command()[1].splitlines()[2:]
    assert paths(data_folder) == FILES[:3]
    monkeypatch.chdir(data_folder / NAME)
    (data_folder / NAME / NAME).write_text("machine 1 2\n")
    assert module.load_word_embeddings(["machine"], f"./{NAME}").tolist() == [[1, 2]]
    for source in [None, NAME, GZ]:
        assert module.load_word_embeddings(["机"], source).tolist() == [[0.5] * 50]


def test_good_download_after_a_fault(source, failed, data_folder, command, tmp_path, monkeypatch):
    source.faults[GZ] = "cut"
    assert "got only 99" in failed()
    source.faults.clear()
    (data_folder / NAME).mkdir()  # as a gensim that was interrupted can leave it
    for name in ["gensim", "numpy", "urllib"]:  # no module is taken from where one happens to be
        (tmp_path / f"{name}.py").write_bytes(source.files["__init__.py"])
    monkeypatch.chdir(tmp_path)
    status, stdout, stderr = command("--vectors", NAME)
    assert (status, stdout.splitlines()[2:]) == (0, command()[1].splitlines()[2:])
    assert f"{NAME} to {data_folder}\n" in stderr
    assert "downloaded" in stderr  # gensim's progress bar
    assert paths(data_folder) == FILES
    source.faults = {"list.json": 404, GZ: 404}
    assert command("--vectors", NAME) == (0, stdout, "")


FAULTS = [(GZ, "other bytes", "Checksum"), (GZ, 404, "404"), ("__init__.py", 500, "500")]
FAULTS += [("list.json", "other bytes", "JSON"), (GZ, "stalled", "")]


@pytest.mark.parametrize(("file", "fault", "reason"), FAULTS)
def test_faults_of_the_source(source, failed, monkeypatch, file, fault, reason):
    if fault == "stalled":
        monkeypatch.setattr(module, "DOWNLOAD", module.DOWNLOAD.replace("20", "0.2"))
    source.faults[file] = fault
    assert reason in failed()


def test_no_network_no_gensim_no_folder(site, failed, data_folder):
    assert "--vectors FILE" in failed()
    for error in [ValueError("numpy.dtype size changed"), ModuleNotFoundError("No module named")]:
        (site / "gensim.py").write_text(f"raise {error!r}")
        assert str(error) in failed()
    data_folder.rmdir()
    data_folder.write_text("a file stands where the folder should be")
    failed()


def test_two_downloads_at_once(source, data_folder):
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(module.load_word_embeddings, [FOUR_WORDS] * 2, [NAME] * 2))
    assert both[0].equal(both[1]) and both[0].equal(module.load_word_embeddings(FOUR_WORDS))
    assert paths(data_folder) == FILES


def test_ctrl_c_during_a_download(source, data_folder, script):
    if os.name == "nt":
        pytest.skip("Windows sends no SIGINT to one process")
    source.faults[GZ] = "stalled"
    process = script("--vectors", NAME)
    while source.asked.get(timeout=60) != GZ:
        pass
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate()
    assert (process.returncode, stdout, paths(data_folder)) == (130, "", [])
    assert "Traceback" not in stderr
