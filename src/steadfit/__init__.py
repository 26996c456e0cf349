"""Text classifiers by transfer learning from recurrent language models.

`from steadfit import *` brings the names below and nothing else. Each is imported when it is
first used, so that `import steadfit` is quick.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0.dev0"

_HOMES = {
    "core.errors": ["DataError", "DiskError", "FileFormatError", "SteadfitError", "TrainingError"],
    "text.corpus": ["Corpus"],
    "text.datasets": ["URLs", "untar_data"],
    "text.readers": [
        "read_corpus",
        "read_csv",
        "read_folder",
        "read_frame",
        "read_jsonl",
        "read_lines",
        "read_parquet",
        "read_texts",
        "read_tsv",
    ],
    "text.subwords": ["SubwordTokenizer"],
    "text.tokenizer": ["Tokenizer"],
    "text.vocab": ["Vocab"],
    "training.averaging": ["AverageWeights"],
    "training.callbacks": ["BestModel", "EarlyStopping"],
    "training.logs": ["CSVLog", "JSONLinesLog"],
    "training.events": ["Callback"],
    "training.metrics": ["accuracy", "perplexity"],
    "estimator.text_classifier": ["TextClassifier"],
    "inference.predictor": ["Predictor"],
    "inference.writer": ["Writer"],
    "notebook.text_list": ["TextList"],
    "notebook.data_bunch": ["DataBunch", "load_data"],
    "notebook.text_data_bunch": ["TextClasDataBunch", "TextLMDataBunch"],
    "notebook.layers": ["flatten_model"],
    "notebook.penalty_names": ["RNNTrainer", "RNNTrainerNorm"],
    "notebook.exported": ["load_learner"],
    "notebook.text_learners": [
        "AWD_LSTM",
        "awd_lstm_clas_config",
        "awd_lstm_lm_config",
        "language_model_learner",
        "text_classifier_learner",
    ],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'steadfit' has no attribute {name!r}")
    value = getattr(import_module(f"steadfit.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
