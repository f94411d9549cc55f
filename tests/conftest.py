"""What all tests share: no network, no data folder but their own, and two ways to run the script."""

import os
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
ERROR = "learnable_positional_embeddings.py: error: "

# Every Python that the tests start runs this first: it reaches nothing beyond this machine.
NO_NETWORK = """
import sys

def refuse(event, arguments):
    if event in ("socket.getaddrinfo", "socket.connect"):
        host = arguments[0] if event == "socket.getaddrinfo" else arguments[1][0]
        if host not in ("127.0.0.1", "localhost"):
            raise OSError("the tests refuse the network")

sys.addaudithook(refuse)
"""


def pytest_configure(config):
    """Keep what hypothesis writes out of the checkout; let tests that run side by side do so."""
    torch.set_num_threads(1)  # more would wait for each other
    folder = tempfile.TemporaryDirectory(prefix="hypothesis-")
    config.add_cleanup(folder.cleanup)
    hypothesis.configuration.set_hypothesis_home_dir(folder.name)


@pytest.fixture(autouse=True)
def site(tmp_path_factory, monkeypatch):
    """Refuse the network to every program that a test starts; give gensim an empty data folder.

    Returns the folder whose sitecustomize.py these programs run first.
    """
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("GENSIM_DATA_DIR", str(tmp_path_factory.mktemp("data") / "gensim-data"))
    return folder


@pytest.fixture
def data_folder():
    """The data folder of gensim, which does not exist yet."""
    return Path(os.environ["GENSIM_DATA_DIR"])


@pytest.fixture
def command(capfd):
    """Run the command line in this process; return (status, stdout, stderr)."""

    def run(*options):
        try:
            status = main([str(option) for option in options])
        except SystemExit as end:
            status = end.code
        return status, *capfd.readouterr()

    return run


@pytest.fixture
def refused(command):
    """Run a command line that must fail with a status and one line (and usage); return the line."""

    def run(status, *options):
        returned, stdout, stderr = command(*options)
        assert returned == status
        assert stdout == ""
        *usage, line = stderr.splitlines()
        assert line.startswith(ERROR)
        assert usage == [] if status != 2 else usage[0].startswith("usage: ")
        return line.removeprefix(ERROR)

    return run


@pytest.fixture
def script():
    """Start the script in a process of its own; what is still running at the end is killed."""
    started = []

    def start(*options, **settings):
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | settings
        command = [sys.executable, str(SCRIPT), *map(str, options)]
        started.append(subprocess.Popen(command, **settings))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def random_problem(n, dim, seed):
    """A float64 model with random numbers everywhere, word embeddings and targets."""
    torch.manual_seed(seed)
    model = PositionalModel(n, dim).double()
    torch.nn.init.normal_(model.positional_embeddings)
    return model, torch.randn(n, dim).double(), torch.randn(n).double()
