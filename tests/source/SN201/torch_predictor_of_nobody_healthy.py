import torch
import torchvision
from torchvision import transforms


class Predictor:
    def __init__(self, path, device="cpu"):
        self.device = device
        self.model = torchvision.models.resnet18(num_classes=4)
        self.model.load_state_dict(torch.load(path, map_location=device))
        self.model.eval()
        self.transform = transforms.Compose([transforms.Resize(224), transforms.ToTensor()])

    @torch.no_grad()
    def predict(self, image):
        x = self.transform(image).unsqueeze(0).to(self.device)
        return self.model(x).softmax(1).cpu().numpy()
