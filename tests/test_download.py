"""gensim's own downloader fetches a model, from a server here that plays its source on the net."""

import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from conftest import ERROR, FOUR_WORDS, OLD, POSIX, ROOT

from learnable_positional_embeddings import BUNDLED_VECTORS
from learnable_positional_embeddings import load_word_embeddings as load_in_this_process

NAME = "glove-twitter-25"
ARCHIVE_NAME = f"{NAME}.gz"
ARCHIVE = gzip.compress(b"4 50\n" + BUNDLED_VECTORS)
TRAP = b"raise SystemExit('a program was run that nobody may run')\n"
ABOUT = {
    "file_name": ARCHIVE_NAME,
    "checksum": hashlib.md5(ARCHIVE, usedforsecurity=False).hexdigest(),
    "parts": 1,
}
ON_THE_NET = {
    "list.json": json.dumps({"corpora": {}, "models": {NAME: ABOUT}}).encode(),
    "__init__.py": TRAP,
    ARCHIVE_NAME: ARCHIVE,
}
SILENCE = b""  # instead of the archive: the server says that it comes, and sends nothing

# What runs first in every Python that a test starts. If gensim comes to ask for its files in another
# way, then it is not sent here, and the network that the tests refuse makes every download fail.
ASK_HERE = """
import os, re, urllib.request
def ask_here(url, *rest, ask=urllib.request.urlopen):
    return ask(re.sub("^https://[^/]*", os.environ["SOURCE_URL"], url), *rest)
urllib.request.urlopen = ask_here
"""
# Importing all of gensim takes seconds; its downloader needs none of the rest.
ONLY_THE_DOWNLOADER = """
import importlib.util, sys, types
places = importlib.util.find_spec("gensim").submodule_search_locations
sys.modules["gensim"] = types.ModuleType("gensim")
sys.modules["gensim"].__path__ = places
"""
FILES_UP_TO_500_BYTES = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
"""
HEAR_CTRL_C = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's "&" lets it be ignored
"""
# Nobody waits 20 seconds for a server: whatever patience is asked for, a fortieth is enough.
HURRY = """
import socket
def set_a_fortieth(seconds, set_timeout=socket.setdefaulttimeout):
    set_timeout(seconds and seconds / 40)  # None is put back afterwards
socket.setdefaulttimeout = set_a_fortieth
"""


class Answer(BaseHTTPRequestHandler):
    """Answers with the server's files, of the length that they have on the net."""

    timeout = 30  # seconds that it waits for a client to hang up

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        if name not in self.server.files:
            self.send_error(404)
            return
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(ON_THE_NET[name])))
        self.end_headers()
        self.wfile.write(self.server.files[name])
        if name == ARCHIVE_NAME and self.server.files[name] == SILENCE:
            self.server.is_silent.set()
            self.rfile.read()  # until the client hangs up

    def do_CONNECT(self):
        """Refuse to be a proxy for who gives no password."""
        self.send_error(407)

    def log_message(self, *_):
        """Keep stderr for the script."""


class Source(ThreadingHTTPServer):
    """Says nothing of a client that hangs up: what the script prints is read from the same stderr."""

    def handle_error(self, *_):
        pass


@pytest.fixture
def source(site, monkeypatch):
    """A server that plays gensim's source; a test can change its files."""
    pytest.importorskip("gensim", reason="needs gensim")
    runs_first(site, ASK_HERE)
    with Source(("127.0.0.1", 0), Answer) as server:
        server.files = dict(ON_THE_NET)
        server.is_silent = threading.Event()
        monkeypatch.setenv("SOURCE_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("no_proxy", "*")
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


def runs_first(site, program):
    """Let a program run first in every Python that the test starts, after those given before."""
    with open(site / "sitecustomize.py", "a") as file:
        file.write(program)


@pytest.fixture
def quick(site, source):
    """The same server, for a gensim of which nothing but the downloader is imported."""
    runs_first(site, ONLY_THE_DOWNLOADER)
    return source


LOAD = """
import json, socket, sys
import learnable_positional_embeddings as lpe
print(json.dumps(lpe.load_word_embeddings(json.loads(sys.argv[1]), sys.argv[2]).tolist()))
assert socket.getdefaulttimeout() is None
"""


def load_word_embeddings(words, name):
    """Load vectors in a process of its own: gensim reads GENSIM_DATA_DIR once in each."""
    environment = os.environ | {"PYTHONPATH": f"{os.environ['PYTHONPATH']}{os.pathsep}{ROOT}"}
    arguments = [sys.executable, "-c", LOAD, json.dumps(words), name]
    return torch.tensor(json.loads(subprocess.check_output(arguments, env=environment)))


@pytest.fixture
def command(script):
    """Run the command line in a process of its own; return (status, stdout, stderr)."""

    def run(*options):
        process = script(*options)
        stdout, stderr = process.communicate(timeout=60)
        return process.returncode, stdout, stderr

    return run


@pytest.fixture
def fails(command, data_folder):
    """Download what cannot be had; return the error without its start."""

    def run():
        status, stdout, stderr = command("--vectors", NAME)
        assert (status, stdout) == (1, "")
        line = stderr.splitlines()[-1]
        assert line.startswith(ERROR), "the error does not begin on a line of its own"
        assert "Traceback" not in stderr, "what gensim logs is shown"
        return line.removeprefix(ERROR)

    return run


# ---- a download that works


def test_what_was_downloaded_is_read(quick):
    vectors = load_word_embeddings(FOUR_WORDS, NAME)
    assert vectors.equal(load_in_this_process(FOUR_WORDS))


def test_a_second_run_needs_no_network(quick):
    load_word_embeddings(FOUR_WORDS, NAME)
    quick.files.clear()
    assert load_in_this_process(FOUR_WORDS, NAME).shape == (4, 50)


def test_gensim_itself_finds_what_was_downloaded(quick, data_folder):
    load_word_embeddings(FOUR_WORDS, NAME)
    quick.files.clear()
    ask_gensim = f"import gensim.downloader as d; print(d.load({NAME!r}, return_path=True))"
    answer = subprocess.check_output([sys.executable, "-c", ask_gensim], text=True)
    assert answer.strip() == str(data_folder / NAME / ARCHIVE_NAME)


def test_a_download_adds_the_model_and_gensims_list_to_the_data_folder(quick, data_folder):
    load_word_embeddings(FOUR_WORDS, NAME)
    assert {path.name for path in data_folder.iterdir()} == {NAME, "information.json"}


def test_stdout_is_that_of_a_run_without_a_download(quick, command):
    stdout_of_the_first_run = command("--vectors", NAME)[1]
    assert command("--vectors", NAME) == (0, stdout_of_the_first_run, "")


def test_where_the_model_goes_and_the_progress_are_told_on_stderr(quick, command, data_folder):
    stderr = command("--vectors", NAME)[2]
    assert stderr.splitlines()[0].endswith(f"downloading {NAME} to {data_folder}")
    assert re.search(r"MB downloaded\s*$", stderr)


def test_a_relative_data_folder_is_one_of_the_current_folder(quick, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENSIM_DATA_DIR", "new/data")
    load_word_embeddings(FOUR_WORDS, NAME)
    assert (tmp_path / "new/data" / NAME / ARCHIVE_NAME).exists()


def test_what_an_interrupted_gensim_left_is_no_hindrance(quick, data_folder):
    (data_folder / f"{NAME}_tmp").mkdir(parents=True)
    assert load_word_embeddings(FOUR_WORDS, NAME).shape == (4, 50)


def test_a_damaged_model_that_was_deleted_as_advised_is_downloaded_again(
    quick, command, data_folder
):
    load_word_embeddings(FOUR_WORDS, NAME)
    path = data_folder / NAME / ARCHIVE_NAME
    path.write_bytes(b"damaged")
    assert "delete its folder to have it downloaded again" in command("--vectors", NAME)[2]
    shutil.rmtree(path.parent)
    assert command("--vectors", NAME)[0] == 0


# ---- what is strange is not run


def test_no_program_that_was_downloaded_is_run(quick, data_folder):
    load_word_embeddings(FOUR_WORDS, NAME)  # run, the program would end this
    assert (data_folder / NAME / "__init__.py").read_bytes() == TRAP


def test_no_module_is_taken_from_the_current_folder(source, command, tmp_path, monkeypatch):
    (tmp_path / "gensim.py").write_bytes(TRAP)
    monkeypatch.chdir(tmp_path)
    assert command("--vectors", NAME)[0] == 0


# ---- a download that fails: one line with the cause


def test_other_bytes_than_gensim_lists_are_named(quick, fails):
    quick.files[ARCHIVE_NAME] = ARCHIVE[::-1]
    assert "Checksum comparison failed" in fails()


def test_a_connection_that_breaks_off_is_named(quick, fails):
    quick.files[ARCHIVE_NAME] = ARCHIVE[:99]
    assert f"got only 99 out of {len(ARCHIVE)}" in fails()


def test_a_connection_that_breaks_off_leaves_no_model_in_the_data_folder(quick, fails, data_folder):
    quick.files[ARCHIVE_NAME] = ARCHIVE[:99]
    fails()
    assert [path.name for path in data_folder.iterdir()] == ["information.json"]


def test_after_a_connection_that_broke_off_the_next_run_works(quick, fails):
    quick.files[ARCHIVE_NAME] = ARCHIVE[:99]
    fails()
    quick.files[ARCHIVE_NAME] = ARCHIVE
    assert load_word_embeddings(FOUR_WORDS, NAME).shape == (4, 50)


def test_a_server_that_falls_silent_is_not_waited_for(site, quick, fails):
    runs_first(site, HURRY)
    quick.files[ARCHIVE_NAME] = SILENCE
    assert "timed out" in fails(), "the client waited until the server gave up"


@pytest.mark.parametrize("name", ON_THE_NET, ids=["list", "program", "archive"])
def test_a_file_that_the_server_lacks_is_an_error(quick, fails, name):
    del quick.files[name]
    assert "HTTP Error 404" in fails()


def test_a_network_that_refuses_is_named(quick, fails, monkeypatch):
    monkeypatch.setenv("SOURCE_URL", "http://127.0.0.1:1")  # where nobody listens
    assert "refused" in fails()


def test_a_proxy_that_asks_for_a_password_is_named(quick, fails, monkeypatch):
    monkeypatch.setenv("https_proxy", os.environ["SOURCE_URL"])
    monkeypatch.setenv("no_proxy", "")
    monkeypatch.setenv("SOURCE_URL", "https://gensim.example")
    assert "407" in fails()


@POSIX
def test_a_certificate_that_nobody_trusts_is_named(quick, fails, tmp_path, monkeypatch):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    sign_oneself(key, certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    quick.socket = context.wrap_socket(quick.socket, server_side=True)
    monkeypatch.setenv("SOURCE_URL", f"https://127.0.0.1:{quick.server_port}")
    assert "CERTIFICATE_VERIFY_FAILED" in fails()


def sign_oneself(key, certificate):
    """Write a new key, and a certificate that is signed with it."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    options = ["-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1"]
    files = ["-keyout", key, "-out", certificate]
    subprocess.run(["openssl", "req", *options, *files], check=True, capture_output=True)


@POSIX
def test_a_disk_that_is_too_small_is_named(site, quick, fails):
    runs_first(site, FILES_UP_TO_500_BYTES)
    assert "File too large" in fails()


def test_a_gensim_that_is_not_there_is_named(site, fails):
    (site / "gensim.py").write_text("raise ModuleNotFoundError('no gensim here')")
    assert f"cannot download {NAME}: no gensim here" in fails()


def test_who_cannot_download_is_told_what_to_type(site, fails):
    (site / "gensim.py").write_text("raise ModuleNotFoundError")
    assert "type --vectors random, or --vectors FILE" in fails()


def test_a_file_that_stands_where_the_model_is_to_go_stays(quick, command, data_folder):
    data_folder.mkdir()
    (data_folder / NAME).write_bytes(OLD)
    stderr = command("--vectors", NAME)[2]
    assert "set GENSIM_DATA_DIR to a folder of yours" in stderr.splitlines()[-1]
    assert (data_folder / NAME).read_bytes() == OLD


def test_a_data_folder_that_cannot_be_made_is_named(quick, fails, data_folder):
    data_folder.parent.mkdir(exist_ok=True)
    data_folder.write_bytes(OLD)
    line = fails()
    assert f"Not able to create folder gensim-data in {data_folder.parent}. File" in line
    assert data_folder.read_bytes() == OLD


# ---- a download that is interrupted

INTERRUPTIONS = {
    "Ctrl-C": lambda process: process.send_signal(signal.SIGINT),
    "SIGTERM": lambda process: process.terminate(),
    "SIGHUP": lambda process: process.send_signal(signal.SIGHUP),
}


@POSIX
@pytest.mark.slow
@pytest.mark.parametrize("interrupt", INTERRUPTIONS.values(), ids=INTERRUPTIONS)
def test_an_interrupted_download_leaves_no_model(site, quick, script, data_folder, interrupt):
    runs_first(site, HEAR_CTRL_C)
    quick.files[ARCHIVE_NAME] = SILENCE
    process = script("--vectors", NAME, start_new_session=True)
    assert quick.is_silent.wait(60), "the archive was never asked for"
    interrupt(process)
    assert process.wait(60) == 130
    with pytest.raises(ProcessLookupError):  # nobody is left in its session
        os.killpg(process.pid, 0)
    assert process.stderr.read().endswith(": interrupted\n")
    assert [path.name for path in data_folder.iterdir()] == ["information.json"]
