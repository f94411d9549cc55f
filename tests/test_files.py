"""Files are written before the report, whole or not at all, and nothing costs what was learned."""

import contextlib
import os
import signal
import sys
from itertools import pairwise
from types import SimpleNamespace
from unittest.mock import Mock, patch

import pytest
import torch
from conftest import ERROR, FOUR_WORDS, OLD, POSIX

import learnable_positional_embeddings as lpe

Y_TRUE = torch.tensor([0, 1 / 3, 2 / 3, 1])  # the targets of four words
LARGE = ["--words", *"abcdefgh" * 50, "--vectors", "random"]  # their vectors are 80,000 bytes
INTERRUPTED = "learnable_positional_embeddings.py: interrupted\n"


def stopped(epochs, of=20):
    """Return the line that says how far a run came."""
    nothing = "" if epochs else ": nothing was written"
    return f"learnable_positional_embeddings.py: stopped after {epochs} of {of} epochs{nothing}\n"


def interrupted(path):
    """Return the line that says of which file Ctrl-C came in the way."""
    return f"learnable_positional_embeddings.py: {path}: interrupted while it was written\n"


def trained(epochs, *, seed=0, shuffle=False):
    """Train on the four words in a plain way; return the model and its losses."""
    torch.manual_seed(seed)
    model = lpe.PositionalModel(4, 50)
    vectors = lpe.load_word_embeddings(FOUR_WORDS)
    losses = lpe.train(model, vectors, Y_TRUE, epochs=epochs, lr=0.02, shuffle=shuffle)
    return model, losses


def saved_losses(path):
    """Return the losses in a checkpoint, which must be whole."""
    return torch.load(path, weights_only=True)["losses"]


def before(text, event, monkeypatch):
    """Let something happen as a line that holds a text is about to reach stdout."""
    write = sys.stdout.write

    def write_after(written):
        if text in written:
            event()
        return write(written)

    monkeypatch.setattr(sys.stdout, "write", write_after)


def ctrl_c(*_, **__):
    """Be what a program meets when Ctrl-C is pressed."""
    raise KeyboardInterrupt


@pytest.fixture
def figure(tmp_path, monkeypatch):
    """The name of a figure that is drawn at once and without matplotlib."""
    monkeypatch.setitem(sys.modules, "matplotlib", Mock())
    monkeypatch.setitem(sys.modules, "matplotlib.figure", Mock())
    drawn = SimpleNamespace(savefig=lambda file, **_: file.write(b"a figure"))
    monkeypatch.setattr(lpe, "draw_figure", lambda *_: drawn)
    return tmp_path / "figure.png"


# ---- a checkpoint


@pytest.fixture
def checkpoint(command, tmp_path):
    """What --save writes, as torch.load returns it without running anything that it finds."""
    options = ["--epochs", 30, "--seed", 4, "--shuffle"]
    assert command("--save", tmp_path / "model.pt", *options)[0] == 0
    return torch.load(tmp_path / "model.pt", weights_only=True)


def test_a_checkpoint_holds_the_parameters_bit_for_bit(checkpoint):
    expected = trained(30, seed=4, shuffle=True)[0].state_dict()
    torch.testing.assert_close(checkpoint["model_state_dict"], expected, rtol=0, atol=0)


def test_a_checkpoint_holds_the_loss_of_every_epoch(checkpoint):
    assert checkpoint["losses"] == trained(30, seed=4, shuffle=True)[1]


def test_a_checkpoint_holds_the_word_vectors(checkpoint):
    assert torch.equal(checkpoint["word_embeddings"], lpe.load_word_embeddings(FOUR_WORDS))


def test_a_checkpoint_holds_the_options(checkpoint):
    options = {"words": FOUR_WORDS, "epochs": 30, "lr": 0.02, "seed": 4, "shuffle": True}
    assert checkpoint["options"].items() >= options.items()


# ---- a file and its place


def test_the_files_are_there_before_the_report(command, old, figure, monkeypatch):
    seen = []
    before("positional", lambda: seen.extend([saved_losses(old), figure.read_bytes()]), monkeypatch)
    command("--epochs", 3, "--save", old, "--plot", figure)
    assert seen == [trained(3)[1], b"a figure"]


def test_an_old_file_is_replaced(command, old):
    command("--save", old)
    assert saved_losses(old) == trained(20)[1]


def test_an_old_file_is_not_written_over(command, old, tmp_path):
    other_name = tmp_path / "other name of the old file"
    other_name.hardlink_to(old)
    command("--save", old)
    assert other_name.read_bytes() == OLD, "written in place, where an end half way would damage it"


def test_a_new_file_is_all_that_is_left_in_its_folder(command, tmp_path):
    command("--save", tmp_path / "model.pt")
    assert os.listdir(tmp_path) == ["model.pt"]


def test_a_file_is_made_on_the_disk_on_which_it_will_lie(command, old):
    with patch("tempfile.tempdir", "/no/such/folder"):  # from elsewhere it could not be moved
        assert command("--save", old)[0] == 0


@POSIX
def test_an_old_file_keeps_its_mode(command, old):
    old.chmod(0o604)
    command("--save", old)
    assert old.stat().st_mode & 0o777 == 0o604


@POSIX
def test_a_new_file_has_the_mode_that_new_files_have(command, tmp_path, request):
    umask = os.umask(0o027)
    request.addfinalizer(lambda: os.umask(umask))
    command("--save", tmp_path / "model.pt")
    assert (tmp_path / "model.pt").stat().st_mode & 0o777 == 0o640  # 666 without the bits of 027


@POSIX
@pytest.mark.parametrize("target", ["old.png", "new.pt"], ids=["to a file", "to nothing yet"])
def test_a_link_stays_a_link(command, old, target):
    link = old.parent / "link"
    link.symlink_to(target)
    command("--save", link)
    assert link.is_symlink()
    assert saved_losses(old.parent / target) == trained(20)[1]


# ---- a name that cannot be written is refused before anything is trained

NEVER_WRITTEN = ["--epochs", 0]  # refused next, so that a fault here harms nobody's device


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "folder",
        "no/model.pt",
        "old.png/model.pt",
        "a" * 300,
    ],
    ids=["none", "dot", "folder", "missing folder", "file as folder", "long"],
)
def test_a_name_that_cannot_be_written_is_refused(refused, old, monkeypatch, name):
    monkeypatch.chdir(old.parent)
    os.mkdir("folder")
    line = refused(2, "--save", name, *NEVER_WRITTEN)
    assert line.startswith(f"argument --save: cannot write {name!r}: ")


@pytest.mark.skipif(not os.path.exists("/dev/null"), reason="this system has no /dev/null")
def test_a_device_is_refused(refused):
    line = refused(2, "--save", "/dev/null", *NEVER_WRITTEN)
    assert line.startswith("argument --save: cannot write '/dev/null': ")


@POSIX
def test_a_pipe_is_refused(refused, tmp_path, request):
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)  # else opening it would wait
    request.addfinalizer(lambda: os.close(reader))
    line = refused(2, "--save", tmp_path / "pipe", *NEVER_WRITTEN)
    assert line.startswith("argument --save: cannot write ")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
@pytest.mark.parametrize("protected", ["old.png", "."], ids=["file", "folder"])
def test_what_is_not_ours_to_write_is_refused(refused, old, protected):
    (old.parent / protected).chmod(0o500)
    assert "Permission denied" in refused(2, "--save", old, *NEVER_WRITTEN)


def test_a_figure_that_cannot_be_written_is_refused(refused, figure):
    figure.mkdir()
    line = refused(2, "--plot", figure, *NEVER_WRITTEN)
    assert line.startswith("argument --plot: cannot write ")


@pytest.mark.parametrize("other", ["old.png", "no/../old.png", "link"], ids=str)
def test_one_file_for_both_is_refused(refused, old, figure, monkeypatch, other):
    monkeypatch.chdir(old.parent)
    os.symlink(old, "link")
    line = refused(2, "--save", other, "--plot", "old.png")
    assert line.startswith("--vectors, --save and --plot need files of their own, not ")
    assert line.endswith(f"{other} old.png")


@pytest.mark.parametrize("option", ["--save", "--plot"], ids=str)
@pytest.mark.parametrize("other", ["old.png", "no/../old.png", "link"], ids=str)
def test_the_file_of_the_vectors_is_not_written_over(
    refused, old, figure, monkeypatch, option, other
):
    monkeypatch.chdir(old.parent)
    os.symlink(old, "link.png")
    other = "link.png" if other == "link" else other
    old.write_text("dog 1 2\n")
    refused(2, "--words", "dog", "--vectors", "old.png", option, other)
    assert old.read_text() == "dog 1 2\n"


def test_a_command_line_that_is_refused_writes_nothing(refused, old, figure):
    refused(2, "--save", old, "--plot", figure, "--epochs", 0)
    assert old.read_bytes() == OLD
    assert os.listdir(old.parent) == [old.name]


# ---- a file that cannot be written after all


def half_written(error):
    """Return a `torch.save` that fails half way."""

    def save(_, file):
        file.write(b"half")
        raise error

    return save


def torch_fails():
    return patch("torch.save", half_written(ValueError("no\nnumber")))


def ctrl_c_is_pressed():
    return patch("torch.save", half_written(KeyboardInterrupt()))


@contextlib.contextmanager
def disk_is_full():
    """Let no file grow beyond 16,000 bytes: stdout needs 6,000 and a LARGE checkpoint 160,000."""
    resource = pytest.importorskip("resource", reason="needs POSIX")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


FAILURES = {"torch fails": torch_fails, "Ctrl-C": ctrl_c_is_pressed, "full disk": disk_is_full}


@pytest.fixture(params=FAILURES.values(), ids=FAILURES)
def failed(request, command, old):
    """What a run printed whose checkpoint failed half way, in the place of an old file."""
    with request.param():
        _, stdout, stderr = command(*LARGE, "--epochs", 2, "--save", old)
    return SimpleNamespace(stdout=stdout, stderr=stderr)


def test_a_file_that_fails_half_way_leaves_the_old_one_whole(failed, old):
    assert old.read_bytes() == OLD


def test_a_file_that_fails_half_way_leaves_nothing_else_in_the_folder(failed, old):
    assert os.listdir(old.parent) == [old.name]


def test_a_file_that_fails_half_way_costs_no_report(failed, command):
    assert failed.stdout == command(*LARGE, "--epochs", 2)[1]


def test_a_file_that_fails_half_way_is_named(failed, old):
    assert failed.stderr == interrupted(old) or failed.stderr.startswith(
        f"{ERROR}{old} was not written: "
    )


def test_what_torch_says_of_a_failure_is_told_in_one_line(command, old):
    with torch_fails():
        status, _, stderr = command("--save", old)
    assert (status, stderr) == (1, f"{ERROR}{old} was not written: no number\n")


def test_a_full_disk_is_told_in_one_line(command, old):
    with disk_is_full():
        status, _, stderr = command(*LARGE, "--save", old)
    assert (status, stderr.count("\n")) == (1, 1)
    assert "File too large" in stderr


def test_ctrl_c_while_a_file_is_written_is_told_of_the_file(command, old):
    with ctrl_c_is_pressed():
        status, _, stderr = command("--save", old)
    assert (status, stderr) == (130, interrupted(old))


def test_a_folder_that_goes_away_while_training_is_told(command, tmp_path, monkeypatch):
    folder = tmp_path / "folder"
    folder.mkdir()
    before(" 7/20", folder.rmdir, monkeypatch)
    status, _, stderr = command("--save", folder / "model.pt")
    assert (status, stderr.count("\n")) == (1, 1)
    assert stderr.startswith(f"{ERROR}{folder / 'model.pt'} was not written: ")


# ---- one file costs not the other


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_checkpoint_that_fails_costs_no_figure(command, old, figure, failure):
    with failure():
        command(*LARGE, "--save", old, "--plot", figure)
    assert figure.read_bytes() == b"a figure"


def test_a_figure_too_large_for_the_disk_costs_no_checkpoint(command, old, figure, monkeypatch):
    large = SimpleNamespace(savefig=lambda file, **_: file.write(bytes(20_000)))
    monkeypatch.setattr(lpe, "draw_figure", lambda *_: large)
    with disk_is_full():
        status = command("--save", old, "--plot", figure)[0]
    assert (status, figure.exists()) == (1, False)
    assert saved_losses(old) == trained(20)[1]


def test_what_matplotlib_says_of_a_failure_is_told_in_one_line(command, figure, monkeypatch):
    monkeypatch.setattr(lpe, "draw_figure", Mock(side_effect=ValueError("no\nfont")))
    status, _, stderr = command("--plot", figure)
    assert (status, stderr) == (1, f"{ERROR}{figure} was not written: no font\n")


def test_ctrl_c_while_the_figure_is_drawn_names_it_and_costs_no_report(
    command, figure, monkeypatch
):
    report = command()[1]
    monkeypatch.setattr(lpe, "draw_figure", ctrl_c)
    status, stdout, stderr = command("--plot", figure)
    assert (status, stdout) == (130, report)
    assert stderr == interrupted(figure)


def test_a_run_whose_loss_overflows_replaces_no_file(command, old, figure):
    assert command("--lr", 1e30, "--save", old, "--plot", figure)[0] == 1
    assert old.read_bytes() == OLD
    assert not figure.exists()


# ---- Ctrl-C

MOMENTS = pytest.mark.parametrize(
    ("text", "epochs"),
    [
        pytest.param("words  ", 0, id="before training"),
        pytest.param(" 7/20", 7, id="while training"),
        pytest.param(" 20/20", 20, id="after the last epoch"),
        pytest.param("positional", 20, id="in the report"),
        pytest.param("none  ", 20, id="in the comparison"),
    ],
)


def assert_kept(old, epochs):
    """Assert that a file has what was learned; before the first epoch, that it stays."""
    if epochs:
        assert saved_losses(old) == trained(epochs)[1]
    else:
        assert old.read_bytes() == OLD


@MOMENTS
def test_ctrl_c_keeps_what_was_learned(command, old, monkeypatch, text, epochs):
    before(text, ctrl_c, monkeypatch)
    command("--save", old, "--compare")
    assert_kept(old, epochs)


@MOMENTS
@pytest.mark.parametrize("is_saved", [False, True], ids=["", "saved"])
def test_ctrl_c_ends_in_130_and_one_line(
    command, old, monkeypatch, request, text, epochs, is_saved
):
    before(text, ctrl_c, monkeypatch)
    status, _, stderr = command("--compare", *(["--save", old] if is_saved else []))
    in_training = text.strip().endswith("/20") or epochs < 20
    assert (status, stderr) == (130, stopped(epochs) if in_training else INTERRUPTED)


def test_before_the_first_epoch_there_is_no_report_and_no_new_file(command, monkeypatch, tmp_path):
    before("words  ", ctrl_c, monkeypatch)
    _, stdout, _ = command("--save", tmp_path / "model.pt")
    assert "positional embeddings" not in stdout
    assert os.listdir(tmp_path) == []


def test_ctrl_c_keeps_the_parameters_of_its_epoch(command, old, monkeypatch):
    before(" 7/20", ctrl_c, monkeypatch)
    command("--save", old)
    kept = torch.load(old, weights_only=True)["model_state_dict"]
    torch.testing.assert_close(kept, trained(7)[0].state_dict(), rtol=0, atol=0)


def report_of(stdout):
    """Return what is printed after the epochs; there must be something."""
    return stdout[stdout.index("\npositional embeddings") :]


def test_ctrl_c_while_training_gives_the_report_of_a_shorter_run(command, monkeypatch):
    _, seven_epochs, _ = command("--epochs", 7)
    before(" 7/20", ctrl_c, monkeypatch)
    _, interrupted, _ = command("--epochs", 20)
    assert report_of(interrupted) == report_of(seven_epochs)


def test_after_ctrl_c_nothing_is_compared(command, monkeypatch):
    before(" 7/20", ctrl_c, monkeypatch)
    _, stdout, _ = command("--compare")
    assert "\nnone  " not in stdout  # the first row


def test_ctrl_c_in_the_comparison_costs_no_report(command, monkeypatch):
    before("none  ", ctrl_c, monkeypatch)
    assert "\nwith the table " in command("--compare")[1]


def test_ctrl_c_while_the_report_is_computed_costs_no_checkpoint(command, old, monkeypatch):
    before(" 20/20", lambda: monkeypatch.setattr(lpe, "loss_floor", ctrl_c), monkeypatch)
    command("--save", old)
    assert saved_losses(old) == trained(20)[1]


SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"]


@POSIX
@pytest.mark.parametrize("name", SIGNALS, ids=SIGNALS)
def test_a_signal_from_outside_is_a_ctrl_c(script, old, request, name):
    number = signal.Signals[name]
    default = signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
    heard = signal.signal(number, default)  # if a shell had it ignored
    request.addfinalizer(lambda: signal.signal(number, heard))
    process = script("--epochs", 10**8, "--save", old)
    next(line for line in process.stdout if line.startswith("epoch"))  # it has begun to train
    process.send_signal(number)
    stdout, stderr = process.communicate()
    assert (process.returncode, stderr) == (130, stopped(len(saved_losses(old)), 10**8))
    assert "\nwith the table " in stdout
    assert saved_losses(old) != []


# ---- a reader of stdout who goes away, as head does


@contextlib.contextmanager
def piped_stdout():
    """Let stdout be a pipe; give a function that closes its other end."""
    reader, writer = os.pipe()
    with open(writer, "w") as stdout, contextlib.redirect_stdout(stdout):
        yield lambda: os.close(reader)


@POSIX
@MOMENTS
def test_a_reader_who_goes_away_costs_no_file(command, old, monkeypatch, text, epochs):
    with piped_stdout() as goes_away:
        before(text, goes_away, monkeypatch)
        stderr = command("--save", old, "--compare")[2]
    if text == " 7/20":
        epochs = 7
    assert_kept(old, epochs)
    assert stderr == ("" if epochs == 20 else stopped(epochs))


@POSIX
@MOMENTS
def test_a_reader_who_goes_away_is_not_complained_of(command, monkeypatch, text, epochs):
    with piped_stdout() as goes_away:
        before(text, goes_away, monkeypatch)
        assert command("--compare")[2] == ""


@POSIX
def test_a_reader_who_goes_away_costs_no_figure(command, figure, monkeypatch):
    with piped_stdout() as goes_away:
        before(" 7/20", goes_away, monkeypatch)
        command("--plot", figure)
    assert figure.read_bytes() == b"a figure"


@POSIX
def test_a_file_that_fails_is_told_though_nobody_reads_stdout(command, old, monkeypatch):
    with torch_fails(), piped_stdout() as goes_away:
        before(" 7/20", goes_away, monkeypatch)
        stderr = command("--save", old)[2]
    assert stderr == f"{ERROR}{old} was not written: no number\n{stopped(7)}"


# ---- what is kept for the figure


@pytest.fixture
def history(command, figure, monkeypatch):
    """Return a function that runs a command line and returns what the figure is given to draw."""

    def run(*options):
        draw_figure = Mock()
        monkeypatch.setattr(lpe, "draw_figure", draw_figure)
        command("--plot", figure, *options)
        words, y_true, model, history, shuffle = draw_figure.call_args.args
        assert (words, y_true.tolist(), shuffle) == (FOUR_WORDS, Y_TRUE.tolist(), False)
        assert isinstance(model, lpe.PositionalModel)
        return history

    return run


def test_of_a_short_run_every_epoch_is_drawn(history):
    assert [*history("--epochs", 5)] == [0, 1, 2, 3, 4, 5]


def test_what_is_drawn_of_an_epoch_is_from_before_its_step(history):
    losses = [evidence.loss for evidence in history("--epochs", 3).values()]
    assert losses[:3] == pytest.approx(trained(3)[1])


def test_of_a_long_run_a_few_hundred_epochs_are_drawn(history, monkeypatch):
    monkeypatch.setattr(lpe, "train_epoch", lambda *_, **__: 0.5)  # soon done
    epochs = [*history("--epochs", 5_000)]
    assert 100 < len(epochs) < 300


@pytest.fixture
def drawn(history, monkeypatch):
    """The epochs that are drawn of a run of a million, interrupted after 1,700."""
    monkeypatch.setattr(lpe, "train_epoch", lambda *_, **__: 0.5)  # soon done
    before("1700/1000000", ctrl_c, monkeypatch)
    return [*history("--epochs", 1_000_000)]


def test_of_an_interrupted_run_the_first_epochs_are_drawn(drawn):
    assert drawn[:10] == list(range(10))


def test_of_an_interrupted_run_the_last_epoch_is_drawn(drawn):
    assert drawn[-1] == 1700


def test_of_an_interrupted_run_the_epochs_drawn_leave_no_gap(drawn):
    pairs = pairwise(drawn[10:])
    widest = max(later / earlier for earlier, later in pairs)
    assert widest < 1.15, "a point is more than 15 % later than the one before"


def test_the_longest_run_has_its_first_epochs_drawn(history, monkeypatch):
    before(" 3/", ctrl_c, monkeypatch)
    assert [*history("--epochs", 2**63 - 1)] == [0, 1, 2, 3]
