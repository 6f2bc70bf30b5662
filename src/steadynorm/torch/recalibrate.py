"""What recalibration needs of PyTorch: a model run batch by batch, its layers tapped, everything else kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from steadynorm.batches import as_read, inputs_and_target
from steadynorm.errors import NoNormalizationLayersError, UnusableInputError
from steadynorm.evidence import Mode, SampledMoments
from steadynorm.joining import TRIED_SAMPLES, JoinedBatches, Joining
from steadynorm.norm.moments import Moments
from steadynorm.recalibration import READ_ONCE, Taken
from steadynorm.torch.batches import call, check_finite, mixed, sample_count, tensors_of, to_device
from steadynorm.torch.copying import Copier, unwrap
from steadynorm.torch.domains import WithDomains
from steadynorm.torch.layers import has_statistics, is_frozen, normalization_layers, unregistered_layers
from steadynorm.torch.pooling import Pool, Row
from steadynorm.torch.ranks import Ranks, check_runs_alone
from steadynorm.torch.state import hooks, layers_kept, random_states_kept
from steadynorm.torch.taps import Tap

COLLECT_EVERY = 32
"""Calls of a layer after which moments are fetched from the device at the latest."""


@contextmanager
def opened(
    model: nn.Module,
    data: Iterable[Any],
    *,
    include_frozen: bool,
    forward: Callable[[Any, Any], Any] | None,
    device: str | None,
) -> Iterator[TorchWork]:
    """The model made ready for recalibration; it is as before at the end, whatever happens.

    Raises:
        NoNormalizationLayersError: it has no layer to re-estimate.
        UnusableInputError: it cannot be run layer by layer, `device` cannot be used, or another rank failed.
    """
    ranks = Ranks(model)
    with ranks.together(), _opened(model, data, ranks, include_frozen, forward, device) as work:
        yield work


@contextmanager
def _opened(
    model: nn.Module,
    data: Iterable[Any],
    ranks: Ranks,
    include_frozen: bool,
    forward: Callable[[Any, Any], Any] | None,
    device: str | None,
) -> Iterator[TorchWork]:
    inner = unwrap(model)
    check_runs_alone(inner)
    _check_runnable(inner)
    _chosen(inner, include_frozen)
    at = _device_of(inner) if device is None else _usable(device)
    with random_states_kept(data):
        if at != _device_of(inner):
            copier = Copier(model)
            inner = copier.model.to(at)
            forward = copier.bind(forward) if forward else None
        layers, skipped = _chosen(inner, include_frozen)
        outside = [module for _, layer in unregistered_layers(inner) for module in layer.modules()]
        modules = [*inner.modules(), *outside]
        with layers_kept(modules), _uncompiled(modules), torch.no_grad():
            for module in modules:
                module.training = False
            work = TorchWork(inner, layers, skipped, data, forward, at, ranks)
            with hooks(tap.layer.register_forward_pre_hook(tap, with_kwargs=True) for tap in work.taps.values()):
                yield work


def store(model: nn.Module, moments: Mapping[str, SampledMoments]) -> None:
    """Writes new statistics into the layers' buffers: into all of them, in all ranks, or none where anything raises.

    Raises:
        UnusableInputError: a statistic is too large for the type that the layer keeps it in, or another rank failed.
    """
    ranks = Ranks(model)
    with ranks.together(), _written(unwrap(model), moments):
        ranks.exchange("the end", None)


@contextmanager
def _written(inner: nn.Module, moments: Mapping[str, SampledMoments]) -> Iterator[None]:
    """Writes the statistics, and takes them back where anything raises."""
    layers: dict[str, Any] = {**normalization_layers(inner), **dict(unregistered_layers(inner))}
    written: list[tuple[Tensor, Tensor]] = []
    for name, each in moments.items():
        for buffer, values in ((layers[name].running_mean, each.mean), (layers[name].running_var, each.variance)):
            new = torch.tensor(values, dtype=buffer.dtype, device=buffer.device)
            if not bool(torch.isfinite(new).all()):
                raise UnusableInputError(
                    f"the new statistics of '{name}' do not fit into {buffer.dtype}: keep the layer in float32 "
                    "(layer.float()), as mixed precision does"
                )
            written.append((buffer, new))
    kept = [buffer.detach().clone() for buffer, _ in written]
    with torch.no_grad():
        try:
            for buffer, new in written:
                buffer.copy_(new)
            yield
        except BaseException:
            for (buffer, _), old in zip(written, kept, strict=True):
                buffer.copy_(old)
            raise


@dataclass
class _Share:
    """What one process has seen since the last exchange."""

    batches: int = 0
    samples: int = 0
    ended: bool = False
    rows: list[Row] = field(default_factory=list)


class TorchWork:
    """Implements `steadynorm.recalibration.Work` for PyTorch.

    Arguments:
        model: all of it in inference mode.
        layers: those to re-estimate, by name.
        skipped: the others with the reason.
        data: the batches.
        forward: the user's function, or `None`.
        device: where the model is.
        ranks: those that work together.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Mapping[str, nn.Module],
        skipped: Mapping[str, str],
        data: Iterable[Any],
        forward: Callable[[Any, Any], Any] | None,
        device: torch.device | None,
        ranks: Ranks,
    ) -> None:
        self.model, self.layers, self.data, self.device, self.ranks = model, layers, data, device, ranks
        self.forward = forward
        self.taps = {name: Tap(layer) for name, layer in layers.items()}
        self._skipped = skipped
        self._moments: Mapping[str, SampledMoments] = {}
        self._pass = self._done = 0
        self._joining = Joining(self._fed)
        self._check_others()

    def skipped(self) -> Mapping[str, str]:
        """See `Work`."""
        without = {
            name: tap.unfit or "no batch calls it" for name, tap in self.taps.items() if name not in self._moments
        }
        return {**self._skipped, **without, **_other_domains(self.layers)}

    def start(self, mode: Mode) -> None:
        """See `Work`."""
        for name, tap in self.taps.items():
            known = self._moments.get(name) if mode is Mode.POPULATION else None
            tap.start(mode is Mode.BATCH, None if known is None else (known.mean, known.variance))
        self._pool = Pool(self.taps)
        self._joining.begin(mode is Mode.BATCH and self.forward is None)
        batches = mixed(self.data)
        self._unread = JoinedBatches(as_read(lambda: iter(batches), "data"))
        self._pass, self._gave_before = self._pass + 1, self._done > 0
        self._done, self._share, self._total = 0, _Share(), _Share()

    def run(self, upto: int | None, on_batch: Callable[[int], None]) -> None:
        """See `Work`."""
        while not self._share.ended and (upto is None or self._done < upto):
            self._run_next(None if upto is None else upto - self._done)
            on_batch(self._done)
            if max(len(tap.pending) for tap in self.taps.values()) >= COLLECT_EVERY:
                self._share.rows += self._pool.collect()
        self._share.rows += self._pool.collect()
        if self._gave_before and not self._done:
            raise UnusableInputError(READ_ONCE.format(self._pass))
        self._step = f"pass {self._pass}, {'all' if upto is None else f'up to {upto}'} batches"

    def taken(self) -> Taken:
        """See `Work`."""
        shares = self.ranks.exchange(self._step, self._share)
        for share in shares:
            self._pool.add(share.rows)
            self._total.batches += share.batches
            self._total.samples += share.samples
        self._share = _Share(ended=self._share.ended)
        self._moments = self._pool.sampled()
        epsilon = {name: float(getattr(self.layers[name], "eps", 0.0)) for name in self._moments}
        ended = all(share.ended for share in shares)
        groups = self._pool.population.batches
        return Taken(self._total.batches, self._total.samples, groups, ended, self._moments, epsilon)

    def _check_others(self) -> None:
        """Refuses, in all ranks, models of which other layers are to be re-estimated than of the first rank's."""
        first, *others = self.ranks.exchange("the start", {name: tap.channels for name, tap in self.taps.items()})
        for layers in others:
            if layers != first:
                name = next(iter(dict(layers.items() ^ first.items())))
                raise UnusableInputError(
                    f"the ranks do not re-estimate the same layers: '{name}' differs between them; expected the same "
                    "model and the same include_frozen in all"
                )

    def _run_next(self, most: int | None) -> None:
        batches = self._unread.take(self._joining.most(most))
        self._share.ended = not batches
        if self.forward is None:
            for index, batch in enumerate(batches, self._done):
                _check_inputs(batch, index)
        if not self._joining.is_done(batches, self._run_joined):
            for index, batch in enumerate(batches, self._done):
                self._run(batch, index)
        self._done += len(batches)
        self._share.batches += len(batches)
        self._share.samples += sum(map(sample_count, batches))

    def _fed(self, batches: list[Any]) -> dict[tuple[str, int], Moments]:
        """What the layers are fed by the first samples of some batches in one; see `is_the_same_joined`."""
        found: dict[tuple[str, int], Moments] = {}
        with ExitStack() as stack:
            tried = {name: stack.enter_context(tap.tried()) for name, tap in self.taps.items()}
            inputs = torch.cat([inputs_and_target(batch)[0][:TRIED_SAMPLES] for batch in batches])
            call(self.model, to_device(inputs, self.device))
        for name, calls in tried.items():
            for _, count, moments in calls:
                for part in range(0, len(moments), 2):
                    mean, variance = (each.double().cpu().numpy() for each in moments[part : part + 2])
                    taken, key = Moments(count, mean, variance * count), (name, part)
                    found[key] = found[key].merge(taken) if key in found else taken
        return found

    def _run_joined(self, batches: list[Any]) -> bool:
        """Runs batches as one; `False` for a model that takes batches of its own size only, which then gets them."""
        pending = {name: len(tap.pending) for name, tap in self.taps.items()}
        for tap in self.taps.values():
            tap.batch_index = self._done
        try:
            joined = torch.cat([inputs_and_target(batch)[0] for batch in batches])
            call(self.model, to_device(joined, self.device))
        except Exception:
            for name, tap in self.taps.items():
                del tap.pending[pending[name] :]
            return False
        return True

    def _run(self, batch: Any, index: int) -> None:
        for tap in self.taps.values():
            tap.batch_index = index
        batch = to_device(batch, self.device)
        try:
            if self.forward is None:
                call(self.model, batch)
            else:
                self.forward(self.model, batch)
        except UnusableInputError:
            raise
        except Exception as error:
            shapes = ", ".join(f"{tuple(tensor.shape)} {tensor.dtype}" for tensor in tensors_of(batch))
            raise UnusableInputError(
                f"the model refuses batch {index} of {shapes or type(batch).__name__}: {type(error).__name__}: "
                f"{error}. Pass forward=lambda model, batch: ... if the model is called in another way"
            ) from error


def _other_domains(layers: Mapping[str, nn.Module]) -> dict[str, str]:
    """The sets of statistics that are not re-estimated, as those of layers."""
    return {
        f"{name}, domain {index}": f"another domain is chosen; recalibrate inside domain(model, {index})"
        for name, layer in layers.items()
        if isinstance(layer, WithDomains)
        for index in range(layer.domains)
        if index != layer.domain
    }


def _check_inputs(batch: Any, index: int) -> None:
    """Refuses inputs that hold NaN or Inf where looking does not mean to wait for a device.

    What is on another device shows in the moments, a little later. Targets may hold NaN for what is not known.
    """
    inputs, _ = inputs_and_target(batch)
    for tensor in tensors_of(inputs):
        if tensor.device.type == "cpu" and tensor.is_floating_point() and not bool(torch.isfinite(tensor.sum())):
            check_finite(tensor, "data", index)


def _chosen(model: nn.Module, include_frozen: bool) -> tuple[dict[str, nn.Module], dict[str, str]]:
    """The layers to re-estimate, and the others with the reason.

    Raises:
        NoNormalizationLayersError: there is none to re-estimate; the message says why.
    """
    layers = {**normalization_layers(model), **dict(unregistered_layers(model))}
    skipped: dict[str, str] = {}
    for name, layer in layers.items():
        if not has_statistics(layer) or not isinstance(getattr(layer, "running_var", None), Tensor):
            skipped[name] = "it keeps no statistics (track_running_stats=False) and normalizes by the batch always"
        elif is_frozen(layer) and not include_frozen:
            skipped[name] = "it is frozen; include_frozen=True re-estimates it"
    chosen = {name: layer for name, layer in layers.items() if name not in skipped}
    if chosen:
        return chosen, skipped
    kind = type(model).__name__
    if not layers:
        raise NoNormalizationLayersError(f"the model ({kind}) has no normalization layer: nothing to re-estimate")
    frozen = sum(reason.startswith("it is frozen") for reason in skipped.values())
    if frozen:
        bare = f", {len(skipped) - frozen} more keep no statistics" if frozen < len(skipped) else ""
        raise NoNormalizationLayersError(
            f"all {frozen} normalization layers of the model ({kind}) that keep statistics are frozen{bare}: pass "
            "include_frozen=True to re-estimate frozen layers"
        )
    raise NoNormalizationLayersError(
        f"none of the {len(layers)} normalization layers of the model ({kind}) keeps statistics "
        "(track_running_stats=False): nothing to re-estimate"
    )


def _check_runnable(model: nn.Module) -> None:
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise UnusableInputError(
                f"'{name or type(model).__name__}' is compiled TorchScript, whose layers cannot be watched: "
                "recalibrate the model that it was made from, then compile that again"
            )
        for key, tensor in [*module._parameters.items(), *module._buffers.items()]:
            if tensor is not None and is_lazy(tensor):
                raise UnusableInputError(
                    f"'{f'{name}.{key}'.lstrip('.')}' of a lazy layer has no shape yet: run the model on one batch "
                    "first"
                )


def _device_of(model: nn.Module) -> torch.device | None:
    first = next(model.parameters(), next(model.buffers(), None))
    return None if first is None else first.device


def _usable(device: str) -> torch.device:
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise UnusableInputError(f"device {device!r} cannot be used: {error}") from error


@contextmanager
def _uncompiled(modules: Iterable[nn.Module]) -> Iterator[None]:
    """Runs modules as they are written where torch.compile has replaced them: compiled code passes hooks by."""
    compiled = any(
        getattr(module, "_compiled_call_impl", None) is not None or hasattr(module, "_orig_mod") for module in modules
    )
    with torch.compiler.set_stance("force_eager") if compiled else nullcontext():
        yield
