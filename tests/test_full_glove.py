"""The true 400,000 vectors, where gensim's data folder has them, against gensim's own reader."""

import os

import pytest
import torch
from conftest import FOUR_WORDS
from gensim.models import KeyedVectors

from learnable_positional_embeddings import load_word_embeddings

NAME = "glove-wiki-gigaword-50"
# As it is when pytest starts, for every test has a data folder of its own.
FOLDER = os.path.abspath(os.environ.get("GENSIM_DATA_DIR") or os.path.expanduser("~/gensim-data"))
PATH = os.path.join(FOLDER, NAME, f"{NAME}.gz")
REASON = f"no {PATH}: see tests/make_full_glove.py"
pytestmark = [pytest.mark.full_glove, pytest.mark.skipif(not os.path.exists(PATH), reason=REASON)]


@pytest.mark.parametrize("limit", [7_000, pytest.param(None, marks=pytest.mark.slow)])
def test_its_vectors_are_those_of_gensims_own_reader(limit, refused, monkeypatch):
    monkeypatch.setenv("GENSIM_DATA_DIR", FOLDER)
    peer = KeyedVectors.load_word2vec_format(PATH, limit=limit)
    assert len(peer) == (limit or 400_000)
    words = [*FOUR_WORDS, *peer.index_to_key[::800], peer.index_to_key[-1]]
    vectors = load_word_embeddings(words, NAME)
    assert torch.equal(vectors, torch.from_numpy(peer[words]))
    assert torch.equal(vectors[:4], load_word_embeddings(FOUR_WORDS))
    assert "for 'Machine', 'zzyzxx'" in refused(1, "--words", "the", "Machine", "zzyzxx")
