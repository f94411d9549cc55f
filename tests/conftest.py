"""What all tests share: no network, a data folder of their own, three ways to run the script."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import learnable_positional_embeddings as lpe

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "learnable_positional_embeddings.py"
FOUR_WORDS = ["artificial", "intelligence", "machine", "learning"]
REPEATED_WORDS = ["machine", "learning", "machine", "learning"]
EVENLY = torch.tensor([0, 1 / 3, 2 / 3, 1])  # the targets of four words
ERROR = "learnable_positional_embeddings.py: error: "
POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX")

NO_NETWORK = """
import sys
def refuse(event, arguments):
    if event in ("socket.getaddrinfo", "socket.connect") and "127.0.0.1" not in str(arguments):
        raise OSError("the tests refuse the network")
sys.addaudithook(refuse)
"""


def pytest_configure():
    """Let tests run side by side."""
    torch.set_num_threads(1)  # more would wait for each other


@pytest.fixture(autouse=True)
def site(tmp_path_factory, monkeypatch):
    """A folder whose sitecustomize.py runs first in every Python that a test starts."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sitecustomize.py").write_text(NO_NETWORK)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("NO_COLOR", "1")  # Python 3.14 colours what argparse says
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("GENSIM_DATA_DIR", str(tmp_path_factory.mktemp("data") / "gensim-data"))
    torch.manual_seed(0)  # what a test draws does not depend on the tests before it
    return folder


@pytest.fixture
def command(capfd):
    """Run the command line in this process; return (status, stdout, stderr)."""

    def run(*options):
        try:
            status = lpe.main(options)
        except SystemExit as end:
            status = end.code
        return status, *capfd.readouterr()

    return run


@pytest.fixture
def refused(command):
    """Run a command line that must fail with a status and one line (and usage); return the line."""

    def run(status, *options):
        returned, stdout, stderr = command(*options)
        *usage, line = stderr.splitlines()
        assert returned == status
        assert stdout == ""
        assert bool(usage) == (status == 2)
        assert line.startswith(ERROR)
        return line.removeprefix(ERROR)

    return run


@pytest.fixture
def script():
    """Start the script in a process of its own; what is still running at the end is killed."""
    started = []

    def start(*options, **settings):
        settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | settings
        started.append(subprocess.Popen([sys.executable, SCRIPT, *map(str, options)], **settings))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()
