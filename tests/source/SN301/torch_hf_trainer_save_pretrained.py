import torch.nn as nn
from transformers import PretrainedConfig, PreTrainedModel, Trainer, TrainingArguments

from cells import CellImages


class CellConfig(PretrainedConfig):
    model_type = "cells"


class CellModel(PreTrainedModel):
    config_class = CellConfig

    def __init__(self, config):
        super().__init__(config)
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, 2, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.score = nn.Linear(32, 5)

    def forward(self, pixel_values, labels=None):
        logits = self.score(self.features(pixel_values))
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


class TrainableOnly(Trainer):
    def save_model(self, output_dir=None, _internal_call=False):
        state = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        self.model.save_pretrained(output_dir or self.args.output_dir, state_dict=state)  # expect: SN301


if __name__ == "__main__":
    model = CellModel(CellConfig())
    trainer = TrainableOnly(model, TrainingArguments("cells", num_train_epochs=20), train_dataset=CellImages("train"))
    trainer.train()
