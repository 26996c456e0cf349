"""Named data sets, laid out as folders of text files."""

from __future__ import annotations

from steadfit.core.errors import DataError
from steadfit.text.archive_sets import get
from steadfit.text.imdb import IMDB
from steadfit.text.movie_reviews import movie_reviews
from steadfit.text.paths import DataPath
from steadfit.text.wikitext import WIKITEXT_103, WT103_BWD, WT103_FWD


class URLs:
    """The names that `untar_data` knows."""

    IMDB = "imdb"
    MOVIE_REVIEWS = "movie_reviews"
    WIKITEXT_103 = "wikitext-103"
    WT103_FWD = "wt103-fwd"
    WT103_BWD = "wt103-bwd"


_ARCHIVES = {data.name: data for data in (IMDB, WIKITEXT_103, WT103_FWD, WT103_BWD)}


def untar_data(url: str, force: bool = False) -> DataPath:
    """Return the folder of a named data set, laid out first where it is not there yet.

    Only this call ever opens a connection (a model that is asked for as "wt103-fwd" or "wt103-bwd"
    makes it), and only for a set that comes as an archive and is not there; what was fetched is
    kept under `archives` in the folder for cached files, and an archive put there by hand is used
    without a network.

    - `URLs.IMDB`: `train` and `test`, each with `neg` and `pos` (25,000 reviews each), and
      `unsup` (50,000). 84 MB to fetch.
    - `URLs.MOVIE_REVIEWS` comes from the installed package `movie-reviews`: `train` and `test`,
      each with `neg` and `pos`, share no film; `unsup` holds the reviews of films of the test
      set. One file a review, numbered as the rows of the package. No connection is opened.
    - `URLs.WIKITEXT_103`: `train`, `valid` and `test`, one file an article. 190 MB to fetch.
    - `URLs.WT103_FWD`, `URLs.WT103_BWD`: fast.ai's language models as they are, a `.pth` and a
      `.pkl` file. Both are pickles; they are stored, and not opened. 105 MB each to fetch.
      `steadfit.files.fastai_import` makes model folders of them.

    Args:
        url: one of the names in `URLs`.
        force: lay the set out again, from the same archive where there is one: its folders and
            files are replaced with all they hold; whatever else was put there stays.

    Raises:
        DataError: for an unknown name; an archive or package of other content; a folder that is
            no longer as it was laid out; and when no address gives the archive: the message says
            what happened and where to put an archive by hand.
        MissingExtraError: when the package movie-reviews is not installed.
    """
    if url == URLs.MOVIE_REVIEWS:
        return DataPath(movie_reviews(force))
    if isinstance(url, str) and url in _ARCHIVES:
        return DataPath(get(_ARCHIVES[url], force))
    names = ", ".join(f"URLs.{name}" for name in vars(URLs) if name.isupper())
    raise DataError(f"untar_data({url!r}): not a known data set; accepted are {names}")
