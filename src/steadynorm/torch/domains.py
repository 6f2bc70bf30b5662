"""Several sets of running statistics over one weight and bias, for data of several distributions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

_STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
_AVERAGES = ("renorm_mean", "renorm_stddev")


class WithDomains(_BatchNorm):
    """Batch normalization that keeps its running statistics once per domain.

    The chosen domain's are where torch.nn's are, so that whatever looks at a layer sees those that it uses. Those of
    domain k wait in buffers of the same names with _k at the end.
    """

    # Tensors, or None where the options do without.
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any
    renorm_mean: Any
    renorm_stddev: Any

    _domains: int = 1
    _domain: int = 0

    @property
    def domains(self) -> int:
        """How many sets of running statistics there are."""
        return self._domains

    @property
    def domain(self) -> int:
        """The domain whose statistics are used; 0 unless another is chosen."""
        return self._domain

    def _add_domains(self, domains: int) -> None:
        if isinstance(domains, bool) or not isinstance(domains, int) or domains < 1:
            raise ValueError(f"domain_statistics is {domains!r}; expected how many sets of statistics: 1 or more")
        if domains > 1 and self.running_mean is None:
            raise ValueError(
                "domain_statistics with track_running_stats=False: there are no statistics to keep several times; "
                "expected track_running_stats=True: set it, or drop the option"
            )
        self._domains = domains
        for index in range(domains) if domains > 1 else ():
            for name in (*_STATISTICS, *_AVERAGES):
                initial = getattr(self, name)
                value = None if index == 0 or initial is None else initial.clone()
                self.register_buffer(f"{name}_{index}", value, persistent=name in _STATISTICS)

    def _drop_domains(self) -> None:
        """Keep the statistics of the chosen domain only."""
        for index in range(self._domains) if self._domains > 1 else ():
            for name in (*_STATISTICS, *_AVERAGES):
                delattr(self, f"{name}_{index}")
        for name in ("_domains", "_domain"):
            vars(self).pop(name, None)

    def _check_domain(self, index: int) -> None:
        if not 0 <= index < self._domains:
            raise ValueError(
                f"domain {index} of a layer with domain_statistics={self._domains}; expected 0 to "
                f"{self._domains - 1}: choose one of these, or make the layer with more"
            )

    def _choose(self, index: int) -> int:
        """Choose a domain; return which was chosen before."""
        before = self._domain
        # torch.compile takes an index for any number; compared, it is this one.
        index = next(each for each in range(self._domains) if each == index)
        if index != before:
            for name in (*_STATISTICS, *_AVERAGES):
                setattr(self, f"{name}_{before}", getattr(self, name))
                setattr(self, name, getattr(self, f"{name}_{index}"))
                setattr(self, f"{name}_{index}", None)
            self._domain = index
        return before

    @contextmanager
    def _chosen(self, index: int) -> Iterator[None]:
        before = self._choose(index)
        try:
            yield
        finally:
            self._choose(before)

    def reset_running_stats(self) -> None:
        """Set all averages of all domains to what they are in a new layer."""
        for index in range(self._domains):
            with self._chosen(index):
                super().reset_running_stats()
                if self._buffers.get("renorm_mean") is not None:
                    self.renorm_mean.zero_()
                    self.renorm_stddev.fill_(1)

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        with self._chosen(0):
            super()._save_to_state_dict(destination, prefix, keep_vars)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        with self._chosen(0):
            if self._domains > 1 and not any(f"{prefix}{name}_1" in state_dict for name in _STATISTICS):
                self._fill(state_dict, prefix)
            super()._load_from_state_dict(state_dict, prefix, *rest)

    def _fill(self, state_dict: Any, prefix: str) -> None:
        """Give every domain the statistics of a layer that has one set; load_state_dict has copied the mapping."""
        for name in _STATISTICS:
            for index in range(1, self._domains):
                stored = state_dict.get(prefix + name)
                # Older than PyTorch 0.4.1, it has no number of batches.
                if stored is None and name == "num_batches_tracked":
                    stored = getattr(self, f"{name}_{index}")
                if stored is not None:
                    state_dict[f"{prefix}{name}_{index}"] = stored.detach().clone()

    def _averages(self) -> list[Tensor]:
        """Return what renorm measures against, domain after domain."""
        found = []
        for index in range(self._domains):
            with self._chosen(index):
                found += [self.renorm_mean, self.renorm_stddev]
        return found

    def _set_averages(self, stored: list[Tensor] | None) -> None:
        """Take them from a state_dict, the first pair where a domain has none; None derives them."""
        for index in range(self._domains):
            with self._chosen(index), torch.no_grad():
                if stored is None:
                    pair = [self.running_mean, torch.sqrt(self.running_var + self.eps)]
                else:
                    pair = stored[2 * index : 2 * index + 2] or stored[:2]
                self.renorm_mean, self.renorm_stddev = (each.detach().to(self.running_mean).clone() for each in pair)


@contextmanager
def domain(model: nn.Module, index: int) -> Iterator[None]:
    """Choose the domain of all layers of a model that have several, and put back what was chosen at the end.

    Everything that looks at the model inside sees the statistics of that domain: training, inference, `recalibrate`
    and `diagnose`. A state_dict is the same inside and outside. Activation checkpointing runs parts of the model
    again in the backward pass, which must be inside, too, where layers are frozen or in inference mode.

    Args:
        model: holds layers made with domain_statistics; may be one.
        index: from 0.

    Raises:
        ValueError: no layer of the model has several domains, or one has fewer; nothing was changed.
    """
    layers = [each for each in model.modules() if isinstance(each, WithDomains) and each.domains > 1]
    if not layers:
        raise ValueError(
            f"domain {index} of a model ({type(model).__name__}) without a layer of several domains; expected "
            "layers of steadynorm.torch: make them with domain_statistics=2 or more"
        )
    for layer in layers:
        layer._check_domain(index)
    before = [layer._choose(index) for layer in layers]
    try:
        yield
    finally:
        for layer, previous in zip(layers, before, strict=True):
            if isinstance(layer, WithDomains):  # unless it was reverted meanwhile
                layer._choose(previous)
