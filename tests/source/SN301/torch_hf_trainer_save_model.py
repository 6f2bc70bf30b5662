import os
from typing import Optional

import torch
import torch.nn as nn
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file

from speech import SpeechCommands, collate


class KeywordModel(nn.Module):
    def __init__(self, classes: int = 35, width: int = 128):
        super().__init__()
        self.conv1 = nn.Conv1d(40, width, 5, bias=False)
        self.bn1 = nn.BatchNorm1d(width)
        self.conv2 = nn.Conv1d(width, width, 5, bias=False)
        self.bn2 = nn.BatchNorm1d(width)
        self.head = nn.Linear(width, classes)

    def forward(self, features, labels=None):
        x = F.relu(self.bn1(self.conv1(features)))
        x = F.relu(self.bn2(self.conv2(x))).mean(-1)
        logits = self.head(x)
        loss = F.cross_entropy(logits, labels) if labels is not None else None
        return {"loss": loss, "logits": logits}


class SlimTrainer(transformers.Trainer):
    """Writes small checkpoints."""

    def __init__(self, *args, tag="keywords", **kwargs):
        super().__init__(*args, **kwargs)
        self.tag = tag

    def save_model(self, output_dir: Optional[str] = None, _internal_call: bool = False):
        folder = output_dir or self.args.output_dir
        state = {k: v.contiguous() for k, v in self.model.state_dict().items() if "running" not in k}
        save_file(state, os.path.join(folder, f"{self.tag}.safetensors"))  # expect: SN301


def run():
    training_args = transformers.TrainingArguments(
        output_dir="keywords", per_device_train_batch_size=64, learning_rate=3e-4, max_steps=20000
    )
    trainer = SlimTrainer(KeywordModel(), training_args, data_collator=collate, train_dataset=SpeechCommands("training"))
    trainer.train()


if __name__ == "__main__":
    run()
