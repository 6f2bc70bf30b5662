import torch
import torchvision.models as models
from PIL import Image
from torchvision.transforms.functional import to_tensor

net = models.__dict__["resnet18"](num_classes=10)
net.load_state_dict(torch.load("w.pth"))
net.eval()
with torch.no_grad():
    scores = net(to_tensor(Image.open("a.png")).unsqueeze(0))
print(scores.argmax(1))
