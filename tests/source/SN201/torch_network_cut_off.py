import sys

import numpy as np
import torch
import torchvision.models as models
from torchvision import transforms
from torchvision.datasets import ImageFolder

model = models.resnet152(pretrained=True)
extractor = torch.nn.Sequential(*list(model.children())[:-1])
extractor.cuda()
loader = torch.utils.data.DataLoader(ImageFolder(sys.argv[1], transforms.ToTensor()), batch_size=32)
features = []
with torch.no_grad():
    for x, _ in loader:
        features.append(extractor(x.cuda()).squeeze().cpu().numpy())  # expect: SN201
np.save("features.npy", np.concatenate(features))
