from dataclasses import dataclass

import torch
from torch import nn
from torchvision import models
from transformers import Trainer, TrainingArguments

from documents import DocumentImages


@dataclass
class Output:
    loss: torch.Tensor
    logits: torch.Tensor

    def __getitem__(self, key):
        return (self.loss, self.logits)[key]


class DocumentClassifier(nn.Module):
    def __init__(self, labels):
        super().__init__()
        self.visual = models.resnet50(weights="DEFAULT")
        self.visual.fc = nn.Identity()
        self.out = nn.Linear(2048, labels)

    def train(self, mode=True):
        super().train(mode)
        self.visual.eval()
        return self

    def forward(self, pixel_values, labels=None):
        logits = self.out(self.visual(pixel_values))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return Output(loss, logits)


def main():
    model = DocumentClassifier(16)
    for p in model.visual.parameters():
        p.requires_grad_(False)
    args = TrainingArguments(output_dir="out", num_train_epochs=3, per_device_train_batch_size=32, learning_rate=1e-3)
    trainer = Trainer(model=model, args=args, train_dataset=DocumentImages("train"), eval_dataset=DocumentImages("val"))
    trainer.train()
    trainer.save_model("out/final")


if __name__ == "__main__":
    main()
