import torch
import torch.nn.functional as F
from torchvision import models
from torchvision.io import read_image

device = torch.device("cuda")
cnn = models.vgg19_bn(weights="DEFAULT").features.to(device).eval()
content = read_image("content.jpg").float().div(255).unsqueeze(0).to(device)
style = read_image("style.jpg").float().div(255).unsqueeze(0).to(device)
image = content.clone().requires_grad_(True)
optimizer = torch.optim.LBFGS([image])


def features(x):
    out = []
    for index, layer in enumerate(cnn):
        x = layer(x)
        if index in (2, 9, 16):
            out.append(x)
    return out


def gram(f):
    b, c, h, w = f.shape
    f = f.view(b * c, h * w)
    return f @ f.t() / (b * c * h * w)


with torch.no_grad():
    content_features = features(content)
    style_grams = [gram(f) for f in features(style)]

for step in range(300):

    def closure():
        optimizer.zero_grad()
        now = features(image)
        loss = F.mse_loss(now[-1], content_features[-1])
        for f, g in zip(now, style_grams):
            loss = loss + 1e6 * F.mse_loss(gram(f), g)
        loss.backward()
        return loss

    optimizer.step(closure)
