"""The command line: what is refused and how, what a run needs, and what `main` leaves alone."""

import contextlib
import io
import os
import re
import runpy
import shutil
import signal
import subprocess
import sys

import pytest
import torch
from conftest import ERROR, ROOT, SCRIPT
from packaging.requirements import Requirement

import learnable_positional_embeddings as lpe

# What a notebook exports to the programs that it starts, whose matplotlib does not know it
NO_SUCH_BACKEND = "no_such_backend"
EXAMPLES = re.findall(rf"^ +python {SCRIPT.name}(.*)$", lpe.__doc__, re.MULTILINE)


@pytest.fixture(autouse=True)
def current_folder(tmp_path, monkeypatch):
    """Let every test run in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)


def name_of(value):
    """Return a test's id for a value, which may be empty or very long."""
    return value[:20] or "empty"


# ---- what is refused: status 2, nothing on stdout, one line on stderr (all checked by `refused`)


@pytest.mark.parametrize("value", ["", "0", "-1", "2.5", "nan", "many", "8" * 5000], ids=name_of)
def test_epochs_must_be_a_whole_number_from_1(refused, value):
    unread = ["--vectors", "no/such/file"]  # so that a fault here does not train for ever
    assert refused(2, "--epochs", value, *unread).startswith("argument --epochs: ")


@pytest.mark.parametrize("value", ["", "0", "-1", "nan", "inf", "1e39", "fast"], ids=name_of)
def test_lr_must_be_a_number_above_0_and_finite_in_float32(refused, value):
    assert refused(2, "--lr", value).startswith("argument --lr: ")


@pytest.mark.parametrize("value", ["", "0.5", "-1", "x", f"{2**63}"], ids=name_of)
def test_the_seed_must_be_a_whole_number_from_0_and_below_2_to_the_63rd(refused, value):
    assert refused(2, "--seed", value).startswith("argument --seed: ")


@pytest.mark.parametrize("values", ["1", "1 2 3", "1 2 3 4 5"], ids=str)
def test_there_must_be_a_target_for_each_word(refused, values):
    line = refused(2, "--targets", *values.split())
    assert line.startswith("argument --targets: 4 words need 4 finite targets, not [1.0")


@pytest.mark.parametrize("target", ["nan", "inf", "1e39", "a", ""], ids=name_of)
def test_a_target_must_be_a_number_that_is_finite_in_float32(refused, target):
    assert refused(2, "--targets", "0", "1", "2", target).startswith("argument --targets: ")


@pytest.mark.parametrize(
    "word", ["machine learning", "machine ", "a\tb", "a\nb", "a\u00a0b", " ", ""], ids=ascii
)
def test_a_word_with_a_blank_is_refused_with_what_to_type_instead(refused, word):
    line = refused(2, "--words", "good", word)
    assert line.startswith(f"argument --words: {word!r} ")
    assert line.endswith("type words apart, without quotes")


@pytest.mark.parametrize("name", ["", "a.jpg", "png", "a.png.gz", "a.png/"], ids=name_of)
def test_the_name_of_a_figure_must_end_in_png_svg_or_pdf(refused, name):
    line = refused(2, "--plot", name)
    assert line.startswith("argument --plot: ")
    assert ".png, .svg or .pdf" in line


def test_a_fixed_head_is_not_compared(refused):
    line = refused(2, "--compare", "--fixed-head")
    assert line == "argument --fixed-head: not allowed with argument --compare"


@pytest.mark.parametrize(
    "option",
    ["--words", "--targets", "--vectors", "--epochs", "--lr", "--seed", "--save", "--plot"],
    ids=str,
)
def test_an_option_without_its_value_is_refused(refused, option):
    assert refused(2, option).startswith(f"argument {option}: expected ")


@pytest.mark.parametrize("flag", ["--shuffle", "--fixed-head", "--compare"], ids=str)
def test_a_flag_with_a_value_is_refused(refused, flag):
    assert refused(2, f"{flag}=1").startswith(f"argument {flag}: ")


@pytest.mark.parametrize(
    "option", ["--words", "--targets", "--epochs", "--lr", "--seed", "--save"], ids=str
)
def test_an_option_with_equals_and_two_hyphens_is_refused(refused, option):
    assert refused(2, f"{option}=--").startswith(f"{option}=--: ")


@pytest.mark.parametrize("argument", ["--no-such-option", "stray"], ids=str)
def test_what_is_no_option_is_refused_by_name(refused, argument):
    assert refused(2, argument).endswith(f": {argument}")


@pytest.mark.parametrize(
    "dash",
    ["\u2013", "\u2014", "\u2212", "\u2013\u2013", "\u2013-"],
    ids=["en dash", "em dash", "minus sign", "two en dashes", "en dash and hyphen"],
)
@pytest.mark.parametrize("before", [[], ["--words", "machine"]], ids=["first", "after words"])
def test_a_long_dash_of_a_text_editor_is_answered_with_two_hyphens(refused, dash, before):
    line = refused(2, *before, f"{dash}epochs", 5)
    assert line.startswith(f"{dash}epochs")
    assert line.endswith(" --epochs")


def test_a_minus_sign_of_a_text_before_a_number_is_no_option(refused):
    line = refused(2, "--targets", "\u22121", 0, 1, 2)
    assert line == "argument --targets: invalid float value: '\u22121'"


def test_a_long_dash_alone_is_a_word(command):
    assert command("--words", "machine", "\u2013", "--vectors", "random")[0] == 0


@pytest.mark.parametrize(
    "line",
    ["--epochs 1", "--seed 0", f"--seed {2**63 - 1}", "--lr 1e-300", "--words machine"],
    ids=str,
)
def test_a_value_at_the_border_of_what_is_good_is_taken(command, line):
    status, _, stderr = command("--epochs", 1, *line.split())
    assert (status, stderr) == (0, "")


def test_negative_targets_are_no_options(command):
    assert "-2.500000" in command("--targets", -2.5, -1, -0.5, 0)[1]


# ---- matplotlib, where it is missing or broken


@pytest.fixture
def no_matplotlib(monkeypatch):
    """Let matplotlib be as if nothing had imported it yet, and not be there."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)


@pytest.fixture(params=["ImportError", "AttributeError", "OSError"], ids=str)
def broken_matplotlib(request, tmp_path, monkeypatch, no_matplotlib):
    """A matplotlib that complains on stderr, as an old one does of a new numpy, and then fails."""
    code = f"import sys; sys.stderr.write('A module\\n'); raise {request.param}('_ARRAY_API')"
    (tmp_path / "matplotlib.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "matplotlib")


def test_a_matplotlib_that_fails_is_found_before_training(command, broken_matplotlib):
    status, stdout, _ = command("--plot", "figure.png")
    assert (status, stdout) == (2, "")


def test_a_matplotlib_that_fails_leaves_the_last_line_to_ours(command, broken_matplotlib):
    line = command("--plot", "figure.png")[2].splitlines()[-1]
    assert line.startswith(f"{ERROR}argument --plot: needs matplotlib: ")
    assert f"type {sys.executable} -m pip install" in line


def test_a_missing_matplotlib_is_answered_with_pip(refused, no_matplotlib):
    line = refused(2, "--plot", "figure.png")
    assert line.startswith("argument --plot: needs matplotlib: ")
    assert f": type {sys.executable} -m pip install -U matplotlib, " in line
    assert line.endswith("uv run --with matplotlib")


@pytest.mark.parametrize("package", ["gensim", "matplotlib", "numpy"], ids=str)
def test_a_run_without_a_figure_needs_no_other_package_than_torch(command, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    main = runpy.run_path(str(SCRIPT))["main"]
    assert main(["--compare", "--epochs", "1", "--save", "model.pt"]) == 0


@pytest.mark.slow
def test_the_backend_of_a_notebook_does_not_hinder_a_figure(script, monkeypatch, tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib")
    monkeypatch.setenv("MPLBACKEND", NO_SUCH_BACKEND)
    status = script("--epochs", 1, "--plot", "figure.svg").wait()
    assert (status, os.listdir()) == (0, ["figure.svg"])


# ---- the help


def help_on(option, text):
    """Return what the help says of one option."""
    sections = re.split(r"\n  (?=--)", text)
    [section] = [each for each in sections if each.split()[0] == option]
    return section


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--words", "artificial"),
        ("--targets", "evenly, 0 to 1"),
        ("--vectors", "glove-wiki-gigaword-50"),
        ("--shuffle", "order"),
        ("--fixed-head", "trained"),
        ("--compare", "compare"),
        ("--epochs", "20"),
        ("--lr", "0.02"),
        ("--seed", "0"),
        ("--save", "torch.load"),
        ("--plot", ".png, .svg or .pdf"),
    ],
    ids=str,
)
def test_the_help_says_of_an_option_what_it_takes(command, option, said):
    _, stdout, _ = command("--help")
    assert said in help_on(option, stdout)


def test_the_help_shows_three_examples(command):
    assert len(EXAMPLES) == 3, "an example is a line of its own, indented, that begins with python"
    assert [example in command("--help")[1] for example in EXAMPLES] == [True, True, True]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.strip() or "no options")
def test_an_example_of_the_help_runs(command, example):
    if "--plot" in example:
        pytest.importorskip("matplotlib", reason="needs matplotlib")
    assert command(*example.split())[0] == 0


# ---- stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
def test_a_stdout_that_takes_nothing_is_an_error_of_one_line(command):
    with open("/dev/full", "w") as full, contextlib.redirect_stdout(full):
        status, _, stderr = command()
    assert status == 1
    assert re.fullmatch(f"{ERROR}cannot write .*\n", stderr)


def test_a_letter_that_stdout_cannot_encode_is_escaped(command):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    with contextlib.redirect_stdout(stdout):
        command("--words", "\u673a", "--vectors", "random")
    assert b"words     \\u673a\n" in stdout.buffer.getvalue()


def test_a_line_comes_out_as_soon_as_it_is_printed(command):
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(stdout):
        command("--epochs", 1)
    assert b"epoch 1/1 " in stdout.buffer.getvalue(), "nothing comes out before a flush"


def test_stdout_may_be_any_object_with_write():
    with contextlib.redirect_stdout(io.StringIO()) as stdout:  # as notebooks have one
        assert lpe.main(["--epochs", "1"]) == 0
    assert "epoch 1/1 " in stdout.getvalue()


# ---- `main` in a notebook


def test_an_argument_may_be_a_number(capsys):
    lpe.main(["--epochs", 3, "--lr", 0.5])
    assert "3 epochs, lr 0.5" in capsys.readouterr().out


def test_an_argument_may_be_a_path(tmp_path):
    assert lpe.main(["--epochs", 1, "--save", tmp_path / "model.pt"]) == 0
    assert torch.load("model.pt", weights_only=True)["options"]["epochs"] == 1


def test_main_alone_takes_the_arguments_of_the_program(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["a name", "--epochs", "3"])
    lpe.main()
    assert "epoch 3/3 " in capsys.readouterr().out


def test_a_notebook_with_another_default_dtype_can_run_it(command, request):
    request.addfinalizer(lambda: torch.set_default_dtype(torch.float32))
    torch.set_default_dtype(torch.float64)
    status, _, stderr = command("--shuffle", "--epochs", 1)
    assert (status, stderr) == (0, "")


@pytest.fixture
def world(request, monkeypatch):
    """Return a function that returns what others in this process share with the script."""
    monkeypatch.setenv("MPLBACKEND", NO_SUCH_BACKEND)
    signals = [signal.SIGINT, signal.SIGTERM]
    heard = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    request.addfinalizer(lambda: signal.signal(signal.SIGTERM, heard))
    return lambda: {
        "environment": dict(os.environ),
        "signals": [signal.getsignal(number) for number in signals],
        "dtype": torch.get_default_dtype(),
        "threads": torch.get_num_threads(),
        "gradients": torch.is_grad_enabled(),
        "files": os.listdir(),
    }


def test_the_script_imported_changes_nothing(world):
    before = world(), torch.get_rng_state().tolist()
    runpy.run_path(str(SCRIPT))
    assert (world(), torch.get_rng_state().tolist()) == before


def test_the_script_imported_prints_nothing(capfd):
    runpy.run_path(str(SCRIPT))
    assert capfd.readouterr() == ("", "")


def test_main_changes_nothing_but_the_random_numbers(command, world):
    before = world()
    status, _, _ = command("--shuffle", "--epochs", 1)
    assert status == 0
    assert world() == before


# ---- the project


def inline_metadata():
    """Return the script's metadata (PEP 723) as a dictionary."""
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
    block = re.search(r"(?m)^# /// script\n((?:#.*\n)+?)# ///$", SCRIPT.read_text("utf-8"))
    return tomllib.loads(re.sub(r"(?m)^# ?", "", block[1]))


def requirements():
    return (ROOT / "requirements.txt").read_text("utf-8").splitlines()


def test_inline_metadata_and_requirements_ask_for_the_same():
    assert inline_metadata()["dependencies"] == requirements()


@pytest.mark.parametrize(
    ("python", "other"), [("3.10", "gensim"), ("3.13", "gensim"), ("3.14", "numpy")], ids=str
)
def test_numpy_is_asked_for_where_gensim_cannot_bring_it(python, other):
    asked = [Requirement(line) for line in requirements()]
    needed = [
        each
        for each in asked
        if not each.marker or each.marker.evaluate({"python_version": python})
    ]
    assert [each.name for each in needed] == ["torch", other]


@pytest.mark.skipif(
    not (ROOT / ".git").exists() or not shutil.which("git"), reason="needs a checkout"
)
def test_the_top_level_is_four_entries():
    git = ["git", "-c", "safe.directory=*", "ls-files"]  # the checkout may be another user's
    files = subprocess.check_output(git, cwd=ROOT, text=True).splitlines()
    visible = {file.partition("/")[0] for file in files if file[0] != "."}
    assert visible == {SCRIPT.name, "requirements.txt", "README.md", "tests"}
