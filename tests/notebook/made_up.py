"""Made-up texts, as files in folders and as columns of a frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

TEXT = "the film was good and the play was bad so we left it early"
WORDS = TEXT.split()


def sentence(number: int) -> str:
    return " ".join(WORDS[(number * step) % len(WORDS)] for step in range(3, 12))


FILES = {
    f"{part}/{label}/{number}.txt": sentence(7 * place + number)
    for place, (part, label) in enumerate(
        [("train", "neg"), ("train", "pos"), ("test", "neg"), ("test", "pos"), ("tmp", "neg")]
    )
    for number in range(4)
} | {f"unsup/{number}.txt": sentence(40 + number) for number in range(4)}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


class Frame:
    """What a data frame must be able to do."""

    def __init__(self, **columns: list[Any]) -> None:
        self.data = columns
        self.columns = list(columns)

    def __getitem__(self, name: str) -> Frame.Column:
        return Frame.Column(self.data[name])

    class Column(list[Any]):
        def to_list(self) -> list[Any]:
            return list(self)
