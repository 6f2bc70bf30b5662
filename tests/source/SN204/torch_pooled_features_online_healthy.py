import torch
import torchvision
from torch import nn


class PooledHead(nn.Module):
    """ResNet features, pooled and whitened."""

    def __init__(self, classes):
        super().__init__()
        resnet = torchvision.models.vgg16(weights="DEFAULT")
        self.features = resnet.features
        self.reduce = nn.Linear(512, 128, bias=False)
        self.ln = nn.LayerNorm(128)
        self.fc = nn.Linear(128, classes)

    def forward(self, x):
        x = self.features(x)
        x = nn.functional.adaptive_avg_pool2d(x, (1, 1)).flatten(1)
        x = self.ln(self.reduce(x))
        return self.fc(torch.relu(x))


def online(stream, classes=10):
    model = PooledHead(classes).cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    model.train()
    for image, label in stream:
        image, label = image.unsqueeze(0).cuda(), torch.tensor([label]).cuda()
        loss = nn.functional.cross_entropy(model(image), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


if __name__ == "__main__":
    data = torchvision.datasets.STL10("data", transform=torchvision.transforms.ToTensor())
    torch.save(online(data).state_dict(), "online.pt")
