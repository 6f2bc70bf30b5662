"""Where averaged or copied weights came from."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from steadynorm.evidence import WeightSource
from steadynorm.subject import Subject
from steadynorm.torch.copying import unwrap
from steadynorm.torch.layers import has_statistics, normalization_layers


def weight_source(subject: Subject, layers: Mapping[str, nn.Module]) -> WeightSource | None:
    """What the subject says about the origin of its weights; `None` if nothing.

    Arguments:
        subject: its `source_model` is compared; an AveragedModel speaks for itself.
        layers: the model's normalization layers by name.
    """
    model = unwrap(subject.model)
    averaged = isinstance(model, AveragedModel)
    description = f"an average of {int(model.n_averaged)} models" if averaged else "copied from another model"
    if subject.source_model is None:
        taken = averaged and not model.use_buffers and int(model.n_averaged) > 0
        return WeightSource(description, None) if taken else None
    source = unwrap(subject.source_model)
    if averaged and not isinstance(source, AveragedModel):
        prefix, model = "module.", model.module
    else:
        prefix = ""
    theirs = dict(source.named_parameters())
    differ = any(
        name not in theirs or not torch.equal(parameter.detach().cpu(), theirs[name].detach().cpu())
        for name, parameter in model.named_parameters()
    )
    originals = normalization_layers(source)
    same = tuple(
        name
        for name, layer in layers.items()
        if (original := originals.get(name.removeprefix(prefix))) is not None
        and has_statistics(layer)
        and has_statistics(original)
        and torch.equal(layer.running_mean.cpu(), original.running_mean.cpu())  # type: ignore[operator,union-attr]
        and torch.equal(layer.running_var.cpu(), original.running_var.cpu())  # type: ignore[operator,union-attr]
    )
    return WeightSource(description, differ, same)
