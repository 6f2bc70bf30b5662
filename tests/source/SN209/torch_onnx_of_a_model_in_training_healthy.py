import sys

import timm
import torch


def export(name, checkpoint, output, size=224):
    model = timm.create_model(name, pretrained=False, num_classes=1000)
    model.load_state_dict(torch.load(checkpoint))
    model.eval()
    x = torch.randn(2, 3, size, size)
    torch.onnx.export(model, (x,), output, dynamo=True)


def export_anywhere(checkpoint, output):
    model = timm.create_model("resnet50")
    model.load_state_dict(torch.load(checkpoint))
    model.eval()
    torch.onnx.export(model, torch.randn(1, 3, 224, 224), output)


if __name__ == "__main__":
    export("efficientnet_b0", sys.argv[1], "b0.onnx")
    export_anywhere(sys.argv[2], "r50.onnx")
