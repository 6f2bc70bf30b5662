import torch
from torch import nn


class Vad(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(40, 64, 5, bias=False)
        self.bn = nn.BatchNorm1d(64)
        self.fc = nn.Conv1d(64, 1, 1)

    def forward(self, mel):
        return torch.sigmoid(self.fc(torch.relu(self.bn(self.conv(mel)))))


def main(checkpoint="vad.ckpt", out="vad.ts"):
    model = Vad()
    model.load_state_dict(torch.load(checkpoint)["state_dict"])
    model.eval()
    scripted = torch.jit.script(model)
    torch.jit.save(scripted, out)


main()
