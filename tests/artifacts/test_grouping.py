"""Which files belong together."""

from __future__ import annotations

import pytest

from steadynorm.artifacts.grouping import OLDER, SHARDS, Group, Piece, alone, grouped, prefix_of

TENSORFLOW, TORCH, GRAPH = "TensorFlow checkpoint", "PyTorch checkpoint", "TensorFlow MetaGraphDef"


def groups(*pieces: Piece, **options: dict) -> list[tuple[str, tuple[str, ...]]]:
    found, _ = grouped(pieces, options.get("shards", {}), options.get("states", {}))
    return [(group.path, group.files) for group in found]


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        ("run/model.ckpt-10.index", "run/model.ckpt-10"),
        ("run/model.ckpt-10.meta", "run/model.ckpt-10"),
        ("run/model.ckpt-10.data-00000-of-00001", "run/model.ckpt-10"),
        ("run/model.ckpt-10-00000-of-00004", "run/model.ckpt-10"),
        ("run/model.ckpt-10", "run/model.ckpt-10"),
        ("model-00001-of-00002.safetensors", "model-00001-of-00002.safetensors"),
    ],
)
def test_prefix_follows_from_the_name(path: str, prefix: str) -> None:
    assert prefix_of(path) == prefix


@pytest.mark.parametrize("checkpoint", ["run/m-1.index", "run/m-1"])
def test_graph_and_checkpoint_of_one_prefix_are_one_model(checkpoint: str) -> None:
    found = groups(Piece(checkpoint, TENSORFLOW), Piece("run/m-1.meta", GRAPH), Piece("run/m-2.meta", GRAPH))

    assert found == [("run/m-1", (checkpoint, "run/m-1.meta")), ("run/m-2", ("run/m-2.meta",))]


def test_shards_of_an_old_checkpoint_are_one() -> None:
    found = groups(*(Piece(f"run/m-1-0000{shard}-of-00003", TENSORFLOW) for shard in range(3)))

    assert found == [("run/m-1", ("run/m-1-00000-of-00003",))]


def test_last_checkpoint_of_a_run_stands_for_it() -> None:
    pieces = [Piece(f"run/m-{step}.{end}", TENSORFLOW) for step in (9, 10, 20) for end in ("index", "meta")]
    found, skipped = grouped(pieces, {}, {"run": ("m-20", "m-9", "m-10")})

    assert [group.path for group in found] == ["run/m-20"]
    assert skipped == {OLDER: 2}


def test_older_checkpoint_that_is_named_is_kept() -> None:
    pieces = [Piece("run/m-9.index", TENSORFLOW, named=True), Piece("run/m-20.index", TENSORFLOW)]
    found, skipped = grouped(pieces, {}, {"run": ("m-20", "m-9")})

    assert [group.path for group in found] == ["run/m-9", "run/m-20"]
    assert not skipped


def test_where_the_state_names_a_checkpoint_that_is_not_there_the_highest_step_is_the_last() -> None:
    pieces = [Piece(f"run/m-{step}.index", TENSORFLOW) for step in (9, 10)]

    assert [path for path, _ in groups(*pieces, states={"run": ("m-20",)})] == ["run/m-10"]


def test_other_checkpoints_beside_those_of_the_run_are_kept() -> None:
    pieces = [Piece(path, TENSORFLOW) for path in ("run/m-9.index", "run/m-20.index", "run/pretrained.index")]

    assert [path for path, _ in groups(*pieces, states={"run": ("m-20",)})] == ["run/m-20", "run/pretrained"]


def test_shards_belong_to_the_index_that_names_them() -> None:
    index, first, second = "m.safetensors.index.json", "m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"
    pieces = [Piece(index, "sharded safetensors"), Piece(first, "safetensors"), Piece(second, "safetensors")]
    found, skipped = grouped(pieces, {index: frozenset({first, second})}, {})

    assert [group.files for group in found] == [(index,)]
    assert skipped == {SHARDS: 2}


@pytest.mark.parametrize(
    "names",
    [
        ("rank0.pt", "rank1.pt"),
        ("model_rank_0.pt", "model_rank_1.pt"),
        ("epoch3-mp_rank_00_model_states.pt", "epoch3-mp_rank_01_model_states.pt"),
        ("checkpoint-0-of-8.pt", "checkpoint-7-of-8.pt"),
    ],
)
def test_files_that_differ_in_the_number_of_a_rank_are_one_run(names: tuple[str, ...]) -> None:
    assert groups(*(Piece(f"run/{name}", TORCH) for name in names)) == [
        (f"run/{names[0]}", tuple(f"run/{name}" for name in names))
    ]


@pytest.mark.parametrize(
    "names",
    [
        ("a/rank0.pt", "b/rank1.pt"),
        ("epoch1.pt", "epoch2.pt"),
        ("frank1.pt", "frank2.pt"),
        ("model-1.pt", "model-2.pt"),
    ],
)
def test_other_numbers_and_folders_are_models_of_their_own(names: tuple[str, ...]) -> None:
    assert [files for _, files in groups(*(Piece(name, TORCH) for name in names))] == [(name,) for name in names]


def test_formats_are_not_mixed() -> None:
    assert len(groups(Piece("rank0.pt", TORCH), Piece("rank1.pt", "pickle"))) == 2


def test_group_that_does_not_belong_together_falls_apart() -> None:
    group = Group("rank0.pt", ("rank0.pt", "rank1.pt"), named=True)

    assert [(each.path, each.checkpoints, each.named) for each in alone(group)] == [
        ("rank0.pt", ("rank0.pt",), True),
        ("rank1.pt", ("rank1.pt",), True),
    ]


def test_pickle_of_anything_need_not_be_a_model() -> None:
    assert not Piece("data/cache.pkl", "pickle").certain
    assert Piece("data/cache.pkl", "pickle", named=True).certain
    assert Piece("runs/Model.PT", "pickle").certain
    assert Piece("runs/weights", TORCH).certain
