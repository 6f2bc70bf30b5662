"""Layers by the names of every framework, and what checkpoints of TensorFlow, Keras and Flax prove."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steadynorm.artifacts.contents import Contents, Tensor
from steadynorm.artifacts.evidence import evidence_of
from steadynorm.artifacts.formats import read
from steadynorm.checks.registry import run
from steadynorm.errors import UnusableInputError
from steadynorm.evidence import Evidence, Mode
from steadynorm.finding import Certainty, Finding, Severity
from steadynorm.norm.config import NormConfig
from steadynorm.recorded import Graph, GraphLayer, Saver, TrainStep, Update, Use

DATA = Path(__file__).parents[1] / "data"
RANDOM = np.random.default_rng(0)
CHANNELS = 8


def tensor(name: str, values: Any) -> Tensor:
    array = np.asarray(values)
    return Tensor(name, array.shape, array.dtype.name, lambda: array)


def contents(values: Mapping[str, Any], framework: str = "tensorflow", **more: Any) -> Contents:
    return Contents("a checkpoint", framework, {name: tensor(name, each) for name, each in values.items()}, **more)


def layer(scope: str, trained: bool = True, updated: bool = True, affine: str = "gamma beta") -> dict[str, Any]:
    """TensorFlow's variables of one layer."""
    normal = RANDOM.normal(size=(4, CHANNELS)).astype("float32")
    return {
        **({f"{scope}/gamma": 1 + 0.1 * normal[0] * trained} if "gamma" in affine else {}),
        **({f"{scope}/beta": 0.1 * normal[1] * trained} if "beta" in affine else {}),
        f"{scope}/moving_mean": normal[2] * updated,
        f"{scope}/moving_variance": np.exp(normal[3] * updated),
    }


def kernel(scope: str) -> dict[str, Any]:
    return {f"{scope}/kernel": RANDOM.normal(size=(3, 3, 2, CHANNELS)).astype("float32")}


def checked(evidence: Evidence) -> list[Finding]:
    return run(evidence)[0]


def codes(findings: list[Finding], least: Severity = Severity.WARNING) -> list[str]:
    return [each.code for each in findings if each.severity.rank >= least.rank]


def of(*parts: Mapping[str, Any], framework: str = "tensorflow", **more: Any) -> list[Finding]:
    return checked(
        evidence_of(contents({name: each for part in parts for name, each in part.items()}, framework, **more))
    )


ROLES = {"gamma": 0, "beta": 1, "mean": 2, "variance": 3}
NAMES = {
    "slim": ("tensorflow", "net/conv/BatchNorm", "{0}/gamma {0}/beta {0}/moving_mean {0}/moving_variance"),
    "Keras 1 or h5": ("keras", "bn", "{0}/gamma:0 {0}/beta:0 {0}/running_mean:0 {0}/running_variance:0"),
    "objects": (
        "tensorflow",
        "model/bn",
        " ".join(
            f"{{0}}/{role}/.ATTRIBUTES/VARIABLE_VALUE" for role in ("gamma", "beta", "moving_mean", "moving_variance")
        ),
    ),
    "PyTorch": ("torch", "module.layer1.0.bn2", "{0}.weight {0}.bias {0}.running_mean {0}.running_var"),
    "Linen": ("flax", "BatchNorm_0", "params/{0}/scale params/{0}/bias batch_stats/{0}/mean batch_stats/{0}/var"),
    "safetensors of Linen": (
        "torch",
        "a.bn",
        "params.{0}.scale params.{0}.bias batch_stats.{0}.mean batch_stats.{0}.var",
    ),
}


@pytest.mark.parametrize("convention", NAMES)
def test_conventions(convention: str) -> None:
    framework, name, names = NAMES[convention]
    arrays = [RANDOM.uniform(0.5, 2, CHANNELS) for _ in ROLES]
    evidence = evidence_of(contents(dict(zip(names.format(name).split(), arrays, strict=True)), framework))

    (found,) = evidence.layers
    assert (found.name, found.channels, found.assumed) == (name, CHANNELS, {"decay", "epsilon"})
    assert found.statistics is not None
    for index, values in enumerate((found.gamma, found.beta, found.statistics.mean, found.statistics.variance)):
        np.testing.assert_array_equal(values, arrays[index])


def test_what_is_no_batch_normalization() -> None:
    vector = np.ones(4, "float32")
    names = [
        "encoder.norm.weight", "encoder.norm.bias", "fc.weight", "fc.bias", "ln_1.weight", "ln_1.bias",
        "LayerNorm/gamma", "LayerNorm/beta", "InstanceNorm/gamma", "InstanceNorm/beta",
        "optimizer/bn/gamma", "bn/gamma/Adam", "bn/gamma/.OPTIMIZER_SLOT/optimizer/m/.ATTRIBUTES/VARIABLE_VALUE",
    ]  # fmt: skip
    evidence = evidence_of(contents(dict.fromkeys(names, vector)))

    assert evidence.layers == ()
    assert evidence.stored is not None
    assert evidence.stored.without_statistics == ()


def test_statistics_of_different_lengths_are_something_else() -> None:
    assert evidence_of(contents({"a/moving_mean": np.ones(3), "a/moving_variance": np.ones(4)})).layers == ()


def test_debiased_averages_count_their_updates() -> None:
    values = layer("bn") | {"bn/moving_mean/local_step": np.float32(7), "bn/moving_mean/biased": np.ones(CHANNELS)}
    (found,) = evidence_of(contents(values)).layers
    assert found.statistics is not None
    assert found.statistics.updates == 7


def test_names_of_variables_where_keys_say_nothing() -> None:
    names = {"gamma": "gamma", "beta": "beta", "mean": "moving_mean", "variance": "moving_variance"}
    values = {f"variables/{number}/.ATTRIBUTES/VARIABLE_VALUE": np.full(4, number + 0.5) for number in range(4)}
    full = {key: f"bn_3/{name}" for key, name in zip(values, names.values(), strict=True)}

    (found,) = evidence_of(contents(values, facts={"full_names": full})).layers
    assert found.name == "bn_3"
    assert found.statistics is not None
    assert found.statistics.variance[0] == 3.5


def test_layers_come_in_their_natural_order() -> None:
    values = {name: each for number in (1, 10, 2) for name, each in layer(f"bn_{number}").items()}
    assert [each.name for each in evidence_of(contents(values)).layers] == ["bn_1", "bn_2", "bn_10"]


@pytest.mark.parametrize(
    ("values", "framework", "steps"),
    [
        ({"global_step": np.int64(30)}, "tensorflow", 30),
        ({"optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE": np.int64(31)}, "tensorflow", 31),
        ({"optimizer/_iterations/.ATTRIBUTES/VARIABLE_VALUE": np.int64(32)}, "tensorflow", 32),
        ({"training/Adam/iterations": np.int64(33)}, "tensorflow", 33),
        ({"state/step": np.int32(34)}, "flax", 34),
        ({"global_step": np.float32("nan")}, "tensorflow", None),
        ({"global_step": np.int64(-1)}, "tensorflow", None),
        ({"global_step": np.zeros(3)}, "tensorflow", None),
    ],
)
def test_steps(values: dict[str, Any], framework: str, steps: int | None) -> None:
    stored = evidence_of(contents(values, framework)).stored
    assert stored is not None
    assert stored.steps == steps


# Real files.


def test_inception() -> None:
    evidence = evidence_of(read(DATA / "inception_v3"))
    assert len(evidence.layers) == 94
    assert evidence.stored is not None
    assert evidence.stored.steps == 30
    assert codes(checked(evidence)) == []


def test_real_checkpoints_without_their_graphs() -> None:
    # The label of 06: trained in inference mode, all means 0 and all variances 1. 03 was updated by hand.
    assert codes(checked(evidence_of(read(DATA / "corpus/06-dense-net/model.ckpt")))) == ["SN103"]
    assert codes(checked(evidence_of(read(DATA / "corpus/03-updates-fetched-by-hand/model.ckpt")))) == []


def test_names_and_shapes_alone(tmp_path: Path) -> None:
    source = DATA / "corpus/06-dense-net/model.ckpt.index"
    (tmp_path / "model.ckpt.index").write_bytes(source.read_bytes())
    evidence = evidence_of(read(tmp_path / "model.ckpt"))

    assert [(each.name, each.statistics) for each in evidence.layers] == [("bn", None)]
    assert evidence.stored is not None
    assert not evidence.stored.values
    assert checked(evidence) == []


# What a checkpoint proves.


def test_healthy() -> None:
    assert of(kernel("a"), layer("a/bn"), kernel("b"), layer("b/bn"), {"global_step": np.int64(5000)}) == []
    assert of(layer("bn", trained=False, updated=False)) == []


def test_at_initialization() -> None:
    (found,) = of(layer("a/bn", updated=False), layer("b/bn"))
    assert (found.code, found.layers, found.certainty) == ("SN103", ("a/bn",), Certainty.PROVEN)


def test_at_initialization_without_gamma_and_beta() -> None:
    (found,) = of(layer("bn", updated=False, affine=""), {"global_step": np.int64(5000)})
    assert (found.code, found.certainty) == ("SN103", Certainty.LIKELY)
    assert of(layer("bn", updated=False, affine=""), {"global_step": np.int64(0)}) == []


def test_a_second_build_with_variables_of_its_own() -> None:
    first = [kernel("train/c"), layer("train/c/bn"), kernel("train/d"), layer("train/d/bn")]
    second = [
        kernel("test/c"), layer("test/c/bn", False, False), kernel("test/d"), layer("test/d/bn", False, False)
    ]  # fmt: skip
    (found,) = of(*first, *second)
    assert (found.code, found.layers) == ("SN206", ("test/c/bn", "test/d/bn"))
    # A branch that is not used is no second build.
    assert of(*first, layer("test/d/bn", False, False)) == []
    assert of(*first, *[kernel("test/c"), layer("test/c/bn")], *[kernel("test/d"), layer("test/d/bn")]) == []


def test_not_saved() -> None:
    lost = {name: each for name, each in layer("b/BatchNorm").items() if "moving" not in name}
    (found,) = of(layer("a/BatchNorm"), lost)
    assert (found.code, found.layers, found.certainty) == ("SN301", ("b/BatchNorm",), Certainty.LIKELY)
    (found,) = of(lost)
    assert found.code == "SN301"


def test_averages_of_the_parameters_only() -> None:
    values = layer("bn")
    parameters = {
        f"{name}/ExponentialMovingAverage": 0.9 * each for name, each in values.items() if "moving" not in name
    }
    (found,) = of(values, parameters)
    assert (found.code, found.severity, found.certainty) == ("SN305", Severity.INFO, Certainty.LIKELY)

    everything = {f"{name}/ExponentialMovingAverage": 0.9 * each for name, each in values.items()}
    assert of(values, everything) == []
    equal = {f"{name}/ExponentialMovingAverage": each for name, each in values.items() if "moving" not in name}
    assert of(values, equal) == []


# A graph beside the checkpoint.


def graph(**more: Any) -> Graph:
    known = GraphLayer("bn", "FusedBatchNorm", 8, "x/g", "x/b", "x/m", "x/v", epsilon=0.002, decay=0.5)
    use = more.pop("use", Use("bn", "bn/FusedBatchNorm", None, trained=True))
    steps = (TrainStep("Adam", ("bn",)),)
    return Graph(uses=(use,), train_steps=steps, layers=(known,), **more)


RUN = (Update("bn", "mean", "m", 0.5, ("Adam",)), Update("bn", "variance", "v", 0.5, ("Adam",)))


def own_names(updated: bool = True) -> dict[str, Any]:
    renamed = {"gamma": "x/g", "beta": "x/b", "moving_mean": "x/m", "moving_variance": "x/v"}
    return {renamed[name.rpartition("/")[2]]: each for name, each in layer("bn", updated=updated).items()}


def test_a_graph_tells_names_and_options() -> None:
    evidence = evidence_of(contents(own_names()), graph=contents({}, graph=graph(updates=RUN)))

    (found,) = evidence.layers
    assert (found.name, found.kind, found.config.decay, found.config.epsilon) == ("bn", "FusedBatchNorm", 0.5, 0.002)
    assert found.statistics is not None
    assert found.assumed == frozenset()


def test_a_graph_without_its_checkpoint() -> None:
    evidence = evidence_of(None, graph=contents({}, graph=graph()))
    assert [(each.name, each.statistics) for each in evidence.layers] == [("bn", None)]
    assert evidence.stored is None
    with pytest.raises(UnusableInputError, match="neither"):
        evidence_of(None)


def stored_codes(values: dict[str, Any], described: Graph) -> list[str]:
    evidence = evidence_of(contents(values), graph=contents({}, graph=described))
    return [each.code for each in checked(evidence) if each.code in ("SN103", "SN104", "SN301")]


def test_a_graph_that_names_the_cause_silences_the_symptom() -> None:
    assert stored_codes(own_names(updated=False), graph(updates=RUN)) == ["SN103"]
    assert stored_codes(own_names(updated=False), graph()) == []
    fixed = Use("bn", "bn/FusedBatchNorm", Mode.POPULATION, trained=True)
    assert stored_codes(own_names(updated=False), graph(use=fixed)) == []


def test_not_saved_though_the_graph_has_them() -> None:
    values = {name: each for name, each in own_names().items() if name in ("x/g", "x/b")}
    assert stored_codes(values, graph(updates=RUN)) == ["SN301"]
    # One cause, one finding: the saver of the graph says it.
    saver = Saver("save", tuple(values), ("bn",), main=True)
    assert stored_codes(values, graph(updates=RUN, savers=(saver,))).count("SN301") <= 1


def test_steps_and_decay_give_the_lag() -> None:
    assert stored_codes(own_names() | {"global_step": np.int64(3)}, graph(updates=RUN)) == ["SN104"]
    assert stored_codes(own_names() | {"global_step": np.int64(8)}, graph(updates=RUN)) == []
    assert stored_codes(own_names() | {"global_step": np.int64(3)}, graph()) == []


# A pair.


def converted(values: dict[str, Any], add: float = 0.0) -> Contents:
    """The same layers under PyTorch's names."""
    roles = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
    renamed = {}
    for name, each in values.items():
        scope, _, role = name.rpartition("/")
        number = 7 if scope == "first" else 9
        renamed[f"features.{number}.{roles[role]}"] = (each + add * (role == "moving_variance")).astype("float32")
    return contents(
        renamed, "torch", facts={"modules": {f"features.{n}": {"eps": 1e-5, "momentum": 0.1} for n in (7, 9)}}
    )


def small_variances(scope: str) -> dict[str, Any]:
    values = layer(scope)
    values[f"{scope}/moving_variance"] = np.linspace(0.001, 0.02, CHANNELS, dtype="float32")
    return values


def before(values: dict[str, Any], epsilon: float, decay: float = 0.9) -> Contents:
    configs = {scope: NormConfig(epsilon=epsilon, decay=decay) for scope in ("first", "second")}
    return contents(values, "keras", facts={"configs": configs})


def test_converted_with_another_epsilon() -> None:
    values = small_variances("first") | small_variances("second")
    (found,) = checked(evidence_of(converted(values), before=before(values, 1e-3)))
    assert (found.code, found.certainty) == ("SN304", Certainty.PROVEN)
    assert set(found.layers) == {"features.7", "features.9"}
    assert codes(checked(evidence_of(converted(values), before=before(values, 1e-5)))) == []
    # The variances were corrected, so that variance + epsilon is what it was.
    assert codes(checked(evidence_of(converted(values, 1e-3 - 1e-5), before=before(values, 1e-3)))) == []
    # And here corrected twice.
    assert codes(checked(evidence_of(converted(values, 2e-3), before=before(values, 1e-3)))) == ["SN304"]


def test_converted_with_variances_that_are_large() -> None:
    values = layer("first") | layer("second")
    assert codes(checked(evidence_of(converted(values), before=before(values, 1e-3)))) == []


def test_converted_with_defaults_that_nothing_tells() -> None:
    values = small_variances("first") | small_variances("second")
    (found,) = checked(evidence_of(converted(values), before=contents(values, "keras")))
    assert (found.code, found.certainty) == ("SN304", Certainty.LIKELY)


def test_decay_that_was_taken_for_momentum() -> None:
    values = layer("first") | layer("second")
    now = converted(values)
    swapped = {f"features.{number}": {"eps": 1e-5, "momentum": 0.9} for number in (7, 9)}
    now = contents({name: each.load() for name, each in now.tensors.items()}, "torch", facts={"modules": swapped})
    assert "SN304" in codes(checked(evidence_of(now, before=before(values, 1e-5))))
    assert codes(checked(evidence_of(converted(values), before=before(values, 1e-5)))) == []


def test_paths_of_objects_that_lead_through_the_optimizer() -> None:
    """As Keras 3 writes them: gamma in the optimizer's list, the statistics in the model."""
    values = {
        "model/operations/2/moving_mean": "net/bn/moving_mean",
        "model/operations/2/moving_variance": "net/bn/moving_variance",
        "optimizer/_trainable_variables/0": "net/bn/gamma",
        "optimizer/_trainable_variables/1": "net/bn/beta",
        "optimizer/_variables/2": "adam/net_bn_gamma_momentum",
    }
    suffix = "/.ATTRIBUTES/VARIABLE_VALUE"
    full = {f"{key}{suffix}": name for key, name in values.items()}

    (found,) = evidence_of(contents(dict.fromkeys(full, np.full(4, 2.0)), facts={"full_names": full})).layers
    assert found.name == "net/bn"
    assert found.gamma is not None
    assert found.beta is not None


def test_two_models_whose_variables_have_the_same_names() -> None:
    suffix = "/.ATTRIBUTES/VARIABLE_VALUE"
    keys = [
        f"{model}/bn/{role}{suffix}" for model in ("a", "b") for role in ("gamma", "moving_mean", "moving_variance")
    ]
    full = {key: key.removesuffix(suffix)[2:] for key in keys}

    evidence = evidence_of(contents(dict.fromkeys(keys, np.full(4, 2.0)), facts={"full_names": full}))
    assert [each.name for each in evidence.layers] == ["a/bn", "b/bn"]


ODD = st.sampled_from([0.0, 1.0, -1.0, 1e-30, 1e38, -1e38, 1e300, float("inf"), float("-inf"), float("nan"), 0.5])
VALUES = st.fixed_dictionaries(
    {
        f"{scope}.{role}": st.lists(ODD, min_size=3, max_size=3).map(np.array)
        for scope in ("bn", "ema.bn")
        for role in ("weight", "bias", "running_mean", "running_var")
    }
    | {
        "bn.num_batches_tracked": ODD.map(np.array),
        "global_step": ODD.map(np.array),
        "fc.weight": ODD.map(np.atleast_2d),
    }
)


@given(VALUES, VALUES, VALUES)
@settings(max_examples=300)
def test_any_numbers_can_be_checked(now: dict[str, Any], then: dict[str, Any], rank: dict[str, Any]) -> None:
    modules = {"modules": {"bn": {"eps": 1e-5, "momentum": 0.1}}}
    evidence = evidence_of(
        contents(now, "torch", facts=modules),
        before=contents(then, "torch", facts=modules),
        ranks={"rank1": contents(rank, "torch")},
    )
    for each in checked(evidence):
        assert each.message


def test_other_normalizations_beside_layers_with_statistics() -> None:
    names = [
        "layer_normalization",
        "group_normalization_1",
        "LayerNorm",
        "block/norm",
        "block2/ln",
        "block/conv1/GroupNorm",
    ]
    others = {f"{name}/{role}": RANDOM.normal(size=CHANNELS) for name in names for role in ("gamma", "beta")}
    assert of(others, layer("batch_normalization"), layer("stem/norm"), layer("conv1/BatchNorm"), kernel("conv1")) == []


def test_averages_in_collections_of_their_own() -> None:
    def state(front: str, statistics: bool = True) -> dict[str, Any]:
        normal = RANDOM.normal(size=(3, CHANNELS))
        values = {f"{front}params/BatchNorm_0/scale": normal[0], f"{front}params/BatchNorm_0/bias": normal[1]}
        averages = {f"{front}batch_stats/BatchNorm_0/{name}": np.exp(normal[2]) for name in ("mean", "var")}
        return {**values, **(averages if statistics else {})}

    assert of(state(""), state("ema_"), framework="flax") == []
    (found,) = of(state(""), state("ema_", statistics=False), framework="flax")
    assert (found.code, found.severity, found.layers) == ("SN305", Severity.WARNING, ("BatchNorm_0",))
    assert "batch_stats" in found.remedy
    assert "tf." not in found.remedy


def test_layers_that_keras_numbers_anew() -> None:
    def build(first: int, values: list[dict[str, Any]]) -> dict[str, Any]:
        names = [f"batch_normalization_{number}" if number else "batch_normalization" for number in range(first, 99)]
        return {name.replace("@", names[at]): each for at, layer in enumerate(values) for name, each in layer.items()}

    trained = [layer("@") for _ in range(3)]
    initial = [
        {**each, "@/moving_mean": np.zeros(CHANNELS), "@/moving_variance": np.ones(CHANNELS)} for each in trained
    ]
    before = contents(build(0, trained), "keras")
    for first in (0, 1, 22):  # with 1 two of three names are those of other layers
        now = contents(build(first, initial), "keras")
        (found,) = checked(evidence_of(now, before=before))
        assert (found.code, len(found.layers)) == ("SN302", 3)
        assert ("by their order" in found.message) == (first > 0)
        assert checked(evidence_of(contents(build(first, trained), "keras"), before=before)) == []
    # Another number of layers is another model.
    other = evidence_of(contents(build(22, initial[:2]), "keras"), before=before)
    assert other.stored is not None
    assert not other.stored.by_order
