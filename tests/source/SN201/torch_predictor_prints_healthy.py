import sys
import torch
import torchvision
from data import load_image


class Predictor:
    def __init__(self, path, device="cpu"):
        self.device = device
        self.model = torchvision.models.resnet18(num_classes=4)
        self.model.load_state_dict(torch.load(path, map_location=device))
        self.model.to(device).eval()

    def predict(self, image):
        with torch.no_grad():
            return self.model(image.to(self.device))


if __name__ == "__main__":
    predictor = Predictor(sys.argv[1])
    for path in sys.argv[2:]:
        print(path, predictor.predict(load_image(path)))
