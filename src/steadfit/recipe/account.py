"""What is told of a training, as plain JSON values for a card and for people."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from steadfit.inference.blend import Blend
from steadfit.linear.probabilities import LEAST_PROBABILITY
from steadfit.text.corpus import VALID, Corpus


def described(corpus: Corpus) -> dict[str, Any]:
    """Return how many labelled documents there are, and a fingerprint of texts and labels."""
    assert corpus.labels is not None
    digest = blake2b(digest_size=16)
    for text, label in zip(corpus.texts, corpus.labels, strict=True):
        for part in (text, label):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little"))
            digest.update(data)
    return {
        "documents": len(corpus),
        "held_out": len(corpus.part(VALID)),
        "classes": dict(sorted(Counter(corpus.labels).items())),
        "fingerprint": digest.hexdigest(),
    }


def held_out_figures(
    network: NDArray[np.float64], codes: NDArray[np.int64], blend: Blend | None
) -> dict[str, Any]:
    """Return what network, linear model and blend reach on the documents held out.

    The temperature and the weight were fitted on the same documents, so log losses are a little
    better than on new ones.
    """
    right = network.argmax(axis=1) == codes
    losses = -np.log(np.maximum(network[np.arange(len(codes)), codes], LEAST_PROBABILITY))
    found: dict[str, Any] = {
        "documents": len(codes),
        "majority": round(float(np.bincount(codes).max() / len(codes)), 4),
        "network": {"accuracy": round(float(right.mean()), 4), "log_loss": _number(losses.mean())},
    }
    if blend is not None:
        for name in ("linear", "blend"):
            part = getattr(blend, name)
            found[name] = {"accuracy": round(part.accuracy, 4), "log_loss": _number(part.log_loss)}
        found["weight_of_the_network"] = _number(blend.weight)
    return found


def _number(value: float) -> float:
    return round(float(value), 4)
