"""The tokenizer: a text to ids and back, with its rules named in its file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from steadfit.core.atomic import write_text
from steadfit.core.errors import DataError, FileFormatError
from steadfit.core.json_files import read_json
from steadfit.text.blocks import parts_of
from steadfit.text.pieces import Pieces, vocab_from_dict
from steadfit.text.vocab import Vocab
from steadfit.text.words import WordEncoder

FORMAT = "steadfit-tokenizer"
FORMAT_VERSION = 1
RULES, SUBWORD_RULES = "fastai-1", "steadfit-subwords-1"
WORDS, SUBWORDS = "words", "subwords"


class Tokenizer:
    """Texts to token ids by the rules of fastai 1 and a vocabulary; may be shared by threads.

    Example:
        >>> tokenizer = Tokenizer(Vocab.from_counts(["good", "film"], [9, 9]))
        >>> tokenizer.decode(tokenizer.encode("Good film!"))
        'xxbos xxmaj good film xxunk'
    """

    rules = RULES

    def __init__(self, vocab: Vocab) -> None:
        if not isinstance(vocab, Vocab):
            raise DataError(f"vocab is a {type(vocab).__name__}; a Vocab is accepted.")
        if isinstance(vocab, Pieces):
            raise DataError("vocab is of subwords; use Tokenizer.of(vocab) or SubwordTokenizer.")
        self.vocab = vocab
        self._encode: Callable[[str], list[int]] = WordEncoder(vocab.id)

    @staticmethod
    def of(vocab: Vocab) -> Tokenizer:
        """Return the tokenizer that a vocabulary is for: of words, or of subwords."""
        if not isinstance(vocab, Pieces):
            return Tokenizer(vocab)
        from steadfit.text.subwords import SubwordTokenizer  # it is a Tokenizer

        return SubwordTokenizer(vocab)

    def encode(self, text: str) -> list[int]:
        """Return the ids of the tokens of `text`, that of `xxbos` first.

        The words `xxfld` are markers where `text` is a `steadfit.text.fields.FieldText`.

        Raises:
            DataError: `text` is not a string.
        """
        if not isinstance(text, str):
            raise DataError(
                f"A text must be a string, not {type(text).__name__}; "
                "decode bytes and replace missing values first."
            )
        return self._encode(text)

    def encode_blocks(self, blocks: Iterable[str]) -> Iterator[list[int]]:
        """Yield the ids of one text that comes in blocks; together they are those of `encode`.

        No more than a block or two is held at a time, so the text may be larger than memory.
        """
        for number, part in enumerate(parts_of(blocks)):
            ids = self._encode(part)
            yield ids[1:] if number else ids  # xxbos stands at the start of the text alone

    def decode(self, ids: Iterable[int]) -> str:
        """Return the tokens of `ids`, a space between them."""
        return self.vocab.textify(ids)

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads: format, version, rules, tokens, scores of subwords."""
        content = self.vocab.to_dict()
        return {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "rules": self.rules,
            "tokens": content.pop("itos"),
            **content,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Tokenizer:
        """Return the tokenizer that `to_dict` described.

        Raises:
            FileFormatError: `content` is of another format, of a newer version, names other rules
                or holds no vocabulary.
        """
        return cls._from_content(content, "This dictionary")

    def save(self, path: str | Path) -> None:
        """Write the tokenizer as one JSON file, whole or not at all."""
        # ASCII only: a token may hold half of a surrogate pair, which UTF-8 cannot write.
        write_text(path, json.dumps(self.to_dict(), indent=0) + "\n")

    @classmethod
    def load(cls, path: str | Path) -> Tokenizer:
        """Read a file that `save` wrote.

        Raises:
            FileFormatError: the file is missing, not JSON, or not a tokenizer this version reads.
        """
        content = read_json(path, "Give the path of a tokenizer.json.")
        return cls._from_content(content, str(path))

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of rules and vocabulary, as 64 hexadecimal digits."""
        return hashlib.sha256(f"{self.rules}\n{self.vocab.fingerprint}".encode()).hexdigest()

    @classmethod
    def _from_content(cls, content: object, source: str) -> Tokenizer:
        if not isinstance(content, Mapping) or content.get("format") != FORMAT:
            raise FileFormatError(
                f"{source} is not a tokenizer of Steadfit: its 'format' must be {FORMAT!r}."
            )
        version = content.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise FileFormatError(f"{source} has version {version!r}; expected a whole number.")
        if version > FORMAT_VERSION:
            raise FileFormatError(
                f"{source} has version {version}, newer than {FORMAT_VERSION}, the newest that "
                "this Steadfit reads; install a newer one."
            )
        scores = {SUBWORD_RULES: content.get("scores") or (), RULES: None}
        if (rules := content.get("rules")) not in (RULES, SUBWORD_RULES):
            raise FileFormatError(
                f"{source} names the rules {rules!r}; this version knows {RULES!r} for words and "
                f"{SUBWORD_RULES!r} for subwords."
            )
        tokens = content.get("tokens")
        if not isinstance(tokens, list):
            raise FileFormatError(f"{source} has no list 'tokens'.")
        try:
            found = Tokenizer.of(vocab_from_dict({"itos": tokens, "scores": scores[rules]}))
        except DataError as error:
            raise FileFormatError(f"{source} holds no vocabulary. {error}") from error
        if not isinstance(found, cls):
            kind = type(found).__name__
            raise FileFormatError(f"{source} holds a {kind}; read it with {kind}.load.")
        return found

    def __eq__(self, other: object) -> bool:
        return self.vocab == other.vocab if isinstance(other, Tokenizer) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.vocab)

    def __reduce__(self) -> tuple[type[Tokenizer], tuple[Vocab]]:
        # Copies in memory (deepcopy, joblib) share no lock and start with an empty memo.
        return type(self), (self.vocab,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.vocab!r}, rules={self.rules!r})"


def tokenizer_kind(name: str | None, vocab: Vocab | None = None) -> str:
    """Return WORDS or SUBWORDS: what is named, or what a vocabulary is of, or WORDS.

    Raises:
        DataError: the name is none of the two, or not what the vocabulary is of.
    """
    if name not in (None, WORDS, SUBWORDS):
        raise DataError(f"tokenizer={name!r}: accepted are {WORDS!r} and {SUBWORDS!r}.")
    given = None if vocab is None else SUBWORDS if isinstance(vocab, Pieces) else WORDS
    if name and given and name != given:
        raise DataError(
            f"tokenizer={name!r}, but the vocabulary that was given is of {given}; leave one of "
            "the two out."
        )
    return name or given or WORDS
