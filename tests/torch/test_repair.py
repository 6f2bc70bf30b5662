"""A repair writes a new checkpoint whose statistics are right, shows the metric, and changes nothing else."""

import copy
import os
import stat

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional

import steadynorm
from steadynorm.report.repair import as_text
from steadynorm.subject import Subject
from steadynorm.torch.checkpoint import write


def network():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8, momentum=0.001), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16, momentum=0.001), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, 10),
    )  # fmt: skip


def accuracy(output, target):
    return (output.argmax(1) == target).float().mean()


@pytest.fixture(scope="module")
def trained():
    """Its statistics lag far behind its weights."""
    found = load_digits()
    images = torch.tensor(found.images, dtype=torch.float32).unsqueeze(1) / 4
    target = torch.tensor(found.target)
    torch.manual_seed(0)
    model, order = network(), torch.randperm(len(images))
    train, validation = order[:1400], order[1400:]
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(4):
        for batch in train.split(64):
            optimizer.zero_grad()
            functional.cross_entropy(model(images[batch]), target[batch]).backward()
            optimizer.step()
    split = {name: [(images[part], target[part]) for part in each.split(64)] for name, each in
             (("train_data", train), ("validation_data", validation))}  # fmt: skip
    return Subject(model, loss=functional.cross_entropy, metric=accuracy, **split)


def test_the_new_checkpoint_is_better_and_the_model_is_untouched(trained, tmp_path):
    before = copy.deepcopy(trained.model.state_dict())
    grads = [parameter.grad.clone() for parameter in trained.model.parameters()]
    random_state = torch.get_rng_state()
    result = steadynorm.repair(trained, tmp_path / "new.pt", progress=False)
    assert result.measure == "metric"
    assert result.after.metric > 0.93
    assert result.before.metric < result.after.metric - 0.05
    assert result.after.loss < result.before.loss
    assert result.output == tmp_path / "new.pt"
    assert [layer.name for layer in result.recalibration.layers] == ["1", "5"]
    for name, value in trained.model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(map(torch.equal, grads, (parameter.grad for parameter in trained.model.parameters())))
    assert trained.model.training
    assert torch.equal(random_state, torch.get_rng_state())


def test_the_file_holds_the_same_weights_and_reproduces_the_score(trained, tmp_path):
    result = steadynorm.repair(trained, str(tmp_path / "new.pt"), progress=False)
    state = torch.load(tmp_path / "new.pt", weights_only=True)
    for name, value in trained.model.state_dict().items():
        assert torch.equal(value, state[name]) is not name.endswith(("running_mean", "running_var")), name
    model = network()
    model.load_state_dict(state)
    model.eval()
    images, target = (torch.cat(each) for each in zip(*trained.validation_data, strict=True))
    assert accuracy(model(images), target).item() == pytest.approx(result.after.metric, abs=1e-6)


def test_permissions_are_those_of_any_file_and_nothing_else_is_left(trained, tmp_path):
    steadynorm.repair(trained, tmp_path / "new.pt", progress=False)
    other = tmp_path / "other"
    other.touch()
    assert os.listdir(tmp_path) == ["new.pt", "other"] or sorted(os.listdir(tmp_path)) == ["new.pt", "other"]
    assert stat.S_IMODE((tmp_path / "new.pt").stat().st_mode) == stat.S_IMODE(other.stat().st_mode)


@pytest.mark.parametrize("kind", ["file", "folder", "link", "broken link"])
def test_nothing_is_ever_written_over(trained, tmp_path, kind):
    target, output = tmp_path / "old.pt", tmp_path / "out.pt"
    target.write_bytes(b"precious")
    if kind == "file":
        output.write_bytes(b"precious")
    elif kind == "folder":
        output.mkdir()
    else:
        output.symlink_to(target if kind == "link" else tmp_path / "nothing")
    with pytest.raises(steadynorm.UnusableInputError, match="never writes over a file"):
        steadynorm.repair(trained, output, progress=False)
    assert target.read_bytes() == b"precious"
    assert len(os.listdir(tmp_path)) == 2


def test_a_folder_that_does_not_exist(trained, tmp_path):
    with pytest.raises(steadynorm.UnusableInputError, match="there is no folder"):
        steadynorm.repair(trained, tmp_path / "missing" / "new.pt")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("write failed")])
def test_a_failed_write_leaves_no_file(tmp_path, monkeypatch, error):
    def save(state, file):
        file.write(b"half")
        raise error

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(steadynorm.UnusableInputError, match=r"new\.pt' cannot be written"):
        write(nn.BatchNorm1d(2), tmp_path / "new.pt")
    assert os.listdir(tmp_path) == []


def test_an_interrupted_write_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write(nn.BatchNorm1d(2), tmp_path / "new.pt")
    assert os.listdir(tmp_path) == []


def test_a_file_that_appears_meanwhile_is_kept(tmp_path, monkeypatch):
    save = torch.save

    def slow(state, file):
        save(state, file)
        (tmp_path / "new.pt").write_bytes(b"precious")

    monkeypatch.setattr(torch, "save", slow)
    with pytest.raises(steadynorm.UnusableInputError, match="exists"):
        write(nn.BatchNorm1d(2), tmp_path / "new.pt")
    assert (tmp_path / "new.pt").read_bytes() == b"precious"
    assert os.listdir(tmp_path) == ["new.pt"]


def test_a_forward_that_holds_on_to_the_model_runs_the_copy(trained, tmp_path):
    model = trained.model
    subject = Subject(model, trained.train_data, forward=lambda _, batch: model(batch[0]))
    before = copy.deepcopy(model.state_dict())
    result = steadynorm.repair(subject, tmp_path / "new.pt", progress=False)
    assert result.before == result.after == steadynorm.evidence.Score()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert len(result.recalibration.layers) == 2


def test_data_that_can_be_read_once(trained, tmp_path):
    subject = Subject(trained.model, (batch for batch in trained.train_data), metric=accuracy)
    with pytest.raises(steadynorm.UnusableInputError, match="train_data of the subject is a generator"):
        steadynorm.repair(subject, tmp_path / "new.pt")
    generated = (batch for batch in trained.train_data)
    subject = Subject(trained.model, generated, trained.validation_data, metric=accuracy)
    assert steadynorm.repair(subject, tmp_path / "new.pt", progress=False).after.metric > 0.93


def test_the_function_can_be_called_by_either_name(trained, tmp_path):
    from steadynorm.repair import repair

    repair(trained, tmp_path / "a.pt", progress=False)
    steadynorm.repair(trained, tmp_path / "b.pt", progress=False)  # importing the module has put it in this place
    assert (tmp_path / "b.pt").exists()


@pytest.mark.parametrize("harmful", [True, False])
def test_it_says_when_the_model_does_worse_afterwards(tmp_path, harmful):
    """A network whose outputs are right with the old statistics only, and one that any statistics suit."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(512, 4, generator=generator) * 3 + 5
    model = torch.nn.BatchNorm1d(4)
    target = x if harmful else (x - x.mean(0)) / x.std(0)
    data = list(zip(x.split(64), target.split(64), strict=True))
    subject = steadynorm.Subject(model, data, loss=torch.nn.functional.mse_loss)
    result = steadynorm.repair(subject, tmp_path / "model.pt", progress=False)
    assert result.worse == harmful
    assert ("does worse now" in as_text("model", result)) == harmful
