"""What a fix is said to mend is mended where the program runs: measured in PyTorch, before and after.

Programs get their data, and what is not installed, from stand-ins: 8 samples to train with and 6 to evaluate with, so
that every call of a normalization tells by its rows what it is for. Nothing here asks the checks.
"""

from __future__ import annotations

import builtins
import importlib
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

SOURCE = Path(__file__).parents[1] / "source"
TRAINED, ASKED = 8, 6
SAMPLED = 64
"""Rows of what programs draw from their own models."""

SHORT = 6
"""Rounds of a loop that a program counts."""


class Data(list):
    """Samples, of which there are fewer to evaluate with; a loader of one batch where it is asked for."""

    def __init__(self, *shapes: tuple[int, ...] | list[int] | int, train: bool = True) -> None:
        torch.manual_seed(0)
        rows = TRAINED if train else ASKED
        self.columns = [_column(rows, each) for each in shapes]
        super().__init__(zip(*self.columns, strict=True))

    def loader(self) -> Loader:
        return Loader(self)


def _column(rows: int, shape: Any) -> Any:
    """Numbers of a shape; -1 stands for labels, and a list for labels of that shape."""
    if shape == -1 or isinstance(shape, list):
        return torch.randint(0, 2, (rows, *([] if shape == -1 else shape)))
    return torch.randn(rows, *shape) + 2


class Loader:
    """All samples in one batch, in this process."""

    def __init__(self, dataset: Any, *args: Any, **options: Any) -> None:
        self.dataset = dataset

    def __iter__(self) -> Iterator[Any]:
        yield [torch.stack([torch.as_tensor(each) for each in column]) for column in zip(*self.dataset, strict=True)]

    def __len__(self) -> int:
        return 1


class Backbone(nn.Module):
    """The least that has the layers of a published network which programs name."""

    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.widen, self.bn2 = nn.Conv2d(4, 2048, 1, bias=False), nn.BatchNorm2d(2048)
        self.fc = nn.Linear(2048, num_classes)

    def forward(self, x: Any) -> Any:
        x = self.bn2(self.widen(torch.relu(self.bn1(self.conv1(x)))))
        return self.fc(x.mean((2, 3)))


class Segmentation(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 21, 3, padding=1, bias=False), nn.BatchNorm2d(21)

    def forward(self, x: Any) -> Any:
        return {"out": self.norm(self.conv(x))}


def _images(shape: tuple[int, ...]) -> Callable[..., Data]:
    return lambda root=None, train=True, split=None, **options: Data(shape, -1, train=train)


def _nothing(*args: Any, **options: Any) -> Any:
    return SimpleNamespace(add_scalar=_nothing, add_image=_nothing)


def _network(num_classes: int = 10, **options: Any) -> Backbone:
    return Backbone(num_classes)


COLOURED = (3, 8, 8)
TORCHVISION = SimpleNamespace(
    datasets=SimpleNamespace(
        FashionMNIST=_images((1, 28, 28)),
        MNIST=_images((1, 28, 28)),
        KMNIST=_images((1, 28, 28)),
        CIFAR10=_images(COLOURED),
        CIFAR100=_images(COLOURED),
    ),
    transforms=SimpleNamespace(ToTensor=_nothing, Compose=_nothing, Normalize=_nothing),
    models=SimpleNamespace(
        resnet18=_network,
        resnet50=_network,
        resnet101=_network,
        segmentation=SimpleNamespace(fcn_resnet50=lambda **options: Segmentation()),
    ),
    utils=SimpleNamespace(make_grid=_nothing, save_image=_nothing),
)


def _of_split(*shapes: Any) -> Callable[[str], Data]:
    return lambda split: Data(*shapes, train=split == "train")


def _loaders(*shapes: Any) -> tuple[Loader, Loader]:
    return Data(*shapes).loader(), Data(*shapes, train=False).loader()


def _buffer(actions: tuple[int, ...], *rest: str) -> Any:
    def sample(size: int) -> list[Any]:
        table = {
            "observations": torch.randn(TRAINED, 4),
            "actions": torch.zeros(TRAINED, *actions, dtype=torch.int64),
            "numbers": torch.randn(TRAINED),
            "values": torch.randn(TRAINED, 1),
        }
        return [table[each] for each in ("observations", "actions", *rest)]

    loaded = SimpleNamespace(obs_dim=4, n_actions=2, sample=sample, obs=torch.randn(3, 4).numpy())
    return SimpleNamespace(ReplayBuffer=SimpleNamespace(load=lambda path: loaded))


def _demonstrations() -> Any:
    data = SimpleNamespace(sample=lambda size: (torch.randn(TRAINED, 17), torch.randn(TRAINED, 6)))
    return SimpleNamespace(load=lambda file: data)


def _triplets() -> Any:
    anchors = Data(COLOURED, COLOURED, COLOURED).loader()
    gallery = Data(COLOURED, -1, train=False).loader()
    return SimpleNamespace(train_loader=lambda batch_size: anchors, gallery_loader=lambda: gallery)


def _pair(*shapes: Any, names: tuple[str, str] = ("train_loader", "val_loader")) -> Any:
    return SimpleNamespace(**dict(zip(names, _loaders(*shapes), strict=True)))


class Trainer:
    """What Hugging Face's trainer does with a model when it saves it."""

    def __init__(self, model: Any = None, args: Any = None, **options: Any) -> None:
        self.model, self.args = model, args

    def train(self) -> None:
        self.save_model()

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        self._save(output_dir)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        raise NotImplementedError


def _hugging_face() -> Any:
    return SimpleNamespace(
        Trainer=Trainer, TrainingArguments=lambda output_dir, **options: SimpleNamespace(output_dir=output_dir)
    )


def _with_lightning(**modules: Any) -> dict[str, Any]:
    """Lightning is imported before anything stands in for what it uses itself."""
    importlib.import_module("pytorch_lightning")
    return modules


MODULES: dict[str, Callable[[], dict[str, Any]]] = {
    "SN201/torch_eval_without_parentheses": dict,
    "SN201/torch_no_mode_anywhere": dict,
    "SN201/torch_loss_shared_with_training": dict,
    "SN201/torch_step_shared_by_methods": dict,
    "SN201/torch_constant_in_functional_call": lambda: {
        "tables": SimpleNamespace(load_table=lambda path: (Data((13,), ()), Data((13,), (), train=False)))
    },
    "SN201/torch_final_test": lambda: {
        "torchvision": SimpleNamespace(
            datasets=SimpleNamespace(CIFAR10=_images((3, 32, 32))), transforms=TORCHVISION.transforms
        )
    },
    "SN201/torch_vae_samples": dict,
    "SN201/torch_lightning_vae_samples": lambda: _with_lightning(
        digits=SimpleNamespace(Digits=_of_split((1, 28, 28), -1))
    ),
    "SN202/torch_evaluated_before_training": dict,
    "SN202/torch_functional_default": dict,
    "SN202/torch_functional_training_false": lambda: {
        "tables": SimpleNamespace(train_loader=Data((40,), ()).loader, val_loader=Data((40,), (), train=False).loader)
    },
    "SN202/torch_lightning_hook": lambda: _with_lightning(digits=SimpleNamespace(Digits=_of_split((1, 28, 28), -1))),
    "SN202/torch_shown_before_each_fold": lambda: {
        "beans": SimpleNamespace(Beans=_nothing, folds=lambda data, count: [(Data((16,), -1), None)] * 2)
    },
    "SN202/torch_train_false": lambda: {"replay": _buffer((1,), "values")},
    "SN202/torch_trainer_starts_in_eval": lambda: {
        "scenes": SimpleNamespace(SceneDataset=_of_split_keyword(COLOURED, (1, 8, 8)))
    },
    "SN203/torch_epochs_in_a_comprehension": lambda: {
        "prices": SimpleNamespace(tables=lambda batch_size: _loaders((4,), (1,)))
    },
    "SN203/torch_every_fifth_epoch": lambda: {
        "torch.utils.tensorboard": SimpleNamespace(SummaryWriter=_nothing),
        "config": SimpleNamespace(root="", log_dir="", epochs=6),
        "data": SimpleNamespace(get_loaders=lambda root, size: _loaders((3, 4, 4), (3, 16, 16))),
        "metrics": SimpleNamespace(psnr=lambda one, other: 0.0),
    },
    "SN203/torch_networks_in_a_dict": lambda: {
        "pairs": SimpleNamespace(loaders=lambda size: _loaders(COLOURED, (1, 8, 8), -1))
    },
    "SN203/torch_train_false_after_each_epoch": dict,
    "SN203/torch_train_once_before_the_epochs": lambda: {
        "tqdm": SimpleNamespace(tqdm=lambda loader, **options: loader),
        "segmentation": SimpleNamespace(CityscapesCrops=_of_split(COLOURED, [8, 8]), mean_iou=lambda one, other: 0.0),
    },
    "SN203/torch_validate_called_from_loop": dict,
    "SN205/torch_train_override_forgets_mode": lambda: {"triplets": _triplets()},
    "SN205/torch_training_argument_unused": lambda: {"images": _pair(COLOURED, -1)},
    "SN205/torch_wrapper_drops_the_mode": lambda: {"tabular": _pair((54,), -1, names=("train_loader", "test_loader"))},
    "SN301/torch_hf_trainer_save": lambda: {
        "transformers": _hugging_face(),
        "documents": SimpleNamespace(DocumentImages=_nothing),
    },
    "SN301/torch_hf_trainer_save_model": lambda: {
        "transformers": _hugging_face(),
        "safetensors": SimpleNamespace(torch=SimpleNamespace(save_file=lambda state, path: torch.save(state, path))),
        "speech": SimpleNamespace(SpeechCommands=_nothing, collate=_nothing),
    },
    "SN301/torch_list_of_parameters": lambda: {"pickle": _demonstrations()},
    "SN301/torch_named_parameters": dict,
    "SN301/torch_statistics_filtered_out": lambda: {"fonts": SimpleNamespace(Fonts=_of_split((1, 32, 32), -1))},
    "SN501/torch_conv_default_bias": dict,
    "SN501/torch_helper_with_defaults": dict,
    "SN501/torch_sequential_and_linear": dict,
    "SN510/torch_constant_and_partial": dict,
    "SN510/torch_keras_number": dict,
    "SN510/torch_star_imports": lambda: {
        "helpers": SimpleNamespace(read_images=lambda path: (Data(COLOURED, -1), Data(COLOURED, -1, train=False)))
    },
    "SN603/torch_applied_once": lambda: {
        "keypoints": SimpleNamespace(make_loader=lambda *args, **options: Data(COLOURED, (21, 8, 8)).loader())
    },
    "SN603/torch_freeze_in_the_constructor": lambda: {
        "cars": SimpleNamespace(loaders=lambda batch_size: _loaders(COLOURED, -1))
    },
    "SN603/torch_target_network_flipped": lambda: {"replay": _buffer((), "numbers", "observations", "numbers")},
}
"""By fixture the modules that its program imports and nobody has."""

NETWORKS = {
    "SN501/torch_conv_default_bias": ("Net", COLOURED),
    "SN501/torch_helper_with_defaults": ("Head", COLOURED),
    "SN501/torch_sequential_and_linear": ("Model", (784,)),
    "SN510/torch_constant_and_partial": ("Net", COLOURED),
    "SN510/torch_keras_number": ("Encoder", (1, 28, 28)),
    "SN510/torch_star_imports": ("Net", COLOURED),
}
"""Fixtures that define a network and run nothing: its class, and the shape of a sample."""


BEFORE_LINEAR = {"encoder.6.bias"}
"""Idle as well, since a linear layer stands between it and a normalization; that is not what the finding is about."""


def _of_split_keyword(*shapes: Any) -> Callable[..., Data]:
    return lambda split: Data(*shapes, train=split == "train")


class Run:
    """What a program has done: by call of a normalization its rows, mode and gradient; what it has saved; its names."""

    def __init__(self, saved: Iterable[Any] = ()) -> None:
        self.calls: list[tuple[int, bool, bool]] = []
        self.saved: list[Any] = list(saved)
        self.names: dict[str, Any] = {}


def _executed(path: Path, modules: dict[str, Any], patch: pytest.MonkeyPatch) -> Run:
    done = Run()
    normalize = torch.nn.functional.batch_norm

    def noted(
        x: Any,
        mean: Any,
        variance: Any,
        weight: Any = None,
        bias: Any = None,
        training: bool = False,
        *more: Any,
        **named: Any,
    ) -> Any:
        done.calls.append((x.shape[0], training, torch.is_grad_enabled()))
        return normalize(x, mean, variance, weight, bias, training, *more, **named)

    def imported(name: str, given: Any = None, local: Any = None, names: Any = (), level: int = 0) -> Any:
        for known in (name, name.partition(".")[0]):
            if known in modules:
                found = modules[known]
                for each in name.removeprefix(known).split(".")[1:] if names else ():
                    found = getattr(found, each)
                return found
        return builtins.__import__(name, given, local, names, level)

    def itself(value: Any, *args: Any, **options: Any) -> Any:
        return value

    data = {"train": Data((20,), -1).columns, "test": Data((20,), -1, train=False).columns}
    patch.setattr(torch.nn.functional, "batch_norm", noted)
    patch.setattr(torch, "save", lambda value, *args: done.saved.append(value))
    patch.setattr(torch, "load", lambda *args, **options: data)
    patch.setattr(torch.utils.data, "DataLoader", Loader)
    for kind in (torch.Tensor, nn.Module):
        patch.setattr(kind, "cuda", itself)
        patch.setattr(kind, "to", itself)
    patch.setattr(sys, "argv", [path.name])
    torch.manual_seed(0)
    module = types.ModuleType("__main__")
    short = {"range": lambda *ends: range(*ends)[:SHORT], "open": _Nowhere, "print": lambda *args, **options: None}
    module.__dict__["__builtins__"] = vars(builtins) | short | {"__import__": imported}
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
    done.names = module.__dict__
    return done


class _Nowhere:
    """A file that is opened and not read."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    def __enter__(self) -> _Nowhere:
        return self

    def __exit__(self, *error: object) -> None:
        return None


def _modes_are_right(done: Run, name: str) -> bool:
    """Training normalizes by the batch, and what is asked of the network by the statistics."""
    return bool(done.calls) and all(training is (rows not in (1, ASKED)) for rows, training, _ in done.calls)


def _statistics_are_saved(done: Run, name: str) -> bool:
    def names(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            for key, each in value.items():
                yield str(key)
                yield from names(each)

    return bool(done.saved) and all(any("running_mean" in each for each in names(value)) for value in done.saved)


def _biases_count(done: Run, name: str) -> bool:
    """No bias of a layer could be any other number without a change of the output in training mode."""
    kind, shape = NETWORKS[name]
    network, x = done.names[kind]().train(), torch.randn(TRAINED, *shape)
    for key, bias in network.named_parameters():
        if key.endswith("bias") and key not in BEFORE_LINEAR:
            with torch.no_grad():
                before = network(x)
                bias += 1
                after = network(x)
                bias -= 1
            if torch.allclose(before, after, atol=1e-4):
                return False
    return True


def _average_is_slow(done: Run, name: str) -> bool:
    """One batch moves no average by more than half of its way, and each by something."""
    kind, shape = NETWORKS[name]
    network = done.names[kind]().train()
    layers = [each for each in network.modules() if isinstance(each, nn.BatchNorm2d)]
    means: list[Any] = []
    for each in layers:
        each.register_forward_pre_hook(lambda layer, given: means.append(given[0].mean((0, 2, 3))))
    network(torch.randn(TRAINED, *shape) + 2)
    shares = [float(each.running_mean.norm() / mean.detach().norm()) for each, mean in zip(layers, means, strict=True)]
    return all(0.0001 < share < 0.5 for share in shares)


def _frozen_stays_frozen(done: Run, name: str) -> bool:
    """In training the layers that are frozen normalize by their statistics: all, or those that take no gradient."""
    only_without_gradient = name.endswith("target_network_flipped")
    frozen = [call for call in done.calls if not (only_without_gradient and call[2])]
    return bool(frozen) and not any(training for _, training, _ in frozen)


def _is_asked_by_statistics(done: Run, name: str) -> bool:
    asked = [training for rows, training, _ in done.calls if rows == ASKED]
    return bool(asked) and not any(asked)


def _samples_by_statistics(done: Run, name: str) -> bool:
    """Samples are normalized by the statistics, and training, before and after them, by the batch."""
    modes = {rows == SAMPLED: training for rows, training, _ in done.calls}
    alike = all(training is modes[rows == SAMPLED] for rows, training, _ in done.calls)
    return alike and modes == {True: False, False: True} and done.calls[-1][0] == SAMPLED


FACTS: dict[str, Callable[[Run, str], bool]] = {
    **dict.fromkeys(("SN201", "SN202", "SN203", "SN205"), _modes_are_right),
    "SN301": _statistics_are_saved,
    "SN501": _biases_count,
    "SN510": _average_is_slow,
    "SN603": _frozen_stays_frozen,
    # A part of it is frozen on purpose, so that training is in both modes.
    "SN205/torch_train_override_forgets_mode": _is_asked_by_statistics,
    "SN201/torch_vae_samples": _samples_by_statistics,
    "SN201/torch_lightning_vae_samples": _samples_by_statistics,
    # It saves its options as well, to a file of their own.
    "SN301/torch_hf_trainer_save": lambda done, name: _statistics_are_saved(Run(done.saved[:1]), name),
}


@pytest.mark.filterwarnings("ignore")  # a warning of a program, or of Lightning, is its own affair
@pytest.mark.parametrize("name", sorted(MODULES))
def test_fact_holds_after_the_fix_and_not_before(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    holds = FACTS.get(name) or FACTS[name.partition("/")[0]]
    before, after = (
        _executed(SOURCE / f"{name}{suffix}", {"torchvision": TORCHVISION, **MODULES[name]()}, monkeypatch)
        for suffix in (".py", ".fixed.py")
    )

    assert not holds(before, name)
    assert holds(after, name)
