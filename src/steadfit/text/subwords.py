"""Subwords: a text to the ids of pieces of its words and back, in any language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from operator import eq

from steadfit.core.errors import DataError
from steadfit.text.piece_training import CHARACTERS, train_pieces
from steadfit.text.pieces import FIRST_BYTE, FIXED, LINE_FEED, SPACE, Pieces
from steadfit.text.rules import fix_text
from steadfit.text.segment import Segmenter
from steadfit.text.subword_rules import items_of, repeat_items, undo, without_repeats
from steadfit.text.tokenizer import SUBWORD_RULES, Tokenizer
from steadfit.text.vocab import BOS, MARKERS, Vocab
from steadfit.text.words import MEMO_SIZE

_LONG = 100  # characters; longer chunks are hardly ever seen twice


class SubwordTokenizer(Tokenizer):
    """Texts to the ids of pieces, by the unigram model of Kudo (2018); may be shared by threads.

    `decode(encode(text))` is `text` after `fix_html`, with one line feed for white space that holds
    any, one space for other white space, none at the ends, and `xxunk` for a word that equals a
    marker. Nothing else is lost: not the case of a letter, and no character of any language.

    Example:
        >>> texts = ["The film was good.", "A good film!", "Films are good for you."] * 9
        >>> tokenizer = SubwordTokenizer.train(texts, vocab_size=400)
        >>> tokenizer.decode(tokenizer.encode("GOOD   films \U0001f3a5!!!!"))
        'GOOD films 🎥!!!!'
    """

    rules = SUBWORD_RULES

    def __init__(self, vocab: Vocab) -> None:
        if not isinstance(vocab, Pieces):
            raise DataError(
                f"vocab is a {type(vocab).__name__}; Pieces are accepted. Use "
                "SubwordTokenizer.train(texts), or Tokenizer(vocab) for whole words."
            )
        self.vocab = vocab
        self._encode = self._pieces_of
        self._segment = Segmenter(vocab)
        self._memo = _Memo(self._segment)

    @classmethod
    def train(
        cls, texts: Iterable[str], vocab_size: int = 8000, characters: int = CHARACTERS
    ) -> SubwordTokenizer:
        """Return a tokenizer whose pieces were found in `texts`; see `train_pieces`."""
        return cls(train_pieces(texts, vocab_size, characters))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of `ids`, markers undone.

        Without `xxbos` in front it begins with the space that stood before its first word, so that
        it can be put behind another text.
        """
        return undo(self._items(ids))

    def _pieces_of(self, text: str) -> list[int]:
        result = [BOS]
        string = fix_text(text)
        for line in string.split("\n") if "\n" in string else (string,):
            chunks = line.split()
            if not chunks:
                continue
            if len(result) > 1:
                result.append(LINE_FEED)
            if len(self._memo) > MEMO_SIZE:
                # Not cleared but replaced: another thread may be in the middle of a text.
                self._memo = _Memo(self._segment)
            memo = self._memo
            if not any(map(eq, chunks, islice(chunks, 1, None))):
                result.extend(chain.from_iterable(map(memo.__getitem__, chunks)))
                continue
            for count, chunk in without_repeats(chunks):
                if count > 1:
                    result.extend(_ids(repeat_items(count), self._segment))
                result.extend(memo[chunk])
        return result

    def _items(self, ids: Iterable[int]) -> Iterator[str | int]:
        held = bytearray()
        for index in ids:
            token = self.vocab.textify([index])  # refuses what is no id
            if FIRST_BYTE <= index < len(FIXED):
                held.append(index - FIRST_BYTE)
                continue
            yield _characters(held)
            held.clear()
            if index < len(MARKERS):
                yield int(index)
            else:
                yield " " + token[1:] if token[0] == SPACE else token
        yield _characters(held)


class _Memo(dict[str, tuple[int, ...]]):
    """Chunks, which have no white space, and their ids."""

    def __init__(self, segment: Segmenter) -> None:
        super().__init__()
        self._segment = segment

    def __missing__(self, chunk: str) -> tuple[int, ...]:
        ids = tuple(_ids(items_of(chunk), self._segment))
        if len(chunk) <= _LONG:
            self[chunk] = ids
        return ids


def _ids(items: Iterable[str | int], segment: Segmenter) -> Iterator[int]:
    for item in items:
        if isinstance(item, int):
            yield item
        else:
            yield from segment(item)


def _characters(data: bytearray) -> str:
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # a model may write bytes that are no character
        return data.decode("utf-8", "replace")
