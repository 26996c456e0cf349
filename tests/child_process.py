"""What child processes of the tests run; spawned ones import it anew."""

from __future__ import annotations


def answers_of(folder: str, texts: list[str]) -> list[list[float]]:
    """Load a classifier and return its probabilities."""
    import torch

    from steadfit import Predictor

    torch.set_num_threads(1)
    found: list[list[float]] = Predictor.load(folder).probabilities(texts).tolist()
    return found
