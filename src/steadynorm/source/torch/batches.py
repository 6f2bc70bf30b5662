"""SN104, SN204, SN505, SN801, SN802 and SN906 in PyTorch: what the batches are that the moments are taken from."""

from __future__ import annotations

from collections.abc import Iterator

from steadynorm.place import Place
from steadynorm.program import Sighting
from steadynorm.source.defaults import Defaults
from steadynorm.source.symbolic.flow import inputs, inside, parts, walk
from steadynorm.source.symbolic.trace import Branch, Call
from steadynorm.source.symbolic.values import Expression, Item, Items, Known, Product, Value, constant, constant_number
from steadynorm.source.torch.chains import before, input_of, operation
from steadynorm.source.torch.known import is_loaded, is_used
from steadynorm.source.torch.layers import layer_name
from steadynorm.source.torch.loaders import Batch, batch_of, iterations, loaders_of, order_of
from steadynorm.source.torch.models import is_norm
from steadynorm.source.torch.program import Group, Role, TorchProgram
from steadynorm.source.torch.sightings import seen
from steadynorm.source.torch.words import DISTRIBUTED, MOVES, NORMS, PARALLEL, REDUCTIONS, RESHAPES

_ORDER = "whether the samples are stored in a random order, or the task needs theirs"
_TRAINERS = ("lightning.Trainer", "lightning.trainer.Trainer")
_OF_TENSORS = RESHAPES | MOVES | {".numpy", ".detach", ".clone", ".long", ".int", ".astype", ".requires_grad_", ".div"}
_STRATEGIES = ("ddp", "ddp_spawn", "ddp_find_unused_parameters_true", "fsdp", "dp", "ddp2")


def look_at_batches(program: TorchProgram, defaults: Defaults) -> Iterator[Sighting]:
    """What is known of the batches of a run."""
    parallel = list(_parallel(program, defaults))
    yield from (sighting for sighting, _ in parallel if sighting is not None)
    replicated = {index for _, loaders in parallel for index in loaders}
    told: set[Place] = set()
    for group in program.groups:
        if group.role is not Role.TRAIN or not _normalizes_by_batch(program, group):
            continue
        for loader in loaders_of(program, group):
            if loader.place in told:
                continue
            told.add(loader.place)
            batch = batch_of(loader, defaults)
            single = _only_single(group, batch)
            if batch.size is not None and loader.index not in replicated and not single:
                yield _small("SN505", loader.place, "loader", batch, samples=batch.size)
            yield from _accumulated(program, group, batch, defaults)
            order = order_of(loader)
            if order is not None:
                sure = order == "sorted"
                yield seen("SN906", loader.place, "DataLoader", order, None if sure else _ORDER)
    yield from _single_values(program, defaults)
    yield from _slow_averages(program, defaults)


def _small(code: str, place: Place, how: str, batch: Batch, **facts: object) -> Sighting:
    settle = None if batch.sure else "the batch size that the program is run with"
    return seen(code, place, "DataLoader", how, settle, (), **facts)


def _normalizes_by_batch(program: TorchProgram, group: Group) -> bool:
    """Whether the layers of a model may take batch moments in its training."""
    for use in group.uses:
        observed = [each for each in program.facts(use) if not each.free]
        if any(fact.training is not False for each in observed for fact in each.facts):
            return True
    return False


# Replicas and accumulated gradients


def _parallel(program: TorchProgram, defaults: Defaults) -> Iterator[tuple[Sighting | None, tuple[int, ...]]]:
    """Models on several devices whose layers are not synchronized, and the loaders of all that are on several."""
    for call in program.run.calls():
        if call.name in PARALLEL or call.name in DISTRIBUTED:
            key = program.models.key(call.result)
            groups = (
                [] if key is None else [each for each in program.groups if program.models.is_within(each.root, key)]
            )
            if key is None:
                continue
            synchronized = program.models.is_synchronized(key)
            split = _replicas(call) if call.name in PARALLEL else 1
            how = "split" if call.name in PARALLEL else "distributed"
        elif call.name in _TRAINERS and _is_distributed(call):
            groups, split, how = program.groups, 1, "lightning"
            synchronized = constant(call.argument(None, "sync_batchnorm")) is True
        else:
            continue
        for group in groups:
            if group.role is not Role.TRAIN or not _normalizes_by_batch(program, group):
                continue
            for loader in loaders_of(program, group):
                batch = batch_of(loader, defaults)
                if batch.size is None or split is None:
                    continue
                small = _small("SN801", call.place, how, batch, samples=batch.size // split, replicas=split)
                yield None if synchronized else small, (loader.index,)
            break


def _replicas(call: Call) -> int | None:
    devices = call.argument(1, "device_ids")
    if isinstance(devices, Items) and devices.whole:
        return len(devices.items) or None
    if isinstance(devices, Product) and devices.call.name in ("builtins.list", "builtins.range"):
        return None
    return None


def _is_distributed(call: Call) -> bool:
    devices = constant(call.argument(None, "devices", "gpus"))
    nodes = constant(call.argument(None, "num_nodes"))
    strategy = constant(call.argument(None, "strategy", "accelerator", "distributed_backend"))
    several = (isinstance(devices, int) and devices > 1) or (isinstance(nodes, int) and nodes > 1)
    return several or (strategy in _STRATEGIES and devices != 1)


def _accumulated(program: TorchProgram, group: Group, batch: Batch, defaults: Defaults) -> Iterator[Sighting]:
    """Steps of the optimizer that sum up the gradients of several batches."""
    if batch.size is None:
        return
    for call in program.run.calls():
        given = None
        if call.name in _TRAINERS:
            given = call.argument(None, "accumulate_grad_batches")
        elif call.name in ("accelerate.Accelerator", "transformers.TrainingArguments"):
            given = call.argument(None, "gradient_accumulation_steps")
        times = defaults.number(given)
        if times is not None and times.value > 1:
            yield _small("SN802", call.place, "framework", batch, samples=batch.size, times=int(times.value))
            return
    steps = _every(program, group, defaults)
    if steps is not None and steps > 1:
        yield _small("SN802", batch.loader.place, "loop", batch, samples=batch.size, times=steps)


def _every(program: TorchProgram, group: Group, defaults: Defaults) -> int | None:
    """After how many batches the optimizer makes a step; `None` if after each, or if nobody knows."""
    optimizers = {id(each.call.result) for step in group.steps for each in step.optimizers if each.call is not None}
    found: set[int | None] = set()
    for call in program.run.calls():
        if call.name != ".step" or not optimizers & {id(call.receiver), *map(id, call.arguments)}:
            continue
        around = {id(block) for step in group.steps if step.call is not None for block in step.call.within}
        tests = [block for block in call.within if isinstance(block, Branch) and id(block) not in around]
        found.add(next((times for block in tests if (times := _modulus(block.test, defaults))), None))
    return found.pop() if len(found) == 1 else None


def _modulus(test: Value, defaults: Defaults) -> int | None:
    for value in inside(test):
        if isinstance(value, Expression) and value.operator == "Mod":
            times = defaults.number(value.operands[1])
            return None if times is None else int(times.value)
    return None


# One value per channel


def _single_values(program: TorchProgram, defaults: Defaults) -> Iterator[Sighting]:
    """Layers whose moments are those of one value: the output is beta."""
    told: set[Place] = set()
    for group in program.groups:
        if group.role not in (Role.TRAIN, Role.ASK) or (group.role is Role.ASK and not is_used(program, group)):
            continue
        single = _is_single(program, group, defaults)
        for use in group.uses:
            observed = [each for each in program.facts(use) if not each.free]
            if not single or not observed or not all(each.trains for each in observed) or not _is_flat(use):
                continue
            if use.place not in told:
                told.add(use.place)
                how = "training" if group.role is Role.TRAIN else "prediction"
                related = () if group.place is None else (group.place,)
                yield seen("SN204", use.place, layer_name(program, use), how, related=related)


def _only_single(group: Group, batch: Batch) -> bool:
    """Whether all layers get one value per channel, which says more than that the batch is small."""
    return batch.size == 1 and all(_is_flat(use) for use in group.uses)


def _is_single(program: TorchProgram, group: Group, defaults: Defaults) -> bool:
    """Whether a model is called with one sample."""
    loaders = loaders_of(program, group)
    if loaders and all((batch := batch_of(loader, defaults)).size == 1 and batch.sure for loader in loaders):
        return True
    return not loaders and any(_is_one(value) for value in group.given[:1])


def _is_one(value: Value) -> bool:
    """Whether a tensor was given a first axis of length one."""
    for each in _tensors_behind(value):
        if isinstance(each, Product) and each.call.name in (".unsqueeze", "torch.unsqueeze"):
            axis = each.call.argument(0 if each.call.name.startswith(".") else 1, "dim")
            if constant_number(axis) == 0:
                return True
        elif isinstance(each, Item):
            first = each.key.items[0] if isinstance(each.key, Items) and each.key.items else each.key
            if isinstance(first, Known) and first.value is None:
                return True
        if isinstance(each, Product) and each.call.name in ("torch.cat", "torch.stack"):
            return False
    return False


def _tensors_behind(value: Value) -> Iterator[Value]:
    """What a tensor was made of by functions and methods of tensors.

    What an environment or a memory gives has axes of its own, whatever these were given.
    """

    def before(each: Value) -> tuple[Value, ...]:
        if not isinstance(each, Product):
            return parts(each)
        is_tensor = each.call.name.startswith("torch.") or each.call.name in _OF_TENSORS
        return inputs(each.call) if is_tensor else ()

    return walk((value,), before)


def _is_flat(use: Call) -> bool:
    """Whether a layer gets one value per channel and sample: behind a linear layer or a global pooling."""
    if not is_norm(use.callee):
        return False
    dimensions = NORMS[operation(use)]
    for step in before(input_of(use)):
        name = operation(step.call)
        if name.startswith("torch.nn.Adaptive") or "adaptive_" in name:
            assert step.call is not None
            size = step.call.callee.call.argument(0, "output_size") if isinstance(step.call.callee, Product) else None
            size = size or step.call.argument(1, "output_size")
            values = size.items if isinstance(size, Items) else (size,)
            return all(constant_number(each) == 1 for each in values if each is not None)
        if name in REDUCTIONS and dimensions == 1:
            return True
        if name in ("torch.nn.EmbeddingBag", "torch.nn.Flatten", "torch.flatten", ".flatten") and dimensions == 1:
            return True
        if step.kind == "weighted" and "Conv" in name and dimensions == 1:
            return False
        if step.kind in ("weighted", "reshape", "activation", "dropout", "norm"):
            if step.kind == "weighted" and "Conv" in name and not _is_pointwise(step.call):
                return False
            continue
        return False
    last = list(before(input_of(use)))
    return dimensions == 1 and bool(last) and any("Linear" in operation(step.call) for step in last)


def _is_pointwise(call: Call) -> bool:
    assert isinstance(call.callee, Product)
    return constant_number(call.callee.call.argument(2, "kernel_size")) == 1


# Averages that do not get going


def _slow_averages(program: TorchProgram, defaults: Defaults) -> Iterator[Sighting]:
    """Layers with a small momentum in a short training."""
    by_layer: dict[int, list[tuple[Group, Call]]] = {}
    for group in program.groups:
        if group.role is Role.TRAIN and _normalizes_by_batch(program, group):
            # One that a step applies twice is updated twice, which nobody counts on.
            for use in {id(use.callee): use for use in group.uses if is_norm(use.callee)}.values():
                by_layer.setdefault(id(use.callee), []).append((group, use))
    for trained in by_layer.values():
        first, use = trained[0]
        counts = [iterations(group, defaults) for group, _ in trained]
        known = [each for each in counts if each is not None]
        if len(known) < len(counts) or is_loaded(program, first.root, first.first.index):
            continue
        assert isinstance(use.callee, Product)
        momentum, place = _momentum(program, use.callee)
        if momentum is not None and 0 < momentum < 1 and place is not None:
            settle = None if all(each.sure for each in known) else "how many steps the program is run for"
            steps = int(sum(each.value for each in known))
            yield seen("SN104", place, layer_name(program, use), "momentum", settle, decay=1 - momentum, steps=steps)


def _momentum(program: TorchProgram, layer: Product) -> tuple[float | None, Place | None]:
    """The momentum of a layer, and where it is set; nothing where it is changed later."""
    if any(event.name == "momentum" for event in program.run.assigns()):
        return None, None
    return constant_number(layer.call.argument(2, "momentum")), layer.call.place
