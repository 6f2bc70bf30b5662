import argparse
import json

import torch
from torch import nn

VOCAB = 5000


class TextClassifier(nn.Module):
    def __init__(self, dim=64, hidden=32, classes=4):
        super().__init__()
        self.embedding = nn.EmbeddingBag(VOCAB, dim)
        self.fc = nn.Linear(dim, hidden, bias=False)
        self.norm = nn.BatchNorm1d(hidden)
        self.out = nn.Linear(hidden, classes)

    def forward(self, tokens):
        x = self.fc(self.embedding(tokens))
        x = self.norm(x)
        return self.out(torch.relu(x))


def load(path):
    model = TextClassifier()
    state = torch.load(path, map_location="cpu")
    model.load_state_dict(state)
    model.eval()
    return model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("documents")
    args = parser.parse_args()

    model = load(args.model)
    with open(args.documents) as f, torch.no_grad():
        for line in f:
            tokens = torch.tensor(json.loads(line)["tokens"]).unsqueeze(0)
            print(model(tokens).argmax(1).item())


if __name__ == "__main__":
    main()
