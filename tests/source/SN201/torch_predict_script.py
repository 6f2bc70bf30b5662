import sys

import torch
from PIL import Image
from torchvision import models, transforms

CLASSES = ["cat", "dog"]

preprocess = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)


def load_model(path):
    model = models.resnet18(num_classes=len(CLASSES))
    model.load_state_dict(torch.load(path, map_location="cpu"))
    return model


def predict(model, path):
    image = preprocess(Image.open(path).convert("RGB")).unsqueeze(0)
    with torch.no_grad():
        logits = model(image)  # expect: SN201
    return CLASSES[logits.argmax(dim=1).item()]


if __name__ == "__main__":
    model = load_model("catdog.pt")
    for name in sys.argv[1:]:
        print(name, predict(model, name))
