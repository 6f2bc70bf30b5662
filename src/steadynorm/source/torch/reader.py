"""What a program that uses PyTorch does about normalization."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.defaults import Defaults
from steadynorm.source.seen import Seen
from steadynorm.source.symbolic.trace import Call, Run
from steadynorm.source.torch.averaging import look_at_averages
from steadynorm.source.torch.batches import look_at_batches
from steadynorm.source.torch.export import look_at_exports
from steadynorm.source.torch.freezing import look_at_freezing
from steadynorm.source.torch.kept_averages import look_at_kept_averages
from steadynorm.source.torch.layers import look_at_layers
from steadynorm.source.torch.mode import look_at_modes
from steadynorm.source.torch.moments import look_at_moments, look_at_registration
from steadynorm.source.torch.naming import is_built_by_name
from steadynorm.source.torch.passing import look_at_passing
from steadynorm.source.torch.program import TorchProgram
from steadynorm.source.torch.sanity import look_at_sanity
from steadynorm.source.torch.saving import look_at_files
from steadynorm.source.torch.sharing import look_at_sharing
from steadynorm.source.torch.words import FUNCTIONAL, NORMS, normalizes

_LOOKS: tuple[Callable[[TorchProgram], Iterator[Sighting]], ...] = (
    look_at_modes,
    look_at_passing,
    look_at_freezing,
    look_at_layers,
    look_at_moments,
    look_at_registration,
    look_at_exports,
    look_at_files,
    look_at_averages,
    look_at_kept_averages,
    look_at_sharing,
    look_at_sanity,
)


def look(runs: Sequence[Run]) -> Seen:
    """What was seen in the runs of one project."""
    sightings: list[Sighting] = []
    places: set[Place] = set()
    unseen: set[Place] = set()
    scripts: dict[str, TorchProgram] = {}
    defaults = Defaults(runs)
    for run in runs:
        own = [call.place for call in run.calls() if _normalizes(call)]
        before = None if run.kind == "script" else scripts.get(run.file)
        if not own and not _may_concern(run, before):
            continue
        places.update(own)
        program = TorchProgram(run, before)
        if run.kind == "script":
            scripts[run.file] = program
        unseen.update(program.built_by_name())
        for each in _LOOKS:
            sightings += each(program)
        sightings += look_at_batches(program, defaults)
    return Seen(tuple(sightings), frozenset(places), frozenset(unseen))


_MOMENTS = (".var", "torch.var", "torch.var_mean")
_STEPS = (".backward", ".step", "torch.autograd.backward")
_ASKING = ("torch.no_grad", "torch.inference_mode", ".eval", ".train", *_STEPS)
"""What a function does that trains or asks a model of the module's."""


def _may_concern(run: Run, before: TorchProgram | None) -> bool:
    """Whether a run may be about models that it does not make itself, or whose layers nobody sees."""
    names = {call.name for call in run.calls()}
    if not names.isdisjoint(_MOMENTS):
        return True
    if before is not None and not names.isdisjoint(_ASKING):
        return True
    return (".eval" in names and not names.isdisjoint(_STEPS)) or any(is_built_by_name(call) for call in run.calls())


def _normalizes(call: Call) -> bool:
    return call.name in NORMS or call.name in FUNCTIONAL or normalizes(call) is True
