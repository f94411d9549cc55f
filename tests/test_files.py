"""Files are written before the report, whole or not at all, and nothing costs what was learned."""

import contextlib
import errno
import os
import signal
import sys
import threading
from functools import partial
from pathlib import Path
from unittest.mock import Mock, patch

import pytest
import torch
from conftest import EVENLY, FOUR_WORDS, POSIX

import learnable_positional_embeddings as lpe

OLD = b"an old file"


@pytest.fixture
def old(tmp_path, monkeypatch):
    """The name of an old file, in the folder where a test runs."""
    monkeypatch.chdir(tmp_path)
    Path("old.pt").write_bytes(OLD)
    return Path("old.pt")


@pytest.fixture
def figure(monkeypatch):
    """The name of a figure that is drawn at once."""
    pytest.importorskip("matplotlib")
    draw_figure = Mock()
    draw_figure.return_value.savefig = lambda file, **_: file.write(b"a figure")
    monkeypatch.setattr(lpe, "draw_figure", draw_figure)
    return Path("figure.png")


@pytest.fixture
def run(command):
    """Run 20 epochs that save a file; return (status, stdout, stderr)."""
    return partial(command, "--epochs", 20, "--lr", 0.02, "--save")


@pytest.fixture
def before(monkeypatch):
    """Let something happen as a text is about to be printed."""

    def happens(text, event):
        write = sys.stdout.write

        def write_after(printed):
            if text in printed:
                event()
            return write(printed)

        monkeypatch.setattr(sys.stdout, "write", write_after)

    return happens


def ctrl_c(*_, **__):
    raise KeyboardInterrupt


def learn(epochs):
    """Return the parameters after so many epochs, and the losses."""
    torch.manual_seed(0)
    model = lpe.PositionalModel(4, 50)
    vectors = lpe.load_word_embeddings(FOUR_WORDS)
    losses = lpe.train(model, vectors, EVENLY, epochs=epochs, lr=0.02)
    return model.state_dict(), losses


def saved_epochs(path):
    """Return how many epochs a checkpoint, which must be whole, has; the old file has none."""
    if Path(path).read_bytes() == OLD:
        return 0
    return len(torch.load(path, weights_only=True)["losses"])


# ---- what is written, and where


@pytest.mark.parametrize("epochs", [20, 7])
def test_a_checkpoint_restores_the_model(run, old, before, epochs):
    before(f" {epochs}/20", ctrl_c)
    run("new.pt")
    checkpoint = torch.load("new.pt", weights_only=True)
    parameters, losses = learn(epochs)
    torch.testing.assert_close(checkpoint["model_state_dict"], parameters, rtol=0, atol=0)
    assert torch.equal(checkpoint["word_embeddings"], lpe.load_word_embeddings(FOUR_WORDS))
    assert checkpoint["losses"] == losses
    assert checkpoint["options"]["words"] == FOUR_WORDS


def test_the_files_are_there_before_the_report(run, old, figure, before):
    seen = []
    before("positional", lambda: seen.extend([saved_epochs(old), figure.read_bytes()]))
    run(old, "--plot", figure)
    assert seen == [20, b"a figure"]


@POSIX
def test_an_old_file_is_replaced_and_not_written_over(run, old):
    old.chmod(0o604)
    Path("other name").hardlink_to(old)
    run(old)
    assert saved_epochs(old) == 20
    assert Path("other name").read_bytes() == OLD
    assert old.stat().st_mode & 0o777 == 0o604
    assert len(os.listdir()) == 2, "something is left behind"


@POSIX
@pytest.mark.parametrize("target", ["old.pt", "new.pt"])
def test_a_link_stays_a_link(run, old, target):
    Path("link").symlink_to(target)
    run("link")
    assert Path("link").is_symlink()
    assert saved_epochs(target) == 20


@POSIX
def test_a_new_file_has_the_mode_that_new_files_have(run, old, request):
    request.addfinalizer(partial(os.umask, os.umask(0o027)))
    run("new.pt")
    assert Path("new.pt").stat().st_mode & 0o777 == 0o640  # 666 without the bits of 027


def test_a_file_is_made_on_the_disk_on_which_it_will_lie(run, old):
    with patch("tempfile.tempdir", "/no/such/folder"):  # from elsewhere it could not be moved
        assert run(old)[0] == 0


# ---- names that are refused before anything is trained

NEVER_WRITTEN = "--epochs", 0  # refused next, so that a fault here harms no device


@POSIX
@pytest.mark.parametrize("name", ["", "folder", "no/model.pt", "old.pt/a", "/dev/null", "pipe"])
def test_a_name_that_cannot_be_written_is_refused(refused, old, request, name):
    os.mkdir("folder")
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)  # else opening it would wait
    request.addfinalizer(partial(os.close, reader))
    line = refused(2, "--save", name, *NEVER_WRITTEN)
    assert line.startswith(f"argument --save: cannot write {name!r}: ")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
@pytest.mark.parametrize("protected", ["old.pt", "."])
def test_what_is_not_ours_to_write_is_refused(refused, old, protected):
    os.chmod(protected, 0o500)
    assert "Permission denied" in refused(2, "--save", old, *NEVER_WRITTEN)


@pytest.mark.parametrize(
    "options",
    ["--save old.pt --plot link.png", "--vectors old.pt --save no/../old.pt"],
)
def test_two_options_with_one_file_are_refused(refused, old, figure, options):
    os.symlink("old.pt", "link.png")
    assert options.split()[-1] in refused(2, *options.split())


def test_without_matplotlib_a_figure_is_refused_with_what_to_type(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)  # to import it fails
    line = refused(2, "--plot", "figure.png")
    assert f"{sys.executable} -m pip install" in line
    assert "uv run --with matplotlib" in line


@pytest.mark.parametrize("options", [["--epochs", 0], ["--lr", 1e30]])
def test_a_command_that_fails_replaces_and_makes_no_file(run, old, figure, options):
    run(old, "--plot", figure, *options)
    assert old.read_bytes() == OLD
    assert os.listdir() == ["old.pt"]


# ---- a file that cannot be written after all


@contextlib.contextmanager
def full_disk():
    """Let no file grow beyond 16,000 bytes: the checkpoint of 400 words needs 160,000."""
    resource = pytest.importorskip("resource")  # POSIX
    _, most = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


DRAW = "learnable_positional_embeddings.draw_figure"


@pytest.mark.parametrize(
    "failure, failed, status, said",
    [
        (full_disk(), "old.pt", 1, "File too large"),
        (patch("torch.save", side_effect=ValueError("no\nnumber")), "old.pt", 1, "no number"),
        (patch("torch.save", side_effect=KeyboardInterrupt), "old.pt", 130, "interrupted"),
        (patch(DRAW, side_effect=ValueError("no\nfont")), "figure.png", 1, "no font"),
    ],
)
def test_a_file_that_fails_costs_nothing_else(command, old, figure, failure, failed, status, said):
    figure.write_bytes(OLD)
    options = ["--words", *"abcdefgh" * 50, "--vectors", "random", "--epochs", 2]
    with failure:
        result = command(*options, "--save", old, "--plot", figure)
    line, *_ = result[2].splitlines()
    assert failed in line
    assert said in line
    assert result[:2] == (status, command(*options)[1])
    as_before = [name for name in os.listdir() if Path(name).read_bytes() == OLD]
    assert as_before == [failed]
    assert len(os.listdir()) == 2, "something is left behind"


def test_what_cannot_replace_an_old_file_lies_beside_it(run, old, monkeypatch):
    replace = Path.replace

    def refuse(file, target):
        if Path(target).name == old.name:
            raise OSError(errno.EBUSY, "mounted by itself")
        return replace(file, target)

    monkeypatch.setattr(Path, "replace", refuse)
    status, _, stderr = run(old)
    [beside] = {*os.listdir()} - {old.name}
    assert beside in stderr
    assert status == 1
    assert saved_epochs(beside) == 20
    assert old.read_bytes() == OLD


@pytest.mark.parametrize("moved", [False, True], ids=["before", "after"])
def test_ctrl_c_as_a_file_is_moved_leaves_one_whole_file(run, old, monkeypatch, moved):
    replace = Path.replace

    def interrupted(file, target):
        if moved:
            replace(file, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    status, _, stderr = run(old)
    assert status == 130
    assert "old.pt: interrupted while it was written" in stderr
    assert (old.read_bytes() == OLD) != moved
    assert os.listdir() == ["old.pt"]


# ---- Ctrl-C

MOMENTS = pytest.mark.parametrize(
    "text, epochs",
    [("words ", 0), (" 7/20", 7), ("20/20", 20), ("\nlosses", 20), ("none  ", 20)],
)


@MOMENTS
def test_ctrl_c_costs_nothing_that_was_learned(run, old, figure, before, text, epochs):
    before(text, ctrl_c)
    status, stdout, stderr = run(old, "--plot", figure, "--compare")
    assert status == 130
    assert saved_epochs(old) == epochs
    assert figure.exists() == (epochs > 0)
    assert ("positional embeddings" in stdout) == (epochs > 0)
    assert "none  " not in stdout, "it is compared"
    [line] = stderr.splitlines()
    assert "interrupted" in line or f"stopped after {epochs} of 20 epochs" in line


def wait_for_epochs(process):
    """Return once the process prints epochs; what prints nothing for a minute is killed."""
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    process.stdout.read(2000)  # more than the header
    watchdog.cancel()


@POSIX
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_from_outside_is_a_ctrl_c(script, old, name):
    number = signal.Signals[name]
    not_ignored = partial(signal.signal, number, signal.SIG_DFL)
    process = script("--epochs", 10**8, "--save", old, preexec_fn=not_ignored)
    wait_for_epochs(process)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    [line] = stderr.splitlines()
    assert f"stopped after {saved_epochs(old)} of 100000000 epochs" in line
    assert "positional embeddings" in stdout


@POSIX
@pytest.mark.slow
def test_under_nohup_the_end_of_a_session_ends_nothing(script, old):
    nohup = partial(signal.signal, signal.SIGHUP, signal.SIG_IGN)
    process = script("--epochs", 4000, "--save", old, preexec_fn=nohup)  # more than a pipe holds
    wait_for_epochs(process)
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert saved_epochs(old) == 4000


# ---- a reader of stdout who leaves, as head does


@contextlib.contextmanager
def piped_stdout():
    """Let stdout be a pipe; give a function that closes its other end."""
    reader, writer = os.pipe()
    with open(writer, "w") as stdout, contextlib.redirect_stdout(stdout):
        yield partial(os.close, reader)


@POSIX
@MOMENTS
def test_a_reader_who_leaves_costs_no_file(run, old, before, text, epochs):
    with piped_stdout() as leave:
        before(text, leave)
        _, _, stderr = run(old, "--compare")
    assert saved_epochs(old) == epochs
    told = f"stopped after {epochs} of 20 epochs" in stderr
    assert told == (epochs < 20)
    assert stderr.count("\n") == told


@POSIX
def test_without_a_file_a_reader_who_leaves_is_told_nothing(command, before):
    with piped_stdout() as leave:
        before(" 7/20", leave)
        assert command("--epochs", 20)[2] == ""


@POSIX
def test_a_file_that_fails_is_told_though_nobody_reads_stdout(run, old, before):
    with patch("torch.save", side_effect=ValueError("no number")), piped_stdout() as leave:
        before(" 7/20", leave)
        assert "no number" in run(old)[2]
