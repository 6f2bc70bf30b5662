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
        self.model.to("cuda").eval()

    def predict(self, image):
        with torch.no_grad():
            scores = self.model(self.transform(image)[None].cuda()).softmax(1)[0]
        return self.labels[str(scores.argmax().item())], scores.max().item()


class Deferred:
    """Whoever uses it sets the model."""

    def __init__(self):
        self.model = None

    def attach(self, model):
        self.model = model

    def predict(self, images):
        with torch.no_grad():
            return self.model(images).softmax(1)


class Either:
    """One of two methods sets the model, nobody knows which."""

    def __init__(self, folder):
        self.folder, self.model = folder, None

    def load(self):
        self.model = torch.jit.load(os.path.join(self.folder, "model.pt"))

    def build(self):
        self.model = torchvision.models.resnet18(weights="DEFAULT")

    def predict(self, images):
        with torch.no_grad():
            return self.model(images).softmax(1)
