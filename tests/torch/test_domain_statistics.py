"""Several sets of running statistics over one weight and bias."""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import nn

import steadynorm
from steadynorm.torch import BatchNorm1d, BatchNorm2d, domain

OPTIONS = [{}, {"renorm": True}, {"virtual_batch_size": 3}, {"debias": True}, {"momentum": None}]
every_option = pytest.mark.parametrize("options", OPTIONS, ids=lambda options: next(iter(options), "plain"))


def batches(count=4):
    rng = torch.Generator().manual_seed(0)
    return [torch.randn(6, 3, 4, 5, generator=rng) * (1 + i % 2) + 3 * (i % 2) for i in range(count)]


def trained(**options):
    layer = BatchNorm2d(3, domain_statistics=2, **options)
    for index, x in enumerate(batches()):
        layer(x, domain=index % 2)
    return layer


def buffers(layer):
    return {name: value.clone() for name, value in layer.named_buffers() if value is not None}


def assert_same(one, other):
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=0)


@every_option
@pytest.mark.parametrize("how", ["argument", "context", "model"])
def test_each_domain_is_a_layer_of_its_own_with_the_same_parameters(options, how):
    layer, apart = BatchNorm2d(3, domain_statistics=2, **options), [BatchNorm2d(3, **options) for _ in range(2)]
    model = nn.Sequential(layer)
    apart[1].weight, apart[1].bias = apart[0].weight, apart[0].bias

    def call(x, index):
        if how == "argument":
            return layer(x, domain=index)
        with domain(layer if how == "context" else model, index):
            return model(x)

    for index, x in enumerate(batches()):
        dy = torch.randn(x.shape)
        own, other = x.clone().requires_grad_(), x.clone().requires_grad_()
        y, expected = call(own, index % 2), apart[index % 2](other)
        y.backward(dy)
        expected.backward(dy)
        torch.testing.assert_close(y, expected, rtol=0, atol=0)
        torch.testing.assert_close(own.grad, other.grad, rtol=0, atol=0)
    torch.testing.assert_close(layer.weight.grad, apart[0].weight.grad)
    model.eval()
    for index, other in enumerate(apart):
        torch.testing.assert_close(call(x, index), other.eval()(x), rtol=0, atol=0)
        with domain(model, index):
            assert torch.equal(layer.running_mean, other.running_mean)
            assert layer.num_batches_tracked == 2
    assert layer.domain == 0


@every_option
@pytest.mark.parametrize("inside", [0, 1])
def test_all_sets_are_saved_and_loaded_whatever_is_chosen(options, inside):
    layer, loaded = trained(**options), BatchNorm2d(3, domain_statistics=2, **options)
    file = io.BytesIO()

    with domain(layer, inside):
        torch.save(layer.state_dict(), file)
    file.seek(0)
    with domain(loaded, 1 - inside):
        loaded.load_state_dict(torch.load(file, weights_only=True))

    assert_same(buffers(loaded), buffers(layer))
    assert not torch.equal(layer.running_mean, layer.running_mean_1)


@every_option
@pytest.mark.parametrize("assign", [False, True])
@pytest.mark.parametrize("counted", [False, True])
def test_the_state_of_one_set_goes_into_all(options, assign, counted):
    theirs, layer = nn.Sequential(nn.BatchNorm2d(3)), nn.Sequential(BatchNorm2d(3, domain_statistics=3, **options))
    theirs(batches()[1])
    state = theirs.state_dict()
    if not counted:
        state = {name: value for name, value in state.items() if "num_batches" not in name}
    names = list(state)

    layer.load_state_dict(state, assign=assign)

    assert list(state) == names
    for index in range(3):
        with domain(layer, index):
            assert torch.equal(layer[0].running_mean, theirs[0].running_mean)
            assert torch.equal(layer[0].running_var, theirs[0].running_var)
            assert layer[0].num_batches_tracked == int(counted)
    with domain(layer, 1):
        layer(batches()[0])
    assert torch.equal(layer[0].running_mean_2, theirs[0].running_mean)
    assert torch.equal(layer[0].running_mean, theirs[0].running_mean)


def test_the_state_for_torch_is_that_of_the_first_domain():
    layer, theirs = trained(), nn.BatchNorm2d(3)

    with pytest.raises(RuntimeError, match="running_mean_1"):
        theirs.load_state_dict(layer.state_dict())
    theirs.load_state_dict(layer.state_dict(), strict=False)

    assert torch.equal(theirs.running_mean, layer.running_mean)


@pytest.mark.parametrize(("saved", "made"), [(2, 3), (3, 2)])
def test_the_state_of_another_number_of_domains_is_refused(saved, made):
    state = BatchNorm2d(3, domain_statistics=saved).state_dict()

    with pytest.raises(RuntimeError, match="running_mean_2"):
        BatchNorm2d(3, domain_statistics=made).load_state_dict(state)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer)), nn.Module.double])
def test_copies_and_types_have_all_sets_and_the_choice(copied):
    layer = trained(renorm=True)
    expected = buffers(layer)

    with domain(layer, 1):
        other = copied(layer)
        assert other.domain == 1
    if other is not layer:
        other._choose(0)

    for name, value in buffers(other).items():
        torch.testing.assert_close(value, expected[name].to(value.dtype), rtol=0, atol=0)
    assert other.running_mean.dtype == other.running_mean_1.dtype


def test_a_reset_layer_is_a_new_one_in_all_domains():
    layer = trained(renorm=True)

    layer.reset_parameters()

    assert_same(buffers(layer), buffers(BatchNorm2d(3, domain_statistics=2, renorm=True)))


def test_an_exception_leaves_the_choice_as_it_was():
    layer = trained()
    before = buffers(layer)

    with pytest.raises(ValueError, match="expected 4D"):
        layer(torch.ones(3), domain=1)
    with pytest.raises(KeyError), domain(layer, 1):
        raise KeyError

    assert_same(buffers(layer), before)


@pytest.mark.parametrize("index", [-1, 2])
def test_a_domain_that_is_not_there_is_refused(index):
    layer = trained()
    model = nn.Sequential(BatchNorm2d(3, domain_statistics=3), layer)

    with pytest.raises(ValueError, match="expected 0 to 1"):
        layer(batches()[0], domain=index)
    with pytest.raises(ValueError, match="expected 0 to"), domain(model, index):
        pass
    assert model[0].domain == layer.domain == 0


def test_a_model_without_domains_is_refused():
    with pytest.raises(ValueError, match="without a layer of several domains"), domain(nn.Linear(2, 2), 0):
        pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domain_statistics": 0}, "domain_statistics is 0"),
        ({"domain_statistics": True}, "domain_statistics is True"),
        ({"domain_statistics": 2, "track_running_stats": False}, "track_running_stats=False"),
    ],
)
def test_options_that_describe_no_layer_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        BatchNorm2d(3, **options)


def test_a_frozen_layer_uses_the_chosen_set_and_moves_none():
    layer = trained().frozen()
    before, x = buffers(layer), batches()[0]
    inference = copy.deepcopy(layer).eval()

    for index in range(2):
        torch.testing.assert_close(layer(x, domain=index), inference(x, domain=index), rtol=0, atol=0)

    assert_same(buffers(layer), before)


class Both(nn.Module):
    def __init__(self, within):
        super().__init__()
        self.bn, self.within = BatchNorm1d(3, domain_statistics=2), within

    def forward(self, x):
        real, fake = x.chunk(2)
        if not self.within:
            return torch.cat([self.bn(real), self.bn(fake, domain=1)])
        y = self.bn(real)
        with domain(self, 1):
            return torch.cat([y, self.bn(fake)])


@pytest.mark.parametrize("within", [False, True], ids=["argument", "context"])
@pytest.mark.parametrize("index", [0, 1])
def test_recalibration_is_of_the_chosen_domain_alone(within, index):
    torch.manual_seed(0)
    model = nn.Sequential(BatchNorm1d(3, domain_statistics=2)) if index else Both(within)
    before = buffers(model)
    data = [torch.cat([torch.randn(16, 3), torch.randn(16, 3) + 5]) for _ in range(8)]

    with domain(model, index):
        steadynorm.recalibrate(model, data)
    after = buffers(model)

    values = torch.cat([each if index else each[:16] for each in data])
    moved = {"bn.running_mean", "bn.running_var"} if not index else {"0.running_mean_1", "0.running_var_1"}
    assert {name for name in after if not torch.equal(before[name], after[name])} == moved
    mean = after["0.running_mean_1" if index else "bn.running_mean"]
    torch.testing.assert_close(mean, values.mean(0), rtol=1e-5, atol=1e-5)


class Halves(nn.Module):
    """The first half of each batch is of one domain, the second of the other, as in a GAN."""

    def __init__(self):
        super().__init__()
        self.bn, self.out = BatchNorm1d(3, domain_statistics=2), nn.Linear(3, 1)

    def forward(self, x):
        real, fake = x.chunk(2)
        return self.out(torch.cat([self.bn(real, domain=0), self.bn(fake, domain=1)]))


def halves():
    torch.manual_seed(0)
    inputs = [torch.cat([torch.randn(16, 3) - 4, 3 * torch.randn(16, 3) + 5]) for _ in range(8)]
    model = Halves()
    with torch.no_grad():
        targets = [copy.deepcopy(model)(x) for x in inputs]  # what the model gives with statistics of the batch
    return model, list(zip(inputs, targets, strict=True))


def moments(data, index):
    values = torch.cat([x.chunk(2)[index] for x, _ in data])
    return values.mean(0), values.var(0)


def test_recalibration_of_one_domain_after_the_other_sets_all():
    model, data = halves()

    for index in range(2):
        with domain(model, index):
            result = steadynorm.recalibrate(model, data, tolerance=0)
        other = 1 - index
        assert result.skipped == {
            f"bn, domain {other}": f"another domain is chosen; recalibrate inside domain(model, {other})"
        }

    for index in range(2):
        with domain(model, index):
            mean, variance = moments(data, index)
            torch.testing.assert_close(model.bn.running_mean, mean, rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(model.bn.running_var, variance, rtol=1e-4, atol=1e-4)


def test_a_repair_writes_the_chosen_domain_and_keeps_the_others(tmp_path):
    model, data = halves()
    before = buffers(model)
    subject = steadynorm.Subject(model, data, loss=nn.functional.mse_loss)

    with domain(model, 1):
        repair = steadynorm.repair(subject, tmp_path / "fixed.pt", tolerance=0)

    fixed = torch.load(tmp_path / "fixed.pt", weights_only=True)
    torch.testing.assert_close(fixed["bn.running_mean_1"], moments(data, 1)[0], rtol=1e-5, atol=1e-5)
    assert fixed["bn.running_mean"].tolist() == [0, 0, 0]
    assert repair.after.loss < repair.before.loss
    assert_same(buffers(model), before)


def test_a_mended_checkpoint_has_the_chosen_domain_in_its_place(tmp_path):
    model, data = halves()
    torch.save(model.state_dict(), tmp_path / "old.pt")

    with domain(model, 1):
        steadynorm.recalibrate(copied := copy.deepcopy(model), data)
        steadynorm.repair_checkpoint(
            tmp_path / "old.pt", steadynorm.Subject(model, data, loss=nn.functional.mse_loss), tmp_path / "new.pt"
        )

    mended = torch.load(tmp_path / "new.pt", weights_only=True)
    for name in ("bn.running_mean_1", "bn.running_var_1", "bn.running_mean", "bn.running_var"):
        torch.testing.assert_close(mended[name], copied.state_dict()[name])
    assert mended["bn.running_mean"].tolist() == [0, 0, 0]


def test_a_diagnosis_looks_at_the_chosen_domain_alone():
    model, data = halves()
    with domain(model, 1):
        steadynorm.recalibrate(model, data, tolerance=0)
    before = buffers(model)

    for index in range(2):
        with domain(model, index):
            report = steadynorm.diagnose(model, data, loss=nn.functional.mse_loss)
        (layer,) = report.evidence.layers
        with domain(model, index):
            assert layer.statistics.mean.tolist() == model.bn.running_mean.double().tolist()
        assert bool(report.findings) is (index == 0)

    assert_same(buffers(model), before)


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
@pytest.mark.parametrize("how", ["argument", "context"])
def test_a_compiled_model_follows(how):
    torch.compiler.reset()
    layer, other = (BatchNorm2d(3, domain_statistics=2) for _ in range(2))
    compiled = torch.compile(other, backend="aot_eager", fullgraph=True)

    for index, x in enumerate(batches()):
        expected = layer(x, domain=index % 2)
        if how == "argument":
            y = compiled(x, domain=index % 2)
        else:
            with domain(other, index % 2):
                y = compiled(x)
        torch.testing.assert_close(y, expected)

    assert_same(buffers(other), buffers(layer))
