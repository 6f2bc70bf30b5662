"""Writes a model as a SavedModel into a folder of its own."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from steadynorm.tensorflow.estimator.export import ServingInputReceiver
from steadynorm.tensorflow.estimator.spec import EstimatorSpec
from steadynorm.tensorflow.watch import warn_unsafe_layers

_log = logging.getLogger("steadynorm")
_DEFAULT = tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY


def signatures(spec: EstimatorSpec, receiver: ServingInputReceiver) -> dict[str, Any]:
    """Signature name → SignatureDef of each export output that the receiver tensors can feed.

    Raises:
        ValueError: the default one cannot be.
    """
    result, refused = {}, {}
    for inputs_name, inputs in [(None, receiver.receiver_tensors), *receiver.receiver_tensors_alternatives.items()]:
        for name, output in (spec.export_outputs or {}).items():
            full = name if inputs_name is None else f"{inputs_name}:{name}"
            try:
                result[full] = output.signature(inputs)
            except ValueError as error:
                refused[full] = str(error)
    if _DEFAULT not in result:
        raise ValueError(f"no default signature ({_DEFAULT}) can be exported: {refused.get(_DEFAULT, 'there is none')}")
    for name, reason in refused.items():
        _log.warning("signature %s is not exported: %s", name, reason)
    return result


def write_saved_model(
    base: str,
    spec: EstimatorSpec,
    receiver: ServingInputReceiver,
    checkpoint: str,
    session_config: Any,
    assets_extra: Mapping[str, str] | None = None,
    as_text: bool = False,
    strip_default_attrs: bool = True,
) -> str:
    """Exports the default graph with the variables of `checkpoint`.

    The folder appears under its name when it is complete, so that a server that watches `base` never loads half a
    model.

    Arguments:
        base: the folder in which a folder named after the time is made.
        spec: what the model_fn returned.
        receiver: the model's inputs.
        checkpoint: the prefix of a checkpoint.
        session_config: a tf.compat.v1.ConfigProto.
        assets_extra: path under `assets.extra` → file to copy there.
        as_text: write the graph as text.
        strip_default_attrs: leave out attributes that have their default value, which older servers may not know.

    Returns:
        The folder.
    """
    definitions = signatures(spec, receiver)
    warn_unsafe_layers(exporting=True)
    scaffold = spec.scaffold or tf.compat.v1.train.Scaffold()
    local_init_op = scaffold.local_init_op or tf.compat.v1.train.Scaffold.default_local_init_op()
    saver = scaffold.saver or tf.compat.v1.train.Saver(sharded=True)
    final = _free_folder(base)
    temporary = os.path.join(base, f"temp-{os.path.basename(final)}")
    with tf.compat.v1.Session(config=session_config) as session:
        saver.restore(session, checkpoint)
        builder = tf.compat.v1.saved_model.Builder(temporary)
        builder.add_meta_graph_and_variables(
            session,
            tags=[tf.saved_model.SERVING],
            signature_def_map=definitions,
            assets_collection=tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.ASSET_FILEPATHS),
            main_op=local_init_op,
            saver=saver,
            strip_default_attrs=strip_default_attrs,
        )
        builder.save(as_text)
    for name, source in (assets_extra or {}).items():
        target = os.path.join(temporary, "assets.extra", name)
        tf.io.gfile.makedirs(os.path.dirname(target))
        tf.io.gfile.copy(source, target)
    tf.io.gfile.rename(temporary, final)
    _log.info("exported %s with the signatures %s", final, sorted(definitions))
    return final


def _free_folder(base: str) -> str:
    """A folder named after the time in seconds, and after a later one than any that exists: the newest is the last."""
    names = (
        [name.strip("/").removeprefix("temp-") for name in tf.io.gfile.listdir(base)]
        if tf.io.gfile.exists(base)
        else []
    )
    taken = [int(name) + 1 for name in names if name.isdigit()]
    return os.path.join(base, str(max([int(time.time()), *taken])))
