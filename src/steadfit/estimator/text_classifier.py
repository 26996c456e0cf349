"""The whole recipe as a classifier of scikit-learn's form."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sklearn.utils.validation import check_is_fitted

from steadfit.core.console import quiet
from steadfit.core.errors import DataError
from steadfit.estimator.classes import Classes
from steadfit.estimator.data import fit_data
from steadfit.estimator.kept import found_folder, kept_classes, kept_parameters, with_parameters
from steadfit.estimator.places import at_home
from steadfit.estimator.report import report_of
from steadfit.estimator.settings import recipe_of
from steadfit.estimator.trained import Trained
from steadfit.estimator.working import working
from steadfit.files.transfer import read_pretrained
from steadfit.inference.ensemble import Ensemble
from steadfit.inference.ensemble_folder import is_ensemble, load_ensemble
from steadfit.recipe.base import AUTO
from steadfit.recipe.budget import within_time
from steadfit.recipe.further import train_further
from steadfit.recipe.lines import EpochLines
from steadfit.recipe.train import train
from steadfit.recipe.work import Work


class TextClassifier(Trained):
    """Classifies texts: a language model is made at home in them, then taught the classes.

    `fit` runs the recipe of Howard & Ruder (2018) and what was added to it here: a pretrained
    language model where one fits, trained further on the texts and on unlabelled ones; a classifier
    from it, first its head and then all layers; a temperature and a mixture with NBSVM, fitted on
    texts held out. The parameters say what of it is done; None leaves a number to the recipe.

    Args:
        pretrained: "auto" for base-en where it is installed and knows the texts' words; a name, a
            model folder, or None to start from nothing.
        language_model: train it on the texts; without, the pretrained one is taken as it is.
        backwards: read texts from their end; "both" averages two networks.
        tokenizer: "words", or "subwords" for languages without spaces or with long words; a
            pretrained model of subwords brings its own.
        vocab_size: of what is counted, at most.
        schedule: "gradual" unfreezes layer by layer, "one-cycle" trains the head and then all.
        lr, lm_lr: largest rates of the classifier's head and of the language model; "find" runs a
            range test.
        epochs: of each phase of the classifier; the last has three times as many, and twice as many
            where documents are more than 5,000. None is by their number.
        lm_epochs: of the language model; None is 3, and 2 where documents are more than 5,000.
        batch_size: documents of a step, from 2 to an eighth of all or four; None is 16, and 32
            where documents are more than 5,000.
        drop_mult: scales the dropouts of the classifier.
        alpha, beta, beta_norm: coefficients of AR, TAR and the norm stabilizer, of both models.
        class_weight: "balanced", or a number for each class; one that is not named counts one.
        label_smoothing: how much of a target is spread over all classes.
        average_weights: end each phase of the classifier with the mean of its weights over the
            second half of its steps; not together with `early_stopping`.
        multi_label: whether a text may have several labels; "auto" sees it from the labels.
        text: the columns that hold the texts, where tables or records are given; several are joined
            as "xxfld 1 ... xxfld 2 ...".
        held_out: share of the texts that temperature, blend and thresholds are fitted on.
        refit: train again on all texts in the end, with what was fitted on those held out.
        early_stopping: end a phase after more than so many epochs without a smaller loss on the
            texts held out, with its best weights; True is one.
        calibrate: fit the temperature.
        blend: with NBSVM, "auto" unless texts held out speak against it, "always" or None. NBSVM
            knows neither weights nor several labels: "auto" leaves it out then.
        self_training: share of `unlabeled` that NBSVM learns from too, those of whose labels the
            networks and it are surest; 0 is none.
        metric: what thresholds are tuned for: "accuracy", "macro-f1", "balanced-accuracy" or
            "f1:<class>"; None takes the likeliest class.
        abstain_below: a text whose largest probability is less gets None.
        max_minutes: time that `fit` may take; epochs are cut so that it is kept.
        random_state: of everything that is drawn.
        checkpoint_dir: a folder of this fit alone; the same call goes on where it was stopped.
        sizes: of a network from nothing, as keys of its configuration (emb_sz, n_hid, n_layers).
        verbose: write lines about what is done.

    Attributes:
        classes_: (classes,), sorted, of the type in which labels were given.
        report_: what was reached on texts held out, and by what; plain JSON values.
        ensemble_: what predicts.
    """

    def __init__(
        self,
        *,
        pretrained: str | Path | None = AUTO,
        language_model: bool = True,
        backwards: bool | str = False,
        tokenizer: str = "words",
        vocab_size: int | None = None,
        schedule: str = "one-cycle",
        lr: float | str | None = None,
        lm_lr: float | str | None = None,
        epochs: int | None = None,
        lm_epochs: int | None = None,
        batch_size: int | None = None,
        drop_mult: float | None = None,
        alpha: float | None = None,
        beta: float | None = None,
        beta_norm: float | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        label_smoothing: float = 0.0,
        average_weights: bool = False,
        multi_label: bool | str = "auto",
        text: str | Sequence[str] | None = None,
        held_out: float = 0.1,
        refit: bool = False,
        early_stopping: bool | int = False,
        calibrate: bool = True,
        blend: str | None = "auto",
        self_training: float = 1.0,
        metric: str | None = None,
        abstain_below: float = 0.0,
        max_minutes: float | None = None,
        random_state: Any = 0,
        checkpoint_dir: str | Path | None = None,
        sizes: Mapping[str, Any] | None = None,
        verbose: bool = False,
    ) -> None:
        self.pretrained = pretrained
        self.language_model = language_model
        self.backwards = backwards
        self.tokenizer = tokenizer
        self.vocab_size = vocab_size
        self.schedule = schedule
        self.lr = lr
        self.lm_lr = lm_lr
        self.epochs = epochs
        self.lm_epochs = lm_epochs
        self.batch_size = batch_size
        self.drop_mult = drop_mult
        self.alpha = alpha
        self.beta = beta
        self.beta_norm = beta_norm
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.average_weights = average_weights
        self.multi_label = multi_label
        self.text = text
        self.held_out = held_out
        self.refit = refit
        self.early_stopping = early_stopping
        self.calibrate = calibrate
        self.blend = blend
        self.self_training = self_training
        self.metric = metric
        self.abstain_below = abstain_below
        self.max_minutes = max_minutes
        self.random_state = random_state
        self.checkpoint_dir = checkpoint_dir
        self.sizes = sizes
        self.verbose = verbose

    def fit(
        self,
        texts: Any,
        labels: Any,
        unlabeled: Any = None,
        valid: Any = None,
        groups: Any = None,
        sample_weight: Any = None,
    ) -> TextClassifier:
        """Train on texts and their labels.

        Args:
            texts: strings; or a table or records, of which `text` names the columns.
            labels: one a text; a list or set a text, or a table of zeros and ones, where a text
                may have several.
            unlabeled: more texts of the kind, for the language model. None of a test set; those
                that equal a text held out are left out.
            valid: a pair (texts, labels) that is held out instead of some of `texts`, and that
                nothing learns from but by `refit`.
            groups: one a text; what has the same is held out together, or not at all.
            sample_weight: how much each text counts in training; what weighs zero is left out.

        Raises:
            DataError: texts, labels or parameters that cannot be used, or too little time.
            TrainingError: a loss that is not finite, or a `checkpoint_dir` of another fit.
        """
        data = fit_data(
            texts, labels, unlabeled, valid, groups, sample_weight, self.text, self.multi_label
        )
        recipe = recipe_of(self.get_params(deep=False), data.classes)
        began = time.monotonic()
        weighed = data.weights is not None
        with self._working() as work, quiet(not self.verbose and self.max_minutes is None):
            planned = within_time(
                data.corpus, data.unlabeled, recipe, work, self.max_minutes, weighed
            )
            with quiet(not self.verbose):
                made = train(
                    data.corpus, planned.recipe, planned.work, data.unlabeled, data.weights
                )
        return self._take(made, data.classes, time.monotonic() - began)

    def continue_fit(
        self, texts: Any, labels: Any, sample_weight: Any = None, valid: Any = None
    ) -> TextClassifier:
        """Train the networks further on more texts, whose classes are known.

        All layers learn at once, at the rate of the last phase, from the weights as they are and
        from these texts alone: give some of the old ones too if they are not to be forgotten. Where
        30 of these texts can be held out, temperature, weight of the blend and thresholds are
        fitted on them; otherwise all are learned from, these stay, and `report_` has no figures.
        Words and the linear model stay as they are. `refit` is for `fit`.

        Args:
            texts, labels, sample_weight: as of `fit`.
            valid: a pair (texts, labels) that is held out instead of some of `texts`. Give one
                where old texts are among them: of what a model has learned before it is surer than
                it is right, and so would be what is fitted on it.

        Raises:
            NotFittedError: there is nothing to go on from.
            DataError: texts or labels that cannot be used, or a new class.
        """
        check_is_fitted(self)
        data = fit_data(texts, labels, None, valid, None, sample_weight, self.text, self._classes)
        recipe = recipe_of(self.get_params(deep=False), self._classes)
        began = time.monotonic()
        times = len(self.ensemble_.details.get("continued", []))
        with self._working("continued", str(times)) as work, quiet(not self.verbose):
            made = train_further(self.ensemble_, data.corpus, recipe, work, data.weights)
        return self._take(made, self._classes, time.monotonic() - began)

    @classmethod
    def from_pretrained(cls, source: str | Path, engine: str = "auto") -> TextClassifier:
        """Return what `save_pretrained` wrote, ready to predict.

        A classifier's model folder will do too. A language model's folder or name gives an
        estimator that starts from it and is still to be fitted.

        Args:
            source: a path, or the name of an installed model.
            engine: in which numbers a classifier reads: "auto" (bfloat16 where the processor is
                fast at it, else float32), "float32", "bf16" or "int8". A copy by pickle keeps it.

        Raises:
            FileFormatError: no such folder, or an incomplete, damaged or newer one.
            DataError: that engine cannot run here, or is given for a language model, which has
                nothing to read by it yet.
        """
        folder = found_folder(source)
        if not is_ensemble(folder):
            found = read_pretrained(folder).saved
            if found.kind != "classifier":
                if engine != "auto":
                    raise DataError(
                        f"engine={engine!r} was given, but {source} is a {found.kind}, which is "
                        "still to be trained to a classifier. Leave engine out."
                    )
                return cls(pretrained=source, backwards=found.backwards)
        ensemble = load_ensemble(folder, engine)
        made = cls(**kept_parameters(ensemble, set(cls().get_params())))
        return made._keep(ensemble, kept_classes(ensemble))

    def _take(self, made: Ensemble, classes: Classes, seconds: float) -> TextClassifier:
        report = report_of(made, seconds)
        made = replace(made, details={**made.details, "report": report})
        return self._keep(with_parameters(made, self.get_params(deep=False), classes), classes)

    def _working(self, *below: str) -> AbstractContextManager[Work]:
        place = self.checkpoint_dir
        folder = None if place is None else Path(at_home("checkpoint_dir", place), *below)
        # They are there whether they are heard or not: a fit with other callbacks is another fit.
        return working(folder, [EpochLines()])
