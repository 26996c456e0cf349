"""A figure's provenance is plain JSON and names what matters."""

from __future__ import annotations

import json
import platform

import torch

from steadfit.report.provenance import provenance


def test_it_is_plain_json_and_names_versions_and_hardware() -> None:
    found = json.loads(json.dumps(provenance()))
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["python"] == platform.python_version()
    assert found["hardware"]["torch_threads"] == torch.get_num_threads()
    assert found["hardware"]["cores"] >= 1
