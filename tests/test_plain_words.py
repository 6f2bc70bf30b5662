"""What is said of files that are hostile or odd, in plain words and where it is seen."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

import steadynorm
from steadynorm.artifacts import assembly
from steadynorm.artifacts.dangers import dangerous
from steadynorm.report.words import printable, printable_lines


def state(name: str = "bn") -> dict[str, Any]:
    return {
        "conv.weight": torch.full((4, 3), 0.5),
        f"{name}.weight": torch.tensor([1.5, 0.5, 2.0, 1.0]),
        f"{name}.bias": torch.tensor([0.5, -0.5, 0.25, 0.0]),
        f"{name}.running_mean": torch.tensor([0.5, 0.25, -0.5, 1.0]),
        f"{name}.running_var": torch.tensor([0.5, -2.0, 1.5, 0.75]),
    }


class Command:
    def __reduce__(self) -> tuple[Any, tuple[str, ...]]:
        return os.system, ("touch ran",)


def test_code_that_a_pickle_names_is_told_of_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({**state(), "extra": Command()}, "m.pt")
    result = steadynorm.check("m.pt")
    text = " ".join(str(result).split())

    assert f"would run ({os.name}.system). Here it was read as data, and nothing was run." in text
    assert json.loads(result.to_json())["models"][0]["origin"]["code"] == [f"{os.name}.system"]
    assert not Path("ran").exists()


def test_code_is_told_of_among_several_models_too(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(2, 2), "extra": Command()}, tmp_path / "a.pt")
    torch.save(state(), tmp_path / "b.pt")

    assert "Code in files" in str(steadynorm.check(tmp_path))


def test_healthy_checkpoints_name_no_code(tmp_path: Path) -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(model.parameters())
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "here": tmp_path}, tmp_path / "a.pt")
    torch.save(model, tmp_path / "b.pt")
    result = steadynorm.check(tmp_path)

    assert [report.origin.code for report in result.reports if report.origin] == [(), ()]
    assert "Code in files" not in str(result)
    assert "Beware" not in str(result)


@pytest.mark.parametrize(
    "name", ["posix.system", "subprocess.Popen", "builtins.eval", "builtins.__import__", "runpy._run_code", "os.path.x"]
)
def test_dangerous_names(name: str) -> None:
    assert dangerous((name,)) == (name,)


@pytest.mark.parametrize(
    "name",
    [
        "collections.OrderedDict", "numpy.core.multiarray._reconstruct", "torch._utils._rebuild_tensor_v2",
        "lightning.fabric.utilities.data.AttributeDict", "omegaconf.dictconfig.DictConfig", "argparse.Namespace",
        "pathlib.PosixPath", "functools.partial", "__main__.Net", "builtins.getattr", "operating.systems.Model",
        "transformers.training_args.TrainingArguments",
    ],
)  # fmt: skip
def test_names_that_models_have(name: str) -> None:
    assert dangerous((name,)) == ()


def test_names_stay_in_their_row(tmp_path: Path) -> None:
    torch.save(state("a\nb\x1b[31m\rc"), tmp_path / "m.pt")
    result = steadynorm.check(tmp_path / "m.pt")
    rows = [line for line in str(result).splitlines() if "SN702" in line and "yes" in line]

    assert len(rows) == 1
    assert rows[0].split()[0] == "a\\nb\\x1b[31m\\rc"
    assert all("\x1b" not in each and "\r" not in each for each in (str(result), result.to_json()))
    assert "where layer a\\nb\\x1b[31m\\rc remedy" in " ".join(str(result).split())


def test_ends_of_lines_are_escaped_in_names_and_kept_in_tables() -> None:
    assert printable("a\nb\tc") == "a\\nb\\tc"
    assert printable("größer – ok") == "größer – ok"
    assert printable_lines("a\nb\x1bc") == "a\nb\\x1bc"


def test_models_of_absurdly_many_layers_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({**state("bn1"), **state("bn2"), **state("bn3")}, tmp_path / "m.pt")
    assert steadynorm.check(tmp_path / "m.pt").unread == ()
    monkeypatch.setattr(assembly, "MOST_LAYERS", 2)
    (unread,) = steadynorm.check(tmp_path / "m.pt").unread

    assert unread.reason.endswith("m.pt: has 3 normalization layers; expected at most 2")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.pt", b"", "is empty"),
        (
            "a.txt",
            b"hello there",
            "is of no format that is read; expected a file of PyTorch, safetensors, TensorFlow, ",
        ),
        ("a.safetensors", b"", "is empty"),
    ],
)
def test_unknown_files(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    (unread,) = steadynorm.check(tmp_path / name).unread

    assert said in unread.reason
    assert len(unread.reason) < len(str(tmp_path)) + 140


def test_digits_without_end(tmp_path: Path) -> None:
    text = b'{"a": ' + b"9" * 10_000 + b"}"
    (tmp_path / "a.safetensors").write_bytes(len(text).to_bytes(8, "little") + text)
    (unread,) = steadynorm.check(tmp_path / "a.safetensors").unread

    assert unread.reason.endswith("its header is no JSON: a number in it has thousands of digits")


def test_file_that_is_cut_short_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(3000))
    (unread,) = steadynorm.check(tmp_path / "a.h5").unread

    assert unread.reason.endswith("begins like an HDF5 file and cannot be opened as one; it is cut short or damaged")


def test_folder_without_models_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")

    assert "0 models with normalization layers checked; nothing of a known format was found." in str(
        steadynorm.check(tmp_path)
    ).replace("\n", " ")


def test_pickle_of_code_alone(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Command()))
    (unread,) = steadynorm.check(tmp_path / "a.pkl").unread

    assert "nothing in it was loaded or run" in unread.reason
    assert "system" in unread.reason
