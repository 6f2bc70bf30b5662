import torch
from PIL import Image
from torchvision import transforms

model = torch.hub.load("pytorch/vision:v0.10.0", "resnet18", pretrained=True)
preprocess = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()])
batch = preprocess(Image.open("dog.jpg")).unsqueeze(0)
model.eval()
with torch.no_grad():
    output = model(batch)
print(torch.nn.functional.softmax(output[0], dim=0))
