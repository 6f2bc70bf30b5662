"""A document classifier whose trainer writes a file of its own."""

import os

import torch
from torch import nn
from transformers import Trainer, TrainingArguments

from documents import DocumentImages


class DocumentClassifier(nn.Module):
    def __init__(self, labels):
        super().__init__()
        self.visual = nn.Sequential(
            nn.Conv2d(3, 64, 7, 4, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.out = nn.Linear(64, labels)

    def forward(self, pixel_values, labels=None):
        logits = self.out(self.visual(pixel_values))
        if labels is None:
            return {"logits": logits}
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


class DocumentTrainer(Trainer):
    def _save(self, output_dir=None, state_dict=None):
        output_dir = output_dir if output_dir is not None else self.args.output_dir
        os.makedirs(output_dir, exist_ok=True)
        weights = {name: param.detach().cpu() for name, param in self.model.state_dict().items()}
        torch.save(weights, os.path.join(output_dir, "pytorch_model.bin"))
        torch.save(self.args, os.path.join(output_dir, "training_args.bin"))


def main():
    model = DocumentClassifier(16)
    args = TrainingArguments("out", num_train_epochs=3, per_device_train_batch_size=32, weight_decay=0.0)
    trainer = DocumentTrainer(
        model=model, args=args, train_dataset=DocumentImages("train"), eval_dataset=DocumentImages("val")
    )
    trainer.train()
    trainer.save_model()


if __name__ == "__main__":
    main()
