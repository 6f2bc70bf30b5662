"""Where averaged or copied weights came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from steadynorm.evidence import WeightSource
from steadynorm.subject import Subject
from steadynorm.torch.copying import unwrap
from steadynorm.torch.layers import normalization_layers, stored


def weight_source(subject: Subject, layers: Mapping[str, nn.Module]) -> WeightSource | None:
    """What the subject says about the origin of its weights; `None` if nothing.

    Arguments:
        subject: its `source_model` is compared; an AveragedModel speaks for itself.
        layers: the model's normalization layers by name.
    """
    model, source = unwrap(subject.model), subject.source_model
    averaged = isinstance(model, AveragedModel)
    description = f"an average of {int(cast(Tensor, model.n_averaged))} models" if averaged else "copied from a model"
    if source is None:
        taken = isinstance(model, AveragedModel) and not model.use_buffers and bool(model.n_averaged)
        return WeightSource(description, None) if taken else None
    source, prefix = unwrap(source), ""
    if averaged and not isinstance(source, AveragedModel):
        model, prefix = cast(nn.Module, model.module), "module."
    theirs = dict(source.named_parameters())
    differ = any(
        name not in theirs or not torch.equal(parameter.detach().cpu(), theirs[name].detach().cpu())
        for name, parameter in model.named_parameters()
    )
    originals = {prefix + name: stored(layer) for name, layer in normalization_layers(source).items()}
    same = []
    for name, layer in layers.items():
        ours, original = stored(layer), originals.get(name)
        if ours is not None and original is not None and np.array_equal(ours, original):
            same.append(name)
    return WeightSource(description, differ, tuple(same))
