"""What a fix is said to mend is mended where the program runs: measured in Keras, before and after.

Programs get their data from stand-ins: 8 samples to train with and 6 to evaluate with, so that every call of a
normalization tells by its rows what it is for. Nothing here asks the checks. What only Keras 2 does (the learning
phase, the constant mode of a layer in a functional model) runs in what TensorFlow still carries of Keras 2.
"""

from __future__ import annotations

import builtins
import importlib.util
import pickle
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

SOURCE = Path(__file__).parents[1] / "source"
TRAINED, ASKED = 8, 6
SHORT = 2
"""Rounds of a loop that a program counts."""


def _rows(shape: tuple[int, ...], rows: int = TRAINED) -> Any:
    return np.random.default_rng(rows).normal(2, 1, (rows, *shape)).astype("float32")


def _labels(rows: int = TRAINED) -> Any:
    return np.arange(rows) % 2


def _split(shape: tuple[int, ...], labels: Callable[[int], Any] = _labels) -> Any:
    return (_rows(shape), labels(TRAINED)), (_rows(shape, ASKED), labels(ASKED))


def _samples(*columns: Any) -> Any:
    return tf.data.Dataset.from_tensor_slices(columns)


def _batches(*columns: Any) -> Any:
    return _samples(*columns).batch(len(columns[0]))


def _datasets(**loaders: Any) -> dict[str, Any]:
    return {f"datasets.{name}.load_data": lambda value=value: value for name, value in loaders.items()}


def _as_column(rows: int) -> Any:
    return _labels(rows)[:, None]


def _images(folder: str, image_size: tuple[int, int], **options: Any) -> Any:
    """What is in a folder: to train with where its name says so, else to evaluate with."""
    rows = TRAINED if "train" in folder else ASKED
    return _batches(_rows((*image_size, 3), rows), _labels(rows))


def _published(*args: Any, **options: Any) -> Any:
    """A small network in place of a published one: a program finds layers in it, and normalization among them."""
    convolution = keras.layers.Conv2D(4, 3, strides=8, use_bias=False)
    inner = [convolution, keras.layers.BatchNormalization(), keras.layers.GlobalAveragePooling2D(keepdims=True)]
    pooled = [keras.layers.Flatten()] if options.get("pooling") else []
    return keras.Sequential([keras.Input(options.get("input_shape") or (224, 224, 3)), *inner, *pooled])


def _folder_of_images(folder: str) -> None:
    for kind in ("bread", "soup"):
        directory = Path(folder, kind)
        directory.mkdir(parents=True)
        for index in range(16):
            (directory / f"{index}.png").write_bytes(tf.io.encode_png(np.zeros((8, 8, 3), "uint8")).numpy())


def _scans() -> None:
    Path("scans").mkdir()
    np.save("scans/1.npy", _rows((256, 256), 1)[0])


@dataclass
class Program:
    """What a program needs: the modules that nobody has, and what of Keras and TensorFlow gives it data."""

    modules: dict[str, Any] = field(default_factory=dict)
    keras: dict[str, Any] = field(default_factory=dict)
    data: Any = None
    """What `tf.data.Dataset.load` gives for a name, and what `tf.data.experimental.load` does."""
    arguments: tuple[str, ...] = ()
    files: Callable[[], None] | None = None
    """Writes what the program reads."""
    main: tuple[Any, ...] | None = None
    """What somebody hands to the program's `main()`, where it does not call that itself."""
    trains: bool = True
    of_keras_two: bool = False


def _dishes(rows: int) -> Any:
    return _batches(_rows((224, 224, 3), rows), np.eye(101, dtype="float32")[_labels(rows)])


def _regression(name: str, shape: tuple[int, ...]) -> Any:
    rows = TRAINED if name == "train" else ASKED
    return _rows(shape, rows), _labels(rows).astype("float32")


PROGRAMS: dict[str, Callable[[], Program]] = {
    "SN201/keras_layer_always_training": lambda: Program(
        keras=_datasets(cifar100=_split((32, 32, 3), _as_column)),
    ),
    "SN201/keras_base_of_a_function": lambda: Program(
        {"dishes": SimpleNamespace(dish_sequences=lambda batch_size: (_dishes(TRAINED), _dishes(ASKED)))},
        of_keras_two=True,
    ),
    "SN201/keras_default_true": lambda: Program(files=lambda: np.save("rows.npy", _rows((20,), ASKED)), trains=False),
    "SN201/keras_encoder_in_training_mode": lambda: Program(
        {"scans": SimpleNamespace(load_scans=lambda: _split((128, 128, 1)))}, of_keras_two=True
    ),
    "SN201/keras_functional_training_true": lambda: Program(of_keras_two=True),
    "SN201/keras_generator_sampling": lambda: Program(
        keras={"utils.save_img": lambda *args: None},
        trains=False,
    ),
    "SN201/keras_loss_of_both_modes": lambda: Program(
        {
            "data": SimpleNamespace(
                train_set=lambda: _batches(_rows((32, 32, 3)), _labels()),
                test_set=lambda: _batches(_rows((32, 32, 3), ASKED), _labels(ASKED)),
            )
        }
    ),
    "SN201/keras_predict_training_true": lambda: Program(arguments=("w.h5", "scans"), files=_scans, trains=False),
    "SN201/keras_ready_base_in_training_mode": lambda: Program(
        keras={"applications.ResNet50": _published, "utils.image_dataset_from_directory": _images}
    ),
    "SN201/keras_thawed_base_in_functional_model": lambda: Program(of_keras_two=True),
    "SN201/keras_thawed_base_validated": lambda: Program(
        {
            "data": SimpleNamespace(
                training_batches=lambda: _batches(_rows((160, 160, 3)), _as_column(TRAINED)),
                validation_batches=lambda: _batches(_rows((160, 160, 3), ASKED), _as_column(ASKED)),
            )
        },
        keras={"applications.MobileNetV2": _published},
    ),
    "SN202/keras_bn_training_false": lambda: Program(
        {"imagenet": SimpleNamespace(train_data=_batches(_rows((32, 32, 3)), _labels()))}
    ),
    "SN202/keras_fitted_in_a_function": lambda: Program(
        main=(_batches(_rows((12,)), _as_column(TRAINED).astype("float32")),)
    ),
    "SN202/keras_inner_blocks_training_false": lambda: Program(
        {"birds": SimpleNamespace(dataset=_samples(_rows((32, 32, 3)), _labels()))}
    ),
    "SN202/keras_tape_no_training": lambda: Program(keras=_datasets(mnist=_split((28, 28)))),
    "SN202/keras_tape_training_false": lambda: Program(
        {"maps": SimpleNamespace(tiles=lambda split: _samples(_rows((16, 16, 3)), _labels()))}
    ),
    "SN202/keras_train_step_override": lambda: Program(
        data=lambda name: _samples(_rows((32, 32, 3)), _rows((32, 32, 3)) + 1)
    ),
    "SN202/keras_trainer_class": lambda: Program(
        {"datasets": SimpleNamespace(load_train=lambda batch_size: _batches(_rows((224, 224, 3)), _labels()))},
        keras={"applications.ResNet50": _published},
    ),
    "SN203/keras_learning_phase_helper": lambda: Program(
        data=lambda name: _samples(*_regression(name, (12,))), of_keras_two=True
    ),
    "SN203/keras_learning_phase_loop": lambda: Program(
        data=lambda name: _samples(*_regression(name, (60,))), of_keras_two=True
    ),
    "SN203/keras_learning_phase_steps": lambda: Program(
        arguments=("--steps", "2", "--eval_every", "1"), of_keras_two=True
    ),
    "SN205/keras_call_without_training": lambda: Program(
        # One of nine is kept for the validation.
        keras=_datasets(cifar10=((_rows((32, 32, 3), TRAINED + 1), _as_column(TRAINED + 1)), _split((32, 32, 3))[1])),
    ),
    "SN205/keras_tf_call_without_training": lambda: Program(keras=_datasets(boston_housing=_split((13,)))),
    "SN205/keras_fitted_in_a_function": lambda: Program(
        main=(tf.data.Dataset.from_tensors(((_rows((16, 16, 3)), _labels()), _rows((2,)))),)
    ),
    "SN205/keras_inner_model": lambda: Program(
        {
            "pairs": SimpleNamespace(
                train_pairs=lambda batch_size: tf.data.Dataset.from_tensors(
                    ((_rows((64, 64, 3)), _rows((64, 64, 3))), _as_column(TRAINED).astype("float32"))
                )
            )
        }
    ),
    "SN205/keras_train_step_of_the_base": Program,
    "SN205/keras_wrapper_function": lambda: Program(data=lambda name: _samples(_rows((30,)), _labels())),
    "SN301/keras_pickle_trainable": lambda: Program(keras=_datasets(fashion_mnist=_split((28, 28)))),
    "SN301/keras_savez_trainable": Program,
    "SN303/keras_saver_extend": lambda: Program(of_keras_two=True),
    "SN501/keras_functional_helper": Program,
    "SN501/keras_module_under_a_short_name": Program,
    "SN501/keras_sequential": Program,
    "SN501/keras_star_import": Program,
    "SN501/keras_subclass_dense": Program,
    "SN510/keras_momentum_constant": Program,
    "SN510/keras_momentum_partial": Program,
    "SN510/keras_momentum_point_one": Program,
    "SN510/keras_settings_in_a_dict": Program,
    "SN510/keras_star_imports": lambda: Program({"plotting": SimpleNamespace()}),
    "SN906/keras_directory_in_order": lambda: Program(
        files=lambda: [_folder_of_images(each) for each in ("food", "food_valid")]
    ),
    "SN906/keras_shuffle_false": lambda: Program(
        files=lambda: np.savez("sorted_by_class.npz", x=_rows((32,), 128), y=np.repeat(np.arange(4), 32))
    ),
}

MODELS: dict[str, tuple[Callable[[dict[str, Any]], Any], tuple[int, ...]]] = {
    "SN501/keras_functional_helper": (lambda names: names["resnet"](10), (64, 64, 3)),
    "SN501/keras_module_under_a_short_name": (lambda names: names["resnet"](), (32, 32, 3)),
    "SN501/keras_sequential": (lambda names: names["model"], (32, 32, 3)),
    "SN501/keras_star_import": (lambda names: names["m"], (32, 32, 3)),
    "SN501/keras_subclass_dense": (lambda names: names["MLP"](16), (12,)),
    "SN510/keras_momentum_constant": (lambda names: names["body"], (4, 4, 64)),
    "SN510/keras_momentum_partial": (lambda names: names["model"], (16000, 1)),
    "SN510/keras_momentum_point_one": (lambda names: names["create_model"](10), (224, 224, 3)),
    "SN510/keras_settings_in_a_dict": (lambda names: names["build"](names["CFG"]), (32, 32, 3)),
    "SN510/keras_star_imports": (lambda names: names["unet"](), (256, 256, 1)),
}
"""Fixtures that define a network and run nothing: it, and the shape of a sample."""


@dataclass
class Run:
    """What a program has done: by call of a normalization its rows and mode, the layers, what it saved, its names, and
    the labels that it trained with in their order.
    """

    program: Program
    calls: list[tuple[int, bool]] = field(default_factory=list)
    layers: list[Any] = field(default_factory=list)
    saved: list[Any] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    labels: list[int] = field(default_factory=list)


def _set(patch: pytest.MonkeyPatch, root: Any, path: str, value: Any) -> None:
    *way, last = path.split(".")
    for each in way:
        root = getattr(root, each)
    patch.setattr(root, last, value)


def _executed(path: Path, program: Program, name: str) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        return _run(path, program, name, patch)


def _run(path: Path, program: Program, name: str, patch: pytest.MonkeyPatch) -> Run:
    done = Run(program)
    modules = dict(program.modules)
    if program.of_keras_two:
        modules |= _keras_two(done, patch)

    def imported(module: str, given: Any = None, local: Any = None, names: Any = (), level: int = 0) -> Any:
        found = modules.get(module if names else module.partition(".")[0])
        return found or builtins.__import__(module, given, local, names, level)

    _watch(done, patch)
    if program.files is not None:
        program.files()
    patch.setattr(pickle, "dump", lambda value, file: done.saved.extend(value))
    patch.setattr(np, "savez", lambda file, *arrays: done.saved.extend(arrays))
    patch.setattr(np, "save", lambda file, array: None)
    load = np.load
    patch.setattr(np, "load", lambda file: load(file) if Path(file).exists() else {"x": _rows((100,)), "y": _labels()})
    patch.setattr(sys, "argv", [str(path), *program.arguments])
    patch.setenv("KERAS_BACKEND", keras.backend.backend())  # which a program may write
    for each in (tf.data.Dataset, tf.data.experimental):
        patch.setattr(each, "load", lambda folder, **options: program.data(folder))
    for each, value in program.keras.items():
        for package in (keras, tf.keras):
            _set(patch, package, each, value)
    keras.utils.set_random_seed(0)
    eager = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    module = types.ModuleType("defined" if name in MODELS else "__main__")
    short = {"range": lambda *ends: range(*ends)[:SHORT], "open": _Nowhere, "print": lambda *args, **options: None}
    module.__dict__["__builtins__"] = vars(builtins) | short | {"__import__": imported}
    try:
        exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), module.__dict__)
        if program.main is not None:
            module.__dict__["main"](*program.main)
    finally:
        tf.config.run_functions_eagerly(eager)
    done.names = module.__dict__
    return done


def _watch(done: Run, patch: pytest.MonkeyPatch) -> None:
    """Notes what Keras does, and keeps it from the disk."""
    normalize, fit, train_step = keras.layers.BatchNormalization.call, keras.Model.fit, keras.Model.train_step

    def noted(layer: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        if tf.executing_eagerly() and isinstance(inputs, tf.Tensor):
            done.calls.append((int(inputs.shape[0]), bool(training)))
            done.layers.append(layer)
        return normalize(layer, inputs, training=training, mask=mask)

    def fitted(model: Any, *data: Any, **options: Any) -> Any:
        model.run_eagerly = True
        return fit(model, *data, **options | {"epochs": 1, "verbose": 0})

    def stepped(model: Any, data: Any) -> Any:
        done.labels += np.asarray(data[1]).ravel().tolist()
        return train_step(model, data)

    patch.setattr(keras.layers.BatchNormalization, "call", noted)
    patch.setattr(keras.Model, "fit", fitted)
    patch.setattr(keras.Model, "train_step", stepped)
    for each in ("load_weights", "save_weights", "save"):
        patch.setattr(keras.Model, each, lambda *args, **options: None)


def _keras_two(done: Run, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The modules of Keras 2 for a program."""
    spec = importlib.util.spec_from_file_location("keras_two", Path(__file__).with_name("keras_two.py"))
    assert spec is not None
    assert spec.loader is not None
    two = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(two)
    two.prepare(patch)
    return two.modules(  # type: ignore[no-any-return]
        lambda layer, rows, training: done.calls.append((rows, training)),
        lambda variables: done.saved.extend(each.name for each in variables or ()),
        datasets=SimpleNamespace(
            cifar10=SimpleNamespace(
                load_data=lambda: (
                    (_rows((32, 32, 3)), _as_column(TRAINED)),
                    (_rows((32, 32, 3), ASKED), _as_column(ASKED)),
                )
            )
        ),
        utils=SimpleNamespace(image_dataset_from_directory=_images),
    )


class _Nowhere:
    """A file that is opened and not written."""

    def __init__(self, *args: Any) -> None:
        self.args = args

    def __enter__(self) -> _Nowhere:
        return self

    def __exit__(self, *error: object) -> None:
        return None


def _modes_are_right(done: Run, name: str) -> bool:
    """Training normalizes by the batch, and what is asked of the network by the statistics."""
    trains = done.program.trains
    return bool(done.calls) and all(training is (trains and rows >= TRAINED) for rows, training in done.calls)


def _statistics_are_saved(done: Run, name: str) -> bool:
    means = [np.asarray(each.moving_mean) for each in done.layers]
    return bool(means) and all(
        np.any(mean) and any(np.array_equal(each, mean) for each in map(np.asarray, done.saved)) for mean in means
    )


def _saver_has_statistics(done: Run, name: str) -> bool:
    return any("moving_mean" in each for each in done.saved)


def _labels_are_mixed(done: Run, name: str) -> bool:
    return done.labels != sorted(done.labels)


def _layers_of(model: Any, *kinds: Any) -> Iterator[Any]:
    return (each for each in model._flatten_layers() if isinstance(each, kinds))


def _biases_count(done: Run, name: str) -> bool:
    """No bias of a layer could be any other number without a change of the output in training mode."""
    make, shape = MODELS[name]
    model, x = make(done.names), _rows(shape)
    model(x)
    for layer in _layers_of(model, keras.layers.Dense, keras.layers.Conv2D):
        if layer.bias is not None:
            before = np.asarray(model(x, training=True))
            bias = np.asarray(layer.bias)
            layer.bias.assign(bias + np.linspace(1, 2, len(bias)))
            after = np.asarray(model(x, training=True))
            layer.bias.assign(bias)
            if np.allclose(before, after, atol=1e-3):
                return False
    return True


def _average_is_slow(done: Run, name: str) -> bool:
    """One batch moves no average by more than half of its way, and each by something."""
    make, shape = MODELS[name]
    model, means = make(done.names), []
    for _ in range(2):
        model(_rows(shape, 2), training=True)
        means.append([np.linalg.norm(np.asarray(each.moving_mean)) for each in _norms(model)])
    # The same batch again adds what is left of the first: m, and then m + (1 - share) m.
    shares = [2 - twice / once for once, twice in zip(*means, strict=True)]
    return all(0.0001 < share < 0.5 for share in shares)


def _norms(model: Any) -> list[Any]:
    return list(_layers_of(model, keras.layers.BatchNormalization))


FACTS: dict[str, Callable[[Run, str], bool]] = {
    **dict.fromkeys(("SN201", "SN202", "SN203", "SN205"), _modes_are_right),
    "SN301": _statistics_are_saved,
    "SN303": _saver_has_statistics,
    "SN501": _biases_count,
    "SN906": _labels_are_mixed,
    "SN510": _average_is_slow,
}


@pytest.mark.filterwarnings("ignore")  # a warning of a program is its own affair
@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_fact_holds_after_the_fix_and_not_before(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    holds = FACTS[name.partition("/")[0]]
    results = []
    for suffix in (".py", ".fixed.py"):
        folder = tmp_path / suffix[1:]
        folder.mkdir()
        monkeypatch.chdir(folder)
        results.append(_executed(SOURCE / f"{name}{suffix}", PROGRAMS[name](), name))

    assert not holds(results[0], name)
    assert holds(results[1], name)


def test_every_fixed_program_is_executed() -> None:
    assert {
        f"{each.parent.name}/{each.name.removesuffix('.fixed.py')}" for each in SOURCE.glob("SN*/keras_*.fixed.py")
    } == set(PROGRAMS)
