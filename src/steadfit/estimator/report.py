"""What is told of a fit."""

from __future__ import annotations

from typing import Any

from steadfit.inference.ensemble import Ensemble

_BASELINES = ("majority", "none", "linear")


def report_of(ensemble: Ensemble, seconds: float) -> dict[str, Any]:
    """Return what an ensemble reached on texts held out, beside simpler models, as JSON values.

    Keys: `held_out` (network, blend, thresholds), `baselines` (majority and NBSVM on the same
    texts), `temperature` of the networks, `ece`, `ece_by_chance` (see
    `steadfit.report.reliability`), `duplicates` between the parts, `data`, `language_model`,
    `seconds`.
    """
    details = ensemble.details
    figures = dict(details.get("figures", {}))
    baselines = {name: figures.pop(name) for name in _BASELINES if name in figures}
    if "linear" in baselines:
        baselines["nbsvm"] = baselines.pop("linear")
    trust = figures.get("calibration", {})
    return {
        "held_out": figures,
        "baselines": baselines,
        "temperature": round(1 / ensemble.scale, 4),
        "ece": trust.get("ece"),
        "ece_by_chance": trust.get("ece_by_chance"),
        "duplicates": details.get("duplicates", {}),
        "data": details.get("data", {}),
        "language_model": details.get("language_model", {}),
        "seconds": round(seconds, 1),
    }
