"""What all tests share: no network, nothing left behind, and the script run as a user runs it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import hypothesis.configuration
import pytest
import torch

from learnable_positional_embeddings import PositionalModel, main

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "learnable_positional_embeddings.py"
FOUR_WORDS = ["artificial", "intelligence", "machine", "learning"]

# Given to every Python that the tests start, through PYTHONPATH: it refuses the network.
REFUSE_NETWORK = """
import socket

def refuse(*args, **kwargs):
    raise OSError("the tests refuse the network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
"""


def random_problem(n, dim, seed):
    """A float64 model with random numbers everywhere, word embeddings and targets."""
    torch.manual_seed(seed)
    model = PositionalModel(n, dim).double()
    with torch.no_grad():
        model.positional_embeddings.normal_()
    return model, torch.randn(n, dim).double(), torch.randn(n).double()


def pytest_configure(config):
    """Keep what hypothesis writes out of the working tree; let the scripts hear Ctrl-C."""
    folder = tempfile.TemporaryDirectory(prefix="hypothesis-")
    config.add_cleanup(folder.cleanup)
    hypothesis.configuration.set_hypothesis_home_dir(folder.name)
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in the background of a shell
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def refuse_network(monkeypatch):
    """Let no test reach beyond this machine."""
    connect = socket.socket.connect

    def connect_here(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] != "127.0.0.1":
            raise OSError("the tests refuse the network")
        return connect(self, address)

    def look_up_here(host, port, *args, **kwargs):
        if host not in ("127.0.0.1", "localhost"):
            raise OSError("the tests refuse the network")
        return look_up(host, port, *args, **kwargs)

    look_up = socket.getaddrinfo
    monkeypatch.setattr(socket.socket, "connect", connect_here)
    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)


@pytest.fixture
def environment(tmp_path):
    """The environment of a script that has no network and an empty gensim folder."""
    (tmp_path / "site").mkdir()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(REFUSE_NETWORK)
    return os.environ | {
        "PYTHONPATH": str(tmp_path / "site"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "TMPDIR": str(tmp_path / "tmp"),
        "GENSIM_DATA_DIR": str(tmp_path / "gensim-data"),
    }


@pytest.fixture
def script(environment, tmp_path):
    """Run the script in a process of its own, in an empty folder; return what it did."""
    (tmp_path / "cwd").mkdir()

    def run(*options):
        return subprocess.run(
            [sys.executable, SCRIPT, *options],
            cwd=tmp_path / "cwd",
            env=environment,
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def command(capfd):
    """Run the command line in this process; return (status, stdout, stderr)."""

    def run(*options):
        status = main([str(option) for option in options])
        return status, *capfd.readouterr()

    return run


@pytest.fixture
def refused(command):
    """Run a command line that must fail with a status and one line on stderr; return the line."""

    def run(status, *options):
        returned, stdout, stderr = command(*options)
        assert returned == status
        assert stdout == ""
        assert stderr.startswith("learnable_positional_embeddings.py: error: ")
        assert stderr.count("\n") == 1
        return stderr

    return run
