"""The public function `steadynorm.draw`."""

from __future__ import annotations

from collections.abc import Iterable
from os import PathLike, fspath
from typing import Any

from steadynorm.api import subject_of
from steadynorm.diagnosis import diagnose
from steadynorm.drawing.drawn import Drawn
from steadynorm.extras import require
from steadynorm.report.progress import Progress
from steadynorm.rooms import room
from steadynorm.scoring import Yardstick

BATCHES = 20


def draw(
    model: Any,
    train_data: Iterable[Any] | None = None,
    *,
    batches: int = BATCHES,
    device: str | None = None,
    progress: bool = True,
    **given: Any,
) -> Drawn:
    """Draws a model's network: its blocks, shapes, and its normalization layers by their health.

    A live model is diagnosed first, and then followed through one batch in inference mode, on a copy. Files are read;
    nothing in them runs.

    Arguments:
        model: the model, or a `Subject` that holds it with everything else; or the path of a TensorFlow graph, an ONNX
            model or an exported PyTorch program.
        train_data: batches that a live model was trained on; see `Subject`.
        batches: how many batches of the data are sampled to judge the layers by.
        device: where to run the copy; by default where the model is.
        progress: whether to show a progress bar on stderr once it takes more than two seconds.
        given: other fields of the subject, as `loss`, `forward` or `train_step`.

    Returns:
        a `Drawn`, whose `to_html()` and `to_svg()` are the drawing. The model, its gradients, hooks and modes and all
        random states are bit for bit as before.

    Raises:
        UnusableInputError: the model, the data or a function of the subject cannot be used; or the path is that of no
            model or several, which cannot be read, or has no graph that is drawn.
    """
    if isinstance(model, str | PathLike):
        return _draw_file(fspath(model))
    if train_data is not None:
        given["train_data"] = train_data
    subject = subject_of(model, given, "draw")
    live_room = room(subject.model, "live")
    with live_room.opened(subject, batches=batches, device=device) as live, Progress(progress) as stage:
        yardstick = Yardstick(subject.metric is not None, subject.higher_is_better)
        report = diagnose(live, yardstick, name=subject.name, stage=stage)
        return Drawn(live.network(), report)


def _draw_file(path: str) -> Drawn:
    require(("google",), path, "files")
    from steadynorm.drawing.reading import read

    return read(path)
