"""What train_and_evaluate exports, and when: at the end, at each evaluation, or whenever the model got better."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

_log = logging.getLogger("steadynorm")


class Exporter:
    """Exports the model as a SavedModel into a folder per exporter.

    Arguments:
        name: of the folder under `export` in model_dir.
        serving_input_receiver_fn: as of Estimator.export_saved_model.
        assets_extra, as_text: likewise.
    """

    def __init__(
        self,
        name: str,
        serving_input_receiver_fn: Callable[[], Any],
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
    ) -> None:
        self.name = name
        self._receiver_fn = serving_input_receiver_fn
        self._assets_extra = assets_extra
        self._as_text = as_text

    def export(
        self, estimator: Any, export_path: str, checkpoint_path: str, eval_result: Any, is_the_final_export: bool
    ) -> str | None:
        """Exports the checkpoint if it is this exporter's turn; the folder, or None."""
        raise NotImplementedError(f"{type(self).__qualname__} does not say when to export; define export")

    def _export(self, estimator: Any, export_path: str, checkpoint_path: str) -> str:
        folder = estimator.export_saved_model(
            export_path, self._receiver_fn, self._assets_extra, self._as_text, checkpoint_path
        )
        return str(folder)


class FinalExporter(Exporter):
    """Exports the model once, when training is at its end. Source: tf.estimator.FinalExporter."""

    def export(
        self, estimator: Any, export_path: str, checkpoint_path: str, eval_result: Any, is_the_final_export: bool
    ) -> str | None:
        """Exports at the end."""
        del eval_result
        return self._export(estimator, export_path, checkpoint_path) if is_the_final_export else None


class _Keeping(Exporter):
    """An exporter that removes its oldest exports."""

    _keep: int | None

    def _export_and_clean(self, estimator: Any, export_path: str, checkpoint_path: str) -> str:
        folder = self._export(estimator, export_path, checkpoint_path)
        if self._keep is not None:
            stamps = sorted((n.strip("/") for n in tf.io.gfile.listdir(export_path) if n.strip("/").isdigit()), key=int)
            for stamp in stamps[: -self._keep]:
                tf.io.gfile.rmtree(os.path.join(export_path, stamp))
        return folder


class LatestExporter(_Keeping):
    """Exports at every evaluation and keeps the last ones. Source: tf.estimator.LatestExporter.

    Arguments:
        name, serving_input_receiver_fn, assets_extra, as_text: as of Exporter.
        exports_to_keep: how many; None for all.

    Raises:
        ValueError: exports_to_keep is below 1.
    """

    def __init__(
        self,
        name: str,
        serving_input_receiver_fn: Callable[[], Any],
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        exports_to_keep: int | None = 5,
    ) -> None:
        super().__init__(name, serving_input_receiver_fn, assets_extra, as_text)
        self._keep = _checked(exports_to_keep)

    def export(
        self, estimator: Any, export_path: str, checkpoint_path: str, eval_result: Any, is_the_final_export: bool
    ) -> str | None:
        """Exports always."""
        del eval_result, is_the_final_export
        return self._export_and_clean(estimator, export_path, checkpoint_path)


class BestExporter(_Keeping):
    """Exports whenever an evaluation is better than all before it. Source: tf.estimator.BestExporter.

    Arguments:
        name: as of Exporter.
        serving_input_receiver_fn: as of Exporter.
        event_file_pattern: events of earlier evaluations under model_dir, such as `eval/*.tfevents.*`: after a restart
            the best of them must be beaten; None forgets them.
        compare_fn: (best_eval_result, current_eval_result) → whether the current one is better; a lower loss for None.
        assets_extra, as_text: as of Exporter.
        exports_to_keep: how many; None for all.

    Raises:
        ValueError: exports_to_keep is below 1.
    """

    def __init__(
        self,
        name: str = "best_exporter",
        serving_input_receiver_fn: Callable[[], Any] | None = None,
        event_file_pattern: str | None = None,
        compare_fn: Callable[..., bool] | None = None,
        assets_extra: Mapping[str, str] | None = None,
        as_text: bool = False,
        exports_to_keep: int | None = 5,
    ) -> None:
        if serving_input_receiver_fn is None:
            raise ValueError("BestExporter has no serving_input_receiver_fn; expected a function")
        super().__init__(name, serving_input_receiver_fn, assets_extra, as_text)
        self._keep = _checked(exports_to_keep)
        self._pattern = event_file_pattern
        self._better = compare_fn or _lower_loss
        self._best: Mapping[str, Any] | None = None

    def export(
        self, estimator: Any, export_path: str, checkpoint_path: str, eval_result: Any, is_the_final_export: bool
    ) -> str | None:
        """Exports if `eval_result` is the best so far."""
        del is_the_final_export
        if self._best is None and self._pattern is not None:
            self._best = self._earlier_best(
                os.path.join(estimator.model_dir, self._pattern), int(eval_result["global_step"])
            )
        if self._best is not None and not self._better(best_eval_result=self._best, current_eval_result=eval_result):
            return None
        self._best = eval_result
        return self._export_and_clean(estimator, export_path, checkpoint_path)

    def _earlier_best(self, pattern: str, before: int) -> Mapping[str, Any] | None:
        best: Mapping[str, Any] | None = None
        for path in sorted(tf.io.gfile.glob(pattern)):
            for event in tf.compat.v1.train.summary_iterator(path):
                result = {v.tag: v.simple_value for v in event.summary.value if v.HasField("simple_value")}
                if not result or event.step >= before:
                    continue
                if best is None or self._better(best_eval_result=best, current_eval_result=result):
                    best = result
        return best


def _lower_loss(best_eval_result: Mapping[str, Any], current_eval_result: Mapping[str, Any]) -> bool:
    return float(current_eval_result["loss"]) < float(best_eval_result["loss"])


def _checked(exports_to_keep: int | None) -> int | None:
    if exports_to_keep is not None and exports_to_keep < 1:
        raise ValueError(f"exports_to_keep is {exports_to_keep}; expected a number from 1 on, or None for all")
    return exports_to_keep
