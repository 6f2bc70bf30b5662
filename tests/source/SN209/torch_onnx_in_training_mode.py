import torch
import torch.nn as nn
import torch.onnx


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 32, 3, 2, 1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.Conv2d(32, 64, 3, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
        )
        self.boxes = nn.Conv2d(64, 4, 1)

    def forward(self, x):
        return self.boxes(self.backbone(x))


if __name__ == "__main__":
    net = Detector()
    net.load_state_dict(torch.load("detector.pth")["model"])
    dummy_input = torch.randn(1, 3, 320, 320)
    torch.onnx.export(  # expect: SN209
        net,
        dummy_input,
        "detector.onnx",
        opset_version=11,
        training=torch.onnx.TrainingMode.TRAINING,
        do_constant_folding=False,
        input_names=["image"],
        output_names=["boxes"],
    )
