"""What to do about a mistake of a live model, in the words of its framework."""

from __future__ import annotations

from steadynorm.evidence import Evidence

_REMEDIES = {
    (
        "tensorflow",
        "SN101",
    ): "Make the train op with steadynorm.tensorflow.create_train_op or minimize, which run every "
    "update, or let it depend on tf.compat.v1.get_collection('update_ops'). Then re-estimate: steadynorm.recalibrate.",
    ("tensorflow", "SN102"): "Collect the update ops after the whole network is built, and let the train op depend on "
    "all of them: steadynorm.tensorflow.create_train_op does.",
    ("tensorflow", "SN103"): "Save all variables, not the trainable ones alone, and restore them before use: "
    "steadynorm.tensorflow.Saver adds the statistics; until then re-estimate them: 'steadynorm repair'.",
    ("tensorflow", "SN106"): "Build the layers so that they average their moments into variables and read these in "
    "inference, as steadynorm.tensorflow.batch_norm does; or use a normalization without batch moments.",
    ("tensorflow", "SN107"): "Run that pass with the mode of inference; then re-estimate the statistics: "
    "steadynorm.recalibrate.",
    (
        "tensorflow",
        "SN201",
    ): "Let a placeholder decide (is_training=mode, training=mode) and feed it False in inference, "
    "or build inference with False.",
    ("tensorflow", "SN202"): "Feed the mode True in every run of the train op, or build the training graph with "
    "is_training=True (training=True), and train again. New statistics alone may make this model worse: its weights "
    "were trained with these.",
    ("tensorflow", "SN204"): "Drop the last small batch, or use larger batches; feed the mode False in inference.",
}


def remedy(evidence: Evidence, code: str, otherwise: str) -> str:
    """The remedy of a check where the framework has one of its own.

    Arguments:
        evidence: of the model.
        code: of the check.
        otherwise: the remedy in the words of PyTorch.
    """
    return _REMEDIES.get((evidence.framework, code), otherwise)
