"""torch.nn's batch normalization with the options that it lacks."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from steadynorm.norm.config import NormConfig
from steadynorm.norm.renorm import Renorm
from steadynorm.torch.averages import (
    Reference,
    as_read,
    bessel_corrected,
    is_usable,
    move,
    put,
    stddev_of,
    update_share,
)
from steadynorm.torch.batch_moments import (
    BatchMoments,
    batch_moments,
    is_best_by_kernel,
    plain_moments,
    statistics_type,
)
from steadynorm.torch.blocks import dense, grouped
from steadynorm.torch.domains import WithDomains
from steadynorm.torch.freezing import Freezable
from steadynorm.torch.gradient import Terms
from steadynorm.torch.normalization import normalize
from steadynorm.torch.recomputation import Pass, is_first, is_recomputed, is_repeatable, remember, repeated
from steadynorm.torch.synchronization import Synchronized, joint_moments
from steadynorm.torch.transforms import check_own_averages, composed, is_transformed
from steadynorm.torch.weighting import aligned_weights

_AVERAGES = "steadynorm.renorm"


class Layer(WithDomains, Freezable, Synchronized):
    """What the layers of every rank have in common."""

    _passes: deque[Pass] | None = None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.01,
        virtual_batch_size: int | None = None,
        debias: bool = False,
        skip_nonfinite: bool = False,
        domain_statistics: int = 1,
        synchronized: bool = False,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device=device, dtype=dtype)
        if not bias:
            self.register_parameter("bias", None)
        self._set_options(
            renorm=renorm,
            renorm_clipping=renorm_clipping,
            renorm_momentum=renorm_momentum,
            virtual_batch_size=virtual_batch_size,
            debias=debias,
            skip_nonfinite=skip_nonfinite,
            domain_statistics=domain_statistics,
            synchronized=synchronized,
            process_group=process_group,
        )

    def _set_options(
        self,
        *,
        renorm: bool = False,
        renorm_clipping: Mapping[str, float] | None = None,
        renorm_momentum: float = 0.01,
        virtual_batch_size: int | None = None,
        debias: bool = False,
        skip_nonfinite: bool = False,
        domain_statistics: int = 1,
        synchronized: bool = False,
        process_group: Any = None,
    ) -> None:
        self.renorm = Renorm.from_clipping(renorm_clipping, 1 - renorm_momentum) if renorm else None
        if renorm_clipping is not None and not renorm:
            raise ValueError(
                "renorm_clipping without renorm=True would do nothing; expected both: set renorm or drop it"
            )
        self.virtual_batch_size, self.debias, self.skip_nonfinite = virtual_batch_size, debias, skip_nonfinite
        self._set_synchronized(synchronized, process_group)
        _ = self.config  # refuses what does not go together
        self._add_buffers(domain_statistics)

    def _add_buffers(self, domains: int) -> None:
        for name, initial in (("renorm_mean", self.running_mean), ("renorm_stddev", self.running_var)):
            value = None if self.renorm is None else initial.clone()
            # Not persistent, so that the keys of a state_dict are those of torch.nn's layer.
            self.register_buffer(name, value, persistent=False)
        self._add_domains(domains)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_passes"}

    def _drop_options(self) -> None:
        """Leave nothing but what a layer of torch.nn has."""
        self._drop_domains()
        self._drop_synchronized()
        vars(self).pop("_passes", None)
        for name in ("renorm_mean", "renorm_stddev", "renorm", "virtual_batch_size", "debias", "skip_nonfinite"):
            delattr(self, name)

    @property
    def config(self) -> NormConfig:
        """The layer in the terms of `steadynorm.norm`."""
        basic = NormConfig.from_torch(
            eps=self.eps,
            momentum=self.momentum,
            affine=self.affine,
            bias=self.bias is not None,
            track_running_stats=self.running_mean is not None,
        )
        return replace(
            basic,
            frozen=self.is_frozen,
            renorm=self.renorm,
            virtual_batch_size=self.virtual_batch_size,
            virtual_batch_variance="pooled",
            weighted=True,
            debias="full" if self.debias else "none",
            synchronized=self.synchronized,
        )

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        if self.renorm is not None and hasattr(destination, "_metadata"):
            own = self._averages()
            destination._metadata[prefix[:-1]][_AVERAGES] = [each if keep_vars else each.detach() for each in own]

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)
        if self.renorm is not None and f"{prefix}running_mean" in state_dict:
            self._set_averages(local_metadata.get(_AVERAGES))

    def forward(self, input: Tensor, weight: Tensor | None = None, *, domain: int | None = None) -> Tensor:
        """Normalize by the batch in training, by the running statistics in inference.

        Args:
            input: (N, C, ...).
            weight: of each sample (N,), or of each position (N, ...) as a mask for padding: how much it counts in the
                moments of a training batch. Every value is normalized, whatever its weight, and must be finite: a NaN
                in the padding spreads through 0 · NaN.
            domain: whose statistics this call uses and moves; None for the domain that is chosen.

        Returns:
            The output, of the shape and type of the input.

        Raises:
            ValueError: the shape does not fit the layer or its options, there is one value per channel in training, or
                there is no such domain.
        """
        if domain is None:
            return self._forward(input, weight)
        self._check_domain(domain)
        before = self._choose(domain)
        try:
            return self._forward(input, weight)
        finally:
            self._choose(before)

    def _forward(self, input: Tensor, weight: Tensor | None) -> Tensor:
        self._check_input_dim(input)  # type: ignore[no-untyped-call]
        if self.is_frozen or (not self.training and self.running_mean is not None):
            return self._fixed(input)
        tracked = self.training and self.track_running_stats and self.running_mean is not None
        if tracked:
            check_own_averages(input, self.running_mean)
        processes = self._others()
        if processes is not None:
            return self._normalized(input, weight, 1, tracked, processes)
        if input.numel() == 0:
            return self._empty(input)
        groups = self._groups(input)
        if weight is None and groups == 1:
            if not self._has_own_arithmetic(tracked):
                return self._plain(input, tracked)
            if is_best_by_kernel(input[None]) and not is_transformed():
                return self._by_native_kernel(input)
        return self._normalized(input, weight, groups, tracked)

    def _groups(self, input: Tensor) -> int:
        samples, size = input.shape[0], self.virtual_batch_size if self.training else None
        if size is not None and samples % size:
            raise ValueError(
                f"virtual_batch_size {size} does not divide the batch of {samples}; expected a multiple: change one, "
                "or drop the last, smaller batch (DataLoader(drop_last=True))"
            )
        groups = 1 if size is None else samples // size
        if input.numel() == groups * input.shape[1]:
            raise self._one_value(input, "" if size is None else " and virtual batch")
        return groups

    def _one_value(self, input: Tensor, where: str) -> ValueError:
        return ValueError(
            f"{type(self).__name__} got one value per channel{where} in training, in an input of shape "
            f"{tuple(input.shape)}: it has no variance, and the output would be the bias whatever the input; "
            "expected more: larger batches, DataLoader(drop_last=True), or eval() for this layer"
        )

    def _has_own_arithmetic(self, tracked: bool) -> bool:
        if not tracked:
            return False
        return self.renorm is not None or self.momentum is None or self.debias or self.skip_nonfinite

    def _plain(self, input: Tensor, tracked: bool) -> Tensor:
        mean: Any = self.running_mean if tracked else None
        variance: Any = self.running_var if tracked else None
        first = is_first(mean) if tracked else None
        if tracked and (first is not None or is_recomputed()):
            mean, variance = mean.clone(), variance.clone()  # the kernel keeps for the gradient what it is given
        elif tracked:
            self.num_batches_tracked.add_(1)
        y = functional.batch_norm(input, mean, variance, self.weight, self.bias, True, self.momentum or 0.0, self.eps)
        if first is not None:
            self.num_batches_tracked.add_(first)
            put(self.running_mean, mean, first)
            put(self.running_var, variance, first)
        return y

    def _by_native_kernel(self, input: Tensor) -> Tensor:
        """Normalize by the kernel of `_plain`, and move the running statistics by moments of the batch."""
        kind, count = statistics_type(input), input.numel() // input.shape[1]
        gamma, beta = (None if each is None else each.to(kind) for each in (self.weight, self.bias))
        if self.renorm is not None:
            r, d = self._correction(input, may_be_repeated=is_repeatable())
            shift = d if gamma is None else gamma * d
            gamma, beta = r if gamma is None else gamma * r, shift if beta is None else beta + shift
            return functional.batch_norm(input, None, None, gamma, beta, True, 0.0, self.eps)
        mean, variance = torch.zeros(2, input.shape[1], dtype=kind, device=input.device).unbind()
        y = functional.batch_norm(input, mean, variance, gamma, beta, True, 1.0, self.eps)
        if not is_recomputed():
            self._update(BatchMoments(mean, variance * ((count - 1) / count), count))
        return y

    @torch.no_grad()
    def _correction(self, input: Tensor, *, may_be_repeated: bool) -> tuple[Any, ...]:
        """Return r and d of batch renormalization, and move the averages if this is the first pass."""
        moments = batch_moments(grouped(dense(input.detach()), 1), None)
        if is_recomputed():
            return repeated(self._passes, moments.mean)
        correction = self._update(moments.whole())
        if may_be_repeated:
            self._passes = remember(self._passes, Pass(moments.mean, correction))
        return correction

    def _empty(self, input: Tensor) -> Tensor:
        shape = (1, -1, *[1] * (input.dim() - 2))
        y = input.clone()
        for parameter, combine in ((self.weight, torch.mul), (self.bias, torch.add)):
            if parameter is not None:
                y = combine(y, parameter.view(shape).to(y.dtype))  # keeps both in the graph, with zero gradients
        return y

    def _normalized(
        self, input: Tensor, weight: Tensor | None, groups: int, tracked: bool, processes: Any = None
    ) -> Tensor:
        kind = statistics_type(input)
        r = d = weights = None
        may_be_repeated = is_repeatable()
        transformed = processes is None and is_transformed()
        with torch.no_grad():
            x = grouped(dense(input.detach()), groups)
            if weight is not None:
                weights = grouped(aligned_weights(weight, input, kind), groups)
            moments = plain_moments(x, weights) if transformed else batch_moments(x, weights)
            if processes is not None:
                moments = joint_moments(moments, processes)
                self._check_joint(moments, input, weight)
            mean, inverse, per_weight = self._used(moments, weighted=weight is not None)
            if self._depends_on_averages(tracked, weighted=weight is not None) and is_recomputed():
                mean, inverse, r, d = repeated(self._passes, moments.mean)
            elif tracked and not is_recomputed():
                r, d = self._update(moments.whole())
                if may_be_repeated and self._depends_on_averages(tracked, weighted=weight is not None):
                    self._passes = remember(self._passes, Pass(moments.mean, (mean, inverse, r, d)))
        terms = Terms(mean, inverse, per_weight, r, d, weights, self.eps, processes)
        gamma = torch.ones_like(mean[0]) if self.weight is None else self.weight.to(kind)
        beta = torch.zeros_like(mean[0]) if self.bias is None else self.bias.to(kind)
        return (composed if transformed else normalize)(dense(input), gamma, beta, terms)

    def _check_joint(self, moments: BatchMoments, input: Tensor, weight: Tensor | None) -> None:
        """Refuse one value per channel in all processes together, on the CPU only, where looking costs no wait."""
        visible = weight is None and input.device.type == "cpu" and not torch.compiler.is_compiling()
        if visible and moments.weight == 1:
            raise self._one_value(input, " in all processes together")

    def _depends_on_averages(self, tracked: bool, *, weighted: bool) -> bool:
        return tracked and (self.renorm is not None or weighted)

    def _used(self, moments: BatchMoments, *, weighted: bool) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean and 1 / √(variance + epsilon) that each group is normalized by, and 1 / its weight."""
        if not isinstance(moments.weight, Tensor):
            per_weight = moments.mean.new_full((moments.mean.shape[0], 1), 1 / moments.weight)
            return moments.mean, torch.rsqrt(moments.variance + self.eps), per_weight
        per_weight, seen = moments.weight.reciprocal(), moments.weight > 0
        if self.running_mean is None or not weighted:  # without weights, what is not seen has no output either
            stored = (torch.zeros_like(per_weight), torch.ones_like(per_weight))
        else:
            stored = (as_read(self.running_mean), as_read(self.running_var))
        pairs = zip(moments[:2], stored, strict=True)
        mean, variance = (torch.where(seen, own, other.to(own)) for own, other in pairs)
        return mean, torch.rsqrt(variance + self.eps), torch.where(seen, per_weight, 0.0)

    def _update(self, whole: BatchMoments) -> tuple[Tensor | None, Tensor | None]:
        """Move the running statistics, and return r and d of batch renormalization."""
        where = is_usable(whole, skip_nonfinite=self.skip_nonfinite)
        self.num_batches_tracked.add_(1 if where is None else where)
        share = update_share(self.momentum, self.debias, self.num_batches_tracked, whole.mean.dtype)
        stored = bessel_corrected(whole)
        move(self.running_mean, whole.mean, share, where)
        if self.renorm is None:
            move(self.running_var, stored, share, where)
            return None, None
        # Ioffe (2017) averages the standard deviation; the variance for inference is what follows from that.
        stddev = stddev_of(self.running_var.to(stored.dtype), self.eps).lerp_(stddev_of(stored, self.eps), share)
        put(self.running_var, stddev.square_().sub_(self.eps).clamp_min_(0.0), where)
        reference = Reference(self.renorm_mean, self.renorm_stddev, self.eps, self.renorm)
        return reference.correction(whole, where)


class BatchNorm1d(Layer, nn.BatchNorm1d):
    """Batch normalization of (N, C) or (N, C, L) with the options that torch.nn lacks.

    Drop-in for torch.nn.BatchNorm1d: the same arguments, parameters and state_dict keys, and by default the same
    kernel. The options may be combined. Forward and backward run on the native kernels or in blocks that stay in the
    processor's cache; the statistics are float32 (float64 for float64), and nothing of the size of the input is kept
    for the gradient but the input. Second derivatives are supported, and so are torch.func, forward-mode derivatives
    and torch.export, whose programs may be trained on; these take several results of the size of the input.

    Args:
        num_features: channels C.
        eps: added to the variance.
        momentum: share of the new batch in the running statistics; None averages all batches equally.
        affine: whether there are a weight and a bias.
        track_running_stats: False uses the batch in inference, too.
        bias: False leaves only the weight.
        renorm: whether training batches are corrected towards averages of their moments (Ioffe, 2017).
        renorm_clipping: any of rmin, rmax and dmax, which bound the correction.
        renorm_momentum: share of the new batch in the averages that renorm measures against. These averages are in
            `buffers()` and travel in the metadata of a state_dict; where that is lost, as in a safetensors file, they
            start again from the running statistics.
        virtual_batch_size: samples that are normalized together (Hoffer et al., 2017), neighbours in the batch; it
            must divide the batch. The running variance is that of the whole batch.
        debias: whether the initial values have no share in the running statistics, which then start from the first
            batch (as the moments of Kingma & Ba, 2015).
        skip_nonfinite: whether a batch whose moments are infinite or nan leaves the statistics as they were. Without
            it they become nan, as in torch.nn.
        domain_statistics: how many sets of running statistics the layer keeps over its one weight and bias, for
            batches of different distributions (real and generated, or several domains). `forward(x, domain=1)` or
            `with domain(model, 1)` chooses. The state_dict has those of domain 0 under torch.nn's keys, those of
            domain k under the same with _k at the end; one of torch.nn's layer goes into all domains.
        synchronized: whether the batches of several processes of torch.distributed are one batch in training, as in
            torch.nn.SyncBatchNorm. Each counts by its values or weights, so that the last batches may be uneven and
            one may be empty; output, running statistics and the gradient of the input are those of one process with
            the whole batch, and the gradients of weight and bias are each process's share of their sum. All processes
            must call the layer equally often, and equally often backwards: each call waits for the others once. In
            inference, and where no process group has been started, the layer is by itself.
        process_group: of torch.distributed, whose processes these are; None for all. Copies share it; a layer that has
            one cannot be pickled.
        device: of parameters and buffers.
        dtype: of parameters and buffers.

    Raises:
        ValueError: an option is invalid or does not go with another.

    Without `weight` in the call all values count equally. An empty batch gives an empty output and moves nothing; a
    batch (or virtual batch) without any weight is normalized by the running statistics and moves nothing.
    torch.nn.SyncBatchNorm.convert_sync_batchnorm makes plain layers of these, without their options; synchronized=True
    does the same with them, on the CPU, too.

    Where activation checkpointing runs the forward pass again in the backward pass, the statistics do not move again,
    and the output is that of the first time. Every forward pass inside a backward pass is taken for one that is run
    again. This holds for a checkpoint inside of what torch.compile compiles and around it, but for a layer with renorm
    or weights, which then ends with an error that says what to do.
    """


class BatchNorm2d(Layer, nn.BatchNorm2d):
    """Batch normalization of (N, C, H, W); otherwise as `BatchNorm1d`. Drop-in for torch.nn.BatchNorm2d."""


class BatchNorm3d(Layer, nn.BatchNorm3d):
    """Batch normalization of (N, C, D, H, W); otherwise as `BatchNorm1d`. Drop-in for torch.nn.BatchNorm3d."""


class SyncBatchNorm(Layer):
    """Batch normalization of (N, C, ...) with any number of axes, synchronized; otherwise as `BatchNorm1d`.

    Drop-in for torch.nn.SyncBatchNorm, on the CPU, too.

    Args:
        num_features: channels C.
        eps: as of `BatchNorm1d`, and so are the next three.
        momentum: see there.
        affine: see there.
        track_running_stats: see there.
        process_group: the processes whose batches are one; None for all.
        device: of parameters and buffers.
        dtype: of parameters and buffers.
        synchronized: whether they are one.
        options: as of `BatchNorm1d`.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        synchronized: bool = True,
        **options: Any,
    ) -> None:
        options = {"synchronized": synchronized, "process_group": process_group, **options}
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device=device, dtype=dtype, **options
        )

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(
                f"SyncBatchNorm got an input of shape {tuple(input.shape)}; expected samples and channels, (N, C, ...)"
            )
