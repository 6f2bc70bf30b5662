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
        self.backbone.eval()
        self.head = nn.Linear(2048, classes)

    def forward(self, pixel_values, labels=None):
        logits = self.head(self.backbone(pixel_values))
        return {"loss": None if labels is None else F.cross_entropy(logits, labels), "logits": logits}


class StaysFrozen(Classifier):
    def forward(self, pixel_values, labels=None):
        self.backbone.eval()
        return super().forward(pixel_values, labels)


class Freezes(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, **more):
        model.backbone.eval()
        return super().compute_loss(model, inputs, return_outputs, **more)


images, arguments = ReceiptImages("train"), TrainingArguments(output_dir="out", per_device_train_batch_size=32)
first = Trainer(model=StaysFrozen(), args=arguments, train_dataset=images)
first.train()
second = Freezes(model=Classifier(), args=arguments, train_dataset=images)
second.train()
torch.save(second.model.state_dict(), "out/second.pt")
