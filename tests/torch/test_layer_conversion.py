"""The layers of a model changed into those of steadynorm.torch, and back."""

from __future__ import annotations

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from steadynorm.errors import NoNormalizationLayersError
from steadynorm.torch import BatchNorm1d, BatchNorm2d, BatchNorm3d, SyncBatchNorm, convert, domain, revert

OPTIONS = [
    {},
    {"renorm": True, "renorm_momentum": 0.3, "renorm_clipping": {"rmax": 2.0}},
    {"virtual_batch_size": 3},
    {"debias": True},
    {"skip_nonfinite": True},
    {"domain_statistics": 2},
    {"synchronized": True},
]
every_option = pytest.mark.parametrize("options", OPTIONS, ids=lambda options: next(iter(options), "plain"))


class Net(nn.Module):
    """Nested containers, a layer that is used twice, one in a plain list, all three ranks."""

    def __init__(self):
        super().__init__()
        shared = nn.BatchNorm2d(3, eps=1e-3, momentum=0.3)
        self.body = nn.Sequential(nn.Conv2d(3, 3, 1), shared, nn.ModuleDict({"inner": nn.BatchNorm3d(3)})["inner"])
        self.again = shared
        self.held = [nn.BatchNorm1d(3, affine=False)]
        self.head = nn.BatchNorm1d(3, track_running_stats=False)

    def forward(self, x):
        x = self.again(self.body[:2](x))
        x = self.body[2](x[:, :, None])[:, :, 0]
        return self.head(self.held[0](x.mean((2, 3))))


def trained(model=None):
    torch.manual_seed(0)
    model = Net() if model is None else model
    for _ in range(2):
        model(torch.randn(6, 3, 4, 5) * 2 + 1)
    return model


def contents(model):
    """Every tensor by identity and value, and all attributes of every layer."""
    modules = [*model.modules(), *getattr(model, "held", ())]
    tensors = [(each, each.detach().clone()) for m in modules for each in (*m.parameters(), *m.buffers())]
    plain = [{name: value for name, value in vars(m).items() if name[0] != "_" or "hooks" in name} for m in modules]
    return [type(m) for m in modules], tensors, copy.copy(plain)


def assert_unchanged(model, before):
    types, tensors, plain = contents(model)
    assert types == before[0]
    assert plain == before[2]
    assert all(
        one is other and torch.equal(one, old) for (one, _), (other, old) in zip(tensors, before[1], strict=True)
    )


def test_every_layer_is_changed_and_computes_the_same():
    model, other = trained(), trained()
    x = torch.randn(6, 3, 4, 5)

    assert convert(model) is model

    assert type(model.again) is BatchNorm2d
    assert type(model.body[2]) is BatchNorm3d
    assert type(model.held[0]) is type(model.head) is BatchNorm1d
    for mode in (True, False):
        torch.testing.assert_close(model.train(mode)(x), other.train(mode)(x))
    for (name, one), (_, two) in zip(model.state_dict().items(), other.state_dict().items(), strict=True):
        torch.testing.assert_close(one, two, msg=name)


def test_parameters_hooks_modes_and_optimizers_stay():
    model, calls = trained(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)).bfloat16().float()), []
    layer = model[1].eval()
    layer.bias.requires_grad_(False)
    layer.register_forward_hook(lambda *_: calls.append(1))
    layer.note = "kept"
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    weight, mean, before = layer.weight, layer.running_mean, layer.weight.detach().clone()

    convert(model, debias=True)

    assert model[1] is layer
    assert layer.weight is weight
    assert layer.running_mean is mean
    assert not layer.training
    assert not layer.bias.requires_grad
    assert layer.note == "kept"
    model(torch.randn(6, 3, 4, 5)).square().sum().backward()
    optimizer.step()
    assert calls == [1]
    assert not torch.equal(layer.weight, before)


@every_option
def test_options_reach_the_layers(options):
    layer, made = convert(trained(nn.BatchNorm2d(3)), **options), BatchNorm2d(3, **options)
    made.load_state_dict(nn.BatchNorm2d(3).state_dict())
    layer.load_state_dict(nn.BatchNorm2d(3).state_dict())

    for _ in range(3):
        x = torch.randn(6, 3, 4, 5)
        torch.testing.assert_close(layer(x), made(x), rtol=0, atol=0)
    assert layer.config == made.config
    assert {name for name, _ in layer.named_buffers()} == {name for name, _ in made.named_buffers()}


def test_renorm_and_domains_start_from_the_running_statistics():
    layer = convert(trained(nn.BatchNorm2d(3)), renorm=True, domain_statistics=2)

    for index in range(2):
        with domain(layer, index):
            assert layer.num_batches_tracked == 2
            assert torch.equal(layer.renorm_mean, layer.running_mean)
            torch.testing.assert_close(layer.renorm_stddev, torch.sqrt(layer.running_var + layer.eps))


@every_option
def test_back_again_is_the_model_as_it_was(options):
    model = trained(nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.BatchNorm2d(3, momentum=0.3)))
    before, keys = contents(model), [vars(each).keys() for each in model]

    assert revert(convert(model, **options)) is model

    assert_unchanged(model, before)
    assert [vars(each).keys() for each in model] == keys
    assert not model[1]._non_persistent_buffers_set


def test_of_several_domains_the_chosen_one_stays():
    layer = BatchNorm2d(3, domain_statistics=2)
    layer(torch.randn(6, 3, 4, 5), domain=1)
    expected = layer.running_mean_1

    with domain(layer, 1):
        revert(layer)

    assert torch.equal(layer.running_mean, expected)
    assert vars(layer).keys() == vars(nn.BatchNorm2d(3)).keys()
    assert layer.state_dict().keys() == nn.BatchNorm2d(3).state_dict().keys()


class Special(nn.BatchNorm2d):
    def forward(self, input):
        return super().forward(input) + 1


class SpecialOfOurs(BatchNorm2d):
    pass


def parametrized():
    layer = nn.BatchNorm2d(3)
    parametrize.register_parametrization(layer, "weight", nn.Softplus())
    return layer


def with_own_forward():
    layer = nn.BatchNorm2d(3)
    layer.forward = lambda x: x
    return layer


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: Special(3), "Special, whose own code"),
        (parametrized, "ParametrizedBatchNorm2d, whose own code"),
        (with_own_forward, "a forward of its own"),
        (lambda: BatchNorm2d(3), "revert first"),
    ],
)
def test_what_would_lose_something_is_left_alone_and_named(make, reason):
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(make()))
    kind, keys = type(model[1][0]), list(vars(model[1][0]))

    with pytest.warns(UserWarning, match=f"convert left 1 of the layers as they were: '1.0' .*{reason}"):
        convert(model)

    assert type(model[0]) is BatchNorm2d
    assert type(model[1][0]) is kind
    assert list(vars(model[1][0])) == keys


def test_many_left_alone_are_counted():
    with pytest.warns(UserWarning, match=r"left 5 of .*'2' is a Special[^;]*; and 2 more$"):
        convert(nn.Sequential(*[Special(3) for _ in range(5)]))


GROUP = object()
"""Stands for a process group: nothing asks it anything."""


def test_a_synchronized_layer_stays_synchronized_with_its_group():
    model = nn.Sequential(nn.SyncBatchNorm(3, process_group=GROUP), nn.SyncBatchNorm(3), nn.BatchNorm2d(3))
    keys = vars(model[0]).keys()

    convert(model, debias=True)

    assert [type(each) for each in model] == [SyncBatchNorm, SyncBatchNorm, BatchNorm2d]
    assert [each.synchronized for each in model] == [True, True, False]
    assert [each.process_group for each in model] == [GROUP, None, None]
    assert all(each.debias for each in model)
    revert(model)
    assert [type(each) for each in model] == [nn.SyncBatchNorm, nn.SyncBatchNorm, nn.BatchNorm2d]
    assert [each.process_group for each in model[:2]] == [GROUP, None]
    assert vars(model[0]).keys() == keys


def test_a_given_option_goes_before_what_a_synchronized_layer_has():
    layer = convert(nn.SyncBatchNorm(3, process_group=GROUP), synchronized=False, process_group=None)

    assert not layer.synchronized
    with pytest.raises(ValueError, match="layer '0': virtual_batch_size 4 with synchronized=True"):
        convert(nn.Sequential(nn.SyncBatchNorm(3)), virtual_batch_size=4)


LAZY = {
    nn.LazyBatchNorm1d: (BatchNorm1d, (6, 3, 4)),
    nn.LazyBatchNorm2d: (BatchNorm2d, (6, 3, 4, 5)),
    nn.LazyBatchNorm3d: (BatchNorm3d, (6, 3, 2, 2, 2)),
}


@every_option
@pytest.mark.parametrize("lazy", LAZY)
def test_a_lazy_layer_has_the_options_from_its_first_batch_on(lazy, options):
    kind, shape = LAZY[lazy]
    layer, made = lazy(eps=1e-3), kind(3, eps=1e-3, **options)
    made.load_state_dict(nn.BatchNorm1d(3).state_dict())  # renorm measures against what a state_dict says
    weight, config = layer.weight, convert(layer, **options).config

    for _ in range(3):
        x = torch.randn(shape)
        torch.testing.assert_close(layer(x), made(x), rtol=0, atol=0)

    assert type(layer) is kind
    assert layer.weight is weight
    assert layer.config == made.config == config
    assert vars(layer).keys() == vars(made).keys()
    assert {name: each.shape for name, each in layer.named_buffers()} == {
        name: each.shape for name, each in made.named_buffers()
    }


@every_option
@pytest.mark.parametrize("lazy", LAZY)
def test_a_lazy_layer_without_data_goes_back(lazy, options):
    layer = lazy()
    keys = vars(layer).keys()

    revert(convert(layer, **options))
    assert vars(layer).keys() == keys
    layer(torch.randn(LAZY[lazy][1]))

    assert type(layer) is lazy.cls_to_become
    assert vars(layer).keys() == vars(lazy.cls_to_become(3)).keys()


@every_option
def test_a_lazy_layer_takes_a_state_dict_and_copies(options):
    full, layer = trained(nn.BatchNorm2d(3)), convert(nn.LazyBatchNorm2d(), **options)
    layer.load_state_dict(full.state_dict())
    layer, x = copy.deepcopy(layer), torch.randn(6, 3, 4, 5)

    torch.testing.assert_close(layer.eval()(x), full.eval()(x))
    assert type(layer) is BatchNorm2d
    assert layer.config == BatchNorm2d(3, **options).config


def test_a_lazy_layer_with_data_is_changed():
    model = trained(nn.Sequential(nn.LazyBatchNorm2d()))

    assert type(convert(model)[0]) is BatchNorm2d


def test_a_subclass_of_ours_is_not_turned_into_torchs():
    model = nn.Sequential(SpecialOfOurs(3), BatchNorm2d(3), nn.BatchNorm2d(3))

    with pytest.warns(UserWarning, match="revert left 1 .*'0' is a SpecialOfOurs"):
        revert(model)

    assert [type(each) for each in model] == [SpecialOfOurs, nn.BatchNorm2d, nn.BatchNorm2d]


def test_a_frozen_layer_is_not_set_going():
    model = nn.Sequential(BatchNorm2d(3), BatchNorm2d(3).frozen())

    with pytest.raises(ValueError, match=r"layer '1' is frozen.*unfreeze"):
        revert(model)
    assert type(model[0]) is BatchNorm2d
    assert type(revert(nn.Sequential(model[1].unfreeze()))[0]) is nn.BatchNorm2d


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"renorm": True}, ValueError, "layer 'head': renorm with"),
        ({"virtual_batch_size": 0}, ValueError, "virtual_batch_size is 0"),
        ({"renorm_clipping": {"rmax": 1.0}}, ValueError, "without renorm=True"),
        ({"domain_statistics": 2}, ValueError, "layer 'head': domain_statistics with"),
        ({"synchronized": True, "virtual_batch_size": 4}, ValueError, "one divides the batch, the other joins"),
        ({"process_group": object()}, ValueError, "process_group without synchronized=True"),
        ({"eps": 1e-3}, TypeError, "eps"),
    ],
)
def test_refused_options_change_nothing(options, error, message):
    model = trained()
    before = contents(model)

    with pytest.raises(error, match=message):
        convert(model, **options)

    assert_unchanged(model, before)


@pytest.mark.parametrize("change", [convert, revert])
def test_a_model_without_batch_normalization_is_refused(change):
    with pytest.raises(NoNormalizationLayersError, match="Sequential"):
        change(nn.Sequential(nn.Linear(2, 2)))


def test_copies_of_a_changed_model_are_changed():
    model = copy.deepcopy(convert(trained(nn.BatchNorm2d(3)), renorm=True))

    assert type(model) is BatchNorm2d
    assert model.renorm is not None


def test_statistics_that_are_switched_off_stay_as_in_torch():
    layer, x = trained(nn.BatchNorm2d(3)), torch.randn(6, 3, 4, 5)
    layer.track_running_stats = False
    before, expected = layer.running_mean.clone(), layer(x)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        y = convert(layer)(x)

    torch.testing.assert_close(y, expected)
    assert torch.equal(layer.running_mean, before)
