import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet50
from transformers import Trainer, TrainingArguments

from receipts import ReceiptImages


class Classifier(nn.Module):
    def __init__(self, classes=9):
        super().__init__()
        self.backbone = resnet50(weights="DEFAULT")
        self.backbone.fc = nn.Identity()
        self.backbone.requires_grad_(False)
        self.backbone.eval()  # expect: SN603
        self.head = nn.Linear(2048, classes)

    def forward(self, pixel_values, labels=None):
        logits = self.head(self.backbone(pixel_values))
        return {"loss": None if labels is None else F.cross_entropy(logits, labels), "logits": logits}

    def predict(self, pixel_values):
        self.backbone.eval()
        with torch.no_grad():
            return self(pixel_values)["logits"].argmax(1)


class Predicts(Trainer):
    def prediction_step(self, model, inputs, prediction_loss_only, ignore_keys=None):
        model.backbone.eval()
        return super().prediction_step(model, inputs, prediction_loss_only, ignore_keys)


arguments = TrainingArguments(output_dir="out", per_device_train_batch_size=32)
trainer = Predicts(model=Classifier(), args=arguments, train_dataset=ReceiptImages("train"))
trainer.train()
