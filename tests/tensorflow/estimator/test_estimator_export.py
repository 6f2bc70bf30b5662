"""Estimator.export_saved_model: loads with both APIs and gives what predict gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from steadynorm.tensorflow import estimator as est

v1 = tf.compat.v1
DEFAULT = "serving_default"


def receiver():
    x = v1.placeholder(tf.float32, [None, 2], name="x")
    return est.export.ServingInputReceiver({"x": x}, {"x": x})


@pytest.fixture
def trained(make_trained):
    return make_trained(10)


@pytest.fixture
def expected(trained, once):
    return np.array([example["y"] for example in trained.predict(once)])


def run_v1(folder, feeds, signature=DEFAULT):
    with tf.Graph().as_default(), v1.Session() as session:
        loaded = v1.saved_model.load(session, [tf.saved_model.SERVING], folder)
        definition = loaded.signature_def[signature]
        feeds = {definition.inputs[name].name: value for name, value in feeds.items()}
        return session.run({name: info.name for name, info in definition.outputs.items()}, feeds)


@pytest.mark.usefixtures("eager")
def test_loads_with_both_apis(trained, expected, data, tmp_path):
    folder = trained.export_saved_model(tmp_path / "export", receiver)
    assert Path(folder).parent == tmp_path / "export"
    assert Path(folder).name.isdigit()
    np.testing.assert_allclose(run_v1(folder, {"x": data[0]})["y"], expected, rtol=1e-6)
    signature = tf.saved_model.load(folder).signatures[DEFAULT]
    np.testing.assert_allclose(signature(x=tf.constant(data[0]))["doubled"], 2 * expected, rtol=1e-6)


def test_two_exports_in_one_second(trained, tmp_path):
    first, second = (trained.export_saved_model(tmp_path, receiver) for _ in range(2))
    assert int(Path(second).name) > int(Path(first).name)
    assert not list(tmp_path.glob("temp-*"))


def test_an_earlier_checkpoint_as_text_with_assets(trained, data, tmp_path):
    note = tmp_path / "note.txt"
    note.write_text("hello")
    folder = trained.export_savedmodel(
        str(tmp_path / "export"),
        receiver,
        assets_extra={"notes/a.txt": str(note)},
        as_text=True,
        checkpoint_path=str(tmp_path / "model" / "model.ckpt-0"),
    )
    assert (Path(folder) / "saved_model.pbtxt").exists()
    assert (Path(folder) / "assets.extra" / "notes" / "a.txt").read_text() == "hello"
    np.testing.assert_array_equal(run_v1(folder, {"x": data[0]})["y"], np.zeros(32))


def test_serialized_examples_and_classification(make, model, trained, expected, data, tmp_path):
    def with_classes(features, labels, mode, params):
        spec = model(features, labels, mode, params)
        if mode != est.ModeKeys.PREDICT:
            return spec
        scores = tf.stack([-spec.predictions["y"], spec.predictions["y"]], 1)
        outputs = {
            DEFAULT: est.export.PredictOutput(spec.predictions),
            "classes": est.export.ClassificationOutput(scores=scores),
            "value": est.export.RegressionOutput(spec.predictions["y"]),
        }
        return spec._replace(export_outputs=outputs)

    estimator = make(with_classes, params={})
    parsing = est.export.build_parsing_serving_input_receiver_fn({"x": tf.io.FixedLenFeature([2], tf.float32)})
    folder = estimator.export_saved_model(tmp_path / "examples", parsing)
    serialized = [
        tf.train.Example(
            features=tf.train.Features(feature={"x": tf.train.Feature(float_list=tf.train.FloatList(value=row))})
        ).SerializeToString()
        for row in data[0]
    ]
    np.testing.assert_allclose(run_v1(folder, {"examples": serialized})["y"], expected, rtol=1e-6)
    classes = run_v1(folder, {"inputs": serialized}, "classes")
    np.testing.assert_allclose(classes["scores"][:, 1], expected, rtol=1e-6)
    np.testing.assert_allclose(run_v1(folder, {"inputs": serialized}, "value")["outputs"], expected, rtol=1e-6)


def test_signatures_that_the_inputs_cannot_feed_are_left_out(make, model, trained, tmp_path, caplog):
    def with_classes(features, labels, mode, params):
        spec = model(features, labels, mode, params)
        scores = tf.stack([spec.predictions["y"]] * 2, 1)
        outputs = {
            DEFAULT: est.export.PredictOutput(spec.predictions),
            "classes": est.export.ClassificationOutput(scores=scores),
        }
        return spec._replace(export_outputs=outputs)

    folder = make(with_classes, params={}).export_saved_model(tmp_path / "export", receiver)
    assert set(tf.saved_model.load(folder).signatures) == {DEFAULT}
    assert "signature classes is not exported" in caplog.text


def test_raw_features_and_alternative_receivers(trained, expected, data, tmp_path):
    with tf.Graph().as_default():
        raw = est.export.build_raw_serving_input_receiver_fn({"x": v1.placeholder(tf.float32, [7, 2])})
    folder = trained.export_saved_model(tmp_path / "raw", raw)
    np.testing.assert_allclose(run_v1(folder, {"x": data[0]})["y"], expected, rtol=1e-6)

    def with_alternative():
        halved = v1.placeholder(tf.float32, [None, 2])
        x = tf.multiply(halved, 2)
        return est.export.TensorServingInputReceiver(x, halved, {"full": {"x": x}})

    folder = trained.export_saved_model(tmp_path / "alternative", with_alternative)
    np.testing.assert_allclose(run_v1(folder, {"input": data[0] / 2})["y"], expected, rtol=1e-6)
    np.testing.assert_allclose(run_v1(folder, {"x": data[0]}, f"full:{DEFAULT}")["y"], expected, rtol=1e-6)


@pytest.mark.usefixtures("eager")
def test_tables_are_initialized_where_it_is_loaded(make, model, trained, data, tmp_path):
    def with_table(features, labels, mode, params):
        spec = model(features, labels, mode, params)
        keys = tf.constant([0, 1], tf.int64)
        initializer = tf.lookup.KeyValueTensorInitializer(keys, tf.constant(["low", "high"]))
        words = tf.lookup.StaticHashTable(initializer, "?")
        word = words.lookup(tf.cast(spec.predictions["y"] > 0, tf.int64))
        return est.EstimatorSpec(mode, predictions={"word": word})

    folder = make(with_table, params={}).export_saved_model(tmp_path / "export", receiver)
    assert set(run_v1(folder, {"x": data[0]})["word"]) <= {b"low", b"high"}
    assert set(tf.saved_model.load(folder).signatures[DEFAULT](x=tf.constant(data[0]))["word"].numpy()) <= {
        b"low",
        b"high",
    }


def test_errors(make, trained, tmp_path):
    with pytest.raises(TypeError, match="expected a ServingInputReceiver"):
        trained.export_saved_model(tmp_path / "export", lambda: {"x": 1})
    with pytest.raises(est.NoCheckpointError, match="call train first"):
        make(folder="untrained").export_saved_model(tmp_path / "export", receiver)
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize(
    ("make_output", "message"),
    [
        (lambda t: est.export.PredictOutput({}), "has no outputs"),
        (lambda t: est.export.PredictOutput({"a": 1}), "expected a name and a tensor"),
        (lambda t: est.export.ClassificationOutput(), "neither scores nor classes"),
        (lambda t: est.export.ClassificationOutput(scores=tf.cast(t, tf.int32)), "expected a tensor of floats"),
        (lambda t: est.export.ClassificationOutput(classes=t), "expected a tensor of strings"),
        (lambda t: est.export.RegressionOutput(tf.as_string(t)), "expected a tensor of floats"),
        (lambda t: est.export.ServingInputReceiver(t, {}), "receiver_tensors is empty"),
        (lambda t: est.export.ServingInputReceiver(t, {"x": "x"}), "feed a placeholder"),
    ],
)
def test_outputs_and_receivers_are_checked(make_output, message):
    with tf.Graph().as_default(), pytest.raises(ValueError, match=message):
        make_output(tf.zeros([2]))


@pytest.mark.parametrize("kind", ["ServingInputReceiver", "TensorServingInputReceiver"])
def test_a_single_feature_is_in_a_dict_unless_the_receiver_is_for_a_tensor(make, model, trained, expected, data, kind):
    seen = []

    def model_fn(features, labels, mode, params):
        seen.append(features)
        return model(features["feature"] if isinstance(features, dict) else features, labels, mode, params)

    def one():
        x = v1.placeholder(tf.float32, [None, 2])
        return getattr(est.export, kind)(x, x)

    folder = make(model_fn, params={}).export_saved_model(Path(trained.model_dir) / "export", one)
    assert isinstance(seen[0], dict) == (kind == "ServingInputReceiver")
    np.testing.assert_allclose(run_v1(folder, {"input": data[0]})["y"], expected, rtol=1e-6)


def test_the_newest_export_is_the_one_that_is_kept(trained, tmp_path):
    exporter = est.LatestExporter("latest", receiver, exports_to_keep=1)
    folder, names = tmp_path / "exports", []
    for _ in range(3):
        path = exporter.export(trained, str(folder), trained.latest_checkpoint(), {}, False)
        assert [each.name for each in folder.iterdir()] == [Path(path).name]
        names.append(int(Path(path).name))
    assert names == sorted(set(names))


def test_a_tensor_receiver_takes_one_tensor():
    with pytest.raises(ValueError, match="expected a single tensor"):
        est.export.TensorServingInputReceiver({"x": 1}, 2)


@pytest.mark.parametrize("strip", [False, True])
def test_attributes_that_are_the_default_can_be_stripped(trained, expected, data, tmp_path, strip):
    folder = trained.export_savedmodel(tmp_path / "old", receiver, strip_default_attrs=strip)
    (meta,) = saved_model_pb2.SavedModel.FromString((Path(folder) / "saved_model.pb").read_bytes()).meta_graphs
    products = [node for node in meta.graph_def.node if node.op == "MatMul"]
    assert meta.meta_info_def.stripped_default_attrs == strip
    assert products
    assert all(("transpose_a" in node.attr) != strip for node in products)
    np.testing.assert_allclose(run_v1(folder, {"x": data[0]})["y"], expected, rtol=1e-6)


def test_the_mode_of_an_export_is_that_of_prediction(trained, tmp_path):
    trained.export_saved_model(tmp_path / "export", receiver, experimental_mode=est.ModeKeys.PREDICT)
    with pytest.raises(ValueError, match="experimental_mode is 'train'; expected 'infer'"):
        trained.export_saved_model(tmp_path / "export", receiver, experimental_mode=est.ModeKeys.TRAIN)
