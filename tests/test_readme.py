"""The README's runs, typed again: the same words, and the same numbers to two digits."""

import re
import runpy

import pytest
from conftest import ROOT, SCRIPT

from learnable_positional_embeddings import main

README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"^```console\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
PYTHON = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
RUNS = [block for block in CONSOLE if block.startswith(f"$ python {SCRIPT.name}")]


def same(printed, shown):
    """Whether two lists of fields agree: words to the letter, numbers to 2 %."""
    if len(printed) != len(shown):
        return False
    for left, right in zip(printed, shown, strict=True):
        if left != right:
            try:
                if float(left) != pytest.approx(float(right), rel=0.02, abs=2e-6):
                    return False
            except ValueError:
                return False
    return True


def test_the_readme_shows_runs():
    assert RUNS


@pytest.mark.parametrize("block", RUNS, ids=lambda block: block.splitlines()[0])
def test_runs_print_what_the_readme_shows(command, block):
    line, output = block.split("\n", 1)
    status, stdout, stderr = command(*line.split()[3:])
    assert (status, stderr) == (0, "")
    printed = stdout.split()
    start = 0
    for part in re.split(r"^\.\.\.$", output, flags=re.MULTILINE):  # lines left out
        shown = part.split()
        places = range(start, len(printed))
        start = next((i for i in places if same(printed[i : i + len(shown)], shown)), None)
        assert start is not None, part
        start += len(shown)


@pytest.mark.parametrize("program", PYTHON)
def test_python_examples_run(program, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["--save", "model.pt"]) == 0  # which the README's reader has from the lines before
    capsys.readouterr()
    (tmp_path / "example.py").write_text(program, encoding="utf-8")
    runpy.run_path("example.py")
    assert capsys.readouterr().out


def test_every_option_is_in_the_readme(command):
    _, stdout, _ = command("--help")
    options = set(re.findall(r"^  (--\w+)", stdout, re.MULTILINE))
    readme = set(re.findall(r"^\| `(--\w+)", README, re.MULTILINE))
    assert options == readme
    assert len(options) >= 7
