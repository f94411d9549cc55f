"""Whatever bytes a file holds, its reader returns their vectors, or raises InputError."""

import gzip
import math
import re
import struct

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from learnable_positional_embeddings import InputError, load_word_embeddings

WANTED = ["a", "bé"]
FLOAT32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
TOKENS = st.text(st.characters(exclude_categories=["Cs", "Z", "C"]), min_size=1, max_size=5)
NUMBERS = FLOAT32.map(repr) | st.integers(-99, 99).map(str) | st.sampled_from(["1e5", "-.5", "3."])
SETTINGS = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def parse(data, words):
    """An independent parse with regular expressions: the vectors of the words, or None."""
    lines = [line for line in data.decode("latin-1").split("\n") if line.strip(" \t\r\x0b\x0c")]
    lines[0] = lines[0].removeprefix("\xef\xbb\xbf")
    header = re.fullmatch(r"(\d{1,18})[ \t\r\x0b\x0c]+(\d{1,18})[ \t\r\x0b\x0c]*", lines[0])
    if header and int(header[1]):
        lines.pop(0)
    vectors = {}
    for line in lines:
        token, *numbers = re.findall(r"[^ \t\r\x0b\x0c]+", line)
        try:
            vector = [float(number) for number in numbers]
        except ValueError:
            continue
        vectors.setdefault(token, vector)
    found = [vectors.get(word.encode().decode("latin-1")) for word in words]
    return None if None in found else found


def load(path, data, packed):
    """What the reader makes of the bytes: a list of vectors, or None for an InputError."""
    path = path.with_suffix(".gz" if packed else ".txt")
    path.write_bytes(gzip.compress(data, 1) if packed else data)
    try:
        return load_word_embeddings(WANTED, str(path)).tolist()
    except InputError:
        return None


def as_float32(vectors):
    return [[struct.unpack("f", struct.pack("f", x))[0] for x in vector] for vector in vectors]


@given(
    st.lists(st.tuples(TOKENS, st.lists(NUMBERS, min_size=3, max_size=3)), max_size=6),
    st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=2, max_size=2),
    st.randoms(use_true_random=False),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["\n", "\r\n", " \n", "\n\n"]),
)
@SETTINGS
def test_every_well_formed_file_is_read(tmp_path, others, vectors, chance, header, packed, end):
    rows = [*others, *zip(WANTED, vectors, strict=True)]
    chance.shuffle(rows)
    lines = [f"{len(rows)} 3"] * header + [f"{word} {' '.join(row)}" for word, row in rows]
    first = {word: row for word, row in reversed(rows)}  # of a repeated word the first row wins
    expected = as_float32([[float(x) for x in first[word]] for word in WANTED])
    assert load(tmp_path / "v", (end.join(lines) + end).encode(), packed) == expected


ANY_FIELD = st.one_of(
    st.sampled_from([*WANTED, "nan", "inf", "1e39", "-1e400", "1_0", "0x1", "", "\ufeff", "\0"]),
    NUMBERS,
    TOKENS,
)
ANY_TEXT = st.lists(
    st.lists(ANY_FIELD, max_size=5).map(" ".join) | st.sampled_from(["2 3", "9 2", "0 3", "5 0"]),
    max_size=7,
)


@given(ANY_TEXT.map(lambda lines: "\n".join(lines).encode()) | st.binary(), st.booleans())
@SETTINGS
def test_any_bytes_give_their_vectors_or_an_input_error(tmp_path, data, packed):
    vectors = load(tmp_path / "v", data, packed)
    if vectors is not None:
        assert vectors == as_float32(parse(data, WANTED))
        assert all(math.isfinite(x) for vector in vectors for x in vector)


GOOD = gzip.compress("a 1 2\nthe 3 4\nbé 5 6\n".encode())


@given(st.binary() | st.integers(0, len(GOOD) - 1).map(lambda end: GOOD[:end]))
@SETTINGS
def test_any_bytes_named_gz_give_their_vectors_or_an_input_error(tmp_path, data):
    (tmp_path / "v.gz").write_bytes(data)
    try:
        embeddings = load_word_embeddings(WANTED, str(tmp_path / "v.gz"))
    except InputError:
        return
    assert embeddings.tolist() == [[1, 2], [5, 6]]


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
@SETTINGS
def test_a_flipped_byte_in_an_archive_gives_vectors_or_an_input_error(tmp_path, place, change):
    data = bytearray(GOOD)
    data[place] ^= change
    (tmp_path / "v.gz").write_bytes(data)
    try:
        embeddings = load_word_embeddings(WANTED, str(tmp_path / "v.gz"))
    except InputError:
        return
    assert embeddings.dtype == torch.float32
    assert embeddings.shape[0] == 2


def test_the_independent_parse_is_one():
    assert parse("3 2\na 1 2\nb c 3 4\nbé 5 6\na 7 8".encode(), WANTED) == [[1, 2], [5, 6]]
    assert parse(b"a 1 2\n", WANTED) is None
    assert as_float32([[0.1]]) == [[pytest.approx(0.1, abs=1e-8)]]
    assert as_float32([[0.1]]) != [[0.1]]
