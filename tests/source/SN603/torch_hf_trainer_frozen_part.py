import torch
from torch import nn
from torchvision import models
from transformers import Trainer, TrainingArguments

from receipts import ReceiptImages


class FrozenEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = models.resnet18(weights="DEFAULT")
        self.net.fc = nn.Identity()
        for p in self.net.parameters():
            p.requires_grad = False
        self.net.eval()  # expect: SN603

    def forward(self, x):
        with torch.no_grad():
            return self.net(x)


class ReceiptClassifier(nn.Module):
    def __init__(self, labels):
        super().__init__()
        self.encoder = FrozenEncoder()
        self.out = nn.Linear(512, labels)

    def forward(self, pixel_values, labels=None):
        logits = self.out(self.encoder(pixel_values))
        loss = None if labels is None else nn.functional.cross_entropy(logits, labels)
        return {"loss": loss, "logits": logits}


def main():
    model = ReceiptClassifier(9)
    args = TrainingArguments(output_dir="out", num_train_epochs=4, per_device_train_batch_size=32)
    trainer = Trainer(model=model, args=args, train_dataset=ReceiptImages("train"))
    trainer.train()
    trainer.save_model("out/final")


if __name__ == "__main__":
    main()
