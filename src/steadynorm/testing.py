"""An assertion for tests: the model behaves the same in training and in inference."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from steadynorm.api import diagnose
from steadynorm.finding import Severity
from steadynorm.report.model import Report


def assert_steady(
    model: Any,
    data: Iterable[Any] | None = None,
    validation_data: Iterable[Any] | None = None,
    *,
    fail_on: Severity = Severity.WARNING,
    **options: Any,
) -> Report:
    """Fails a test with the whole report where a diagnosis finds something wrong with a model's normalization.

    Arguments:
        model: the model, or a `Subject` that holds it with everything else.
        data: batches that the model was trained on; see `Subject`.
        validation_data: batches that it was not trained on.
        fail_on: the least severity that fails.
        options: those of `steadynorm.diagnose`, such as `loss`, `metric` or `train_step`: what is not given is not
            assessed.

    Returns:
        the report. The model and all random states are bit for bit as before.

    Raises:
        AssertionError: something was found, or there was nothing to check, which is no good verdict either; the
            message is the report, complete at 80 columns.
        UnusableInputError: the model, the data or an option cannot be used.
    """
    __tracebackhide__ = True
    report = diagnose(model, data, validation_data, progress=False, **options)
    if report.exit_status(fail_on) != 0:
        raise AssertionError(f"{report.name} is not steady\n\n{report}")
    return report
