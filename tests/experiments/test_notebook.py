"""The comparison of the notebook's stages is stabilizer minus none, review by review."""

from __future__ import annotations

from typing import Any

from experiments.notebook import ARMS, _stage


def _run(arm: str, right: str) -> dict[str, Any]:
    accuracy = right.count("1") / len(right)
    stage = {"accuracy": accuracy, "norm_drift": 1.0, "training_seconds": 1.0, "right": right}
    return {"arm": arm, "stages": {"head only": stage}}


def test_differences_are_of_the_stabilizer_against_what_it_is_compared_with() -> None:
    plain, stabilized = ARMS
    done = [_run(plain, "1100"), _run(stabilized, "1110"), _run(plain, "1111")]
    done.append(_run(stabilized, "0111"))
    found = _stage("head only", done, {"NBSVM": {"right": "0001"}})
    assert [one["difference"] for one in found["stabilizer_against_none"]] == [0.25, -0.25]
    assert [one["difference"] for one in found["stabilizer_against"]["NBSVM"]] == [0.5, 0.5]
    assert found["accuracy"][plain] == {"mean": 0.75, "sd": 0.3536, "n": 2}
