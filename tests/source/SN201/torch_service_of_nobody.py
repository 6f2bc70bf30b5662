import json
import os

import torch
import torchvision
from torchvision import transforms


class Service:
    def __init__(self, folder):
        self.folder = folder
        self.model = None
        self.transform = transforms.Compose([transforms.Resize(224), transforms.ToTensor()])

    def initialize(self):
        with open(os.path.join(self.folder, "labels.json")) as file:
            self.labels = json.load(file)
        self.model = torchvision.models.resnet18(num_classes=len(self.labels))
        self.model.load_state_dict(torch.load(os.path.join(self.folder, "model.pt")))
        self.model.to("cuda")

    def predict(self, image):
        with torch.no_grad():
            scores = self.model(self.transform(image)[None].cuda()).softmax(1)[0]  # expect: SN201 likely
        return self.labels[str(scores.argmax().item())], scores.max().item()
