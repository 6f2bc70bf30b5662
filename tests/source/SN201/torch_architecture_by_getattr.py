import argparse
import torch
import torchvision
from PIL import Image
from torchvision.transforms.functional import to_tensor


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--arch", default="resnet18")
    args = parser.parse_args()
    net = getattr(torchvision.models, args.arch)(pretrained=True)
    image = to_tensor(Image.open("a.png")).unsqueeze(0)
    with torch.no_grad():
        probs = net(image).softmax(1)  # expect: SN201 likely
    print(probs.topk(5))


if __name__ == "__main__":
    main()
