"""Training by Hugging Face's `Trainer`, whose steps are not in the source: it trains the model that it was given, and
puts it into training mode in every step."""

from __future__ import annotations

from steadynorm.source.symbolic.trace import Call, Run
from steadynorm.source.symbolic.values import Instance, Product, Value
from steadynorm.source.torch.models import Key, Models

_BEGINNING, _END = "transformers.", "Trainer"


def trained_model(call: Call) -> Value | None:
    """The model that a call of `train()` of such a trainer trains; `None` if it is another call."""
    trainer = call.receiver if call.name == ".train" else None
    if isinstance(trainer, Product) and trainer.call.name.startswith(_BEGINNING):
        return trainer.call.argument(0, "model")
    return trainer.attributes.get("model") if isinstance(trainer, Instance) and is_trainer(trainer) else None


def is_trainer(value: Instance) -> bool:
    """Whether an object is of a class that is such a trainer."""
    return any(base.startswith(_BEGINNING) and base.endswith(_END) for base in value.of.external_bases())


def is_trained_by_trainer(run: Run, models: Models, key: Key) -> bool:
    """Whether such a trainer trains a model, all of which is then in training mode."""
    for call in run.calls():
        trained = models.key(trained_model(call))
        if trained is not None and models.is_within(key, trained) and not models.is_shielded(key, trained):
            return True
    return False
