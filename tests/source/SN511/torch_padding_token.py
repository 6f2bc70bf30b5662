import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from reviews import Reviews


def collate(batch):
    tokens, labels = zip(*batch)
    return pad_sequence(tokens, batch_first=True, padding_value=0), torch.tensor(labels)


class TextCNN(nn.Module):
    def __init__(self, vocab, dim=128):
        super().__init__()
        self.embed = nn.Embedding(vocab, dim, padding_idx=0)
        self.norm = nn.BatchNorm1d(dim)  # expect: SN511 likely
        self.conv = nn.Conv1d(dim, 100, 3)
        self.fc = nn.Linear(100, 2)

    def forward(self, tokens):
        x = self.norm(self.embed(tokens).transpose(1, 2))
        return self.fc(torch.relu(self.conv(x)).amax(-1))


def main():
    dataset = Reviews("train")
    loader = DataLoader(dataset, batch_size=64, shuffle=True, collate_fn=collate)
    model = TextCNN(len(dataset.vocab))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(5):
        model.train()
        for tokens, labels in loader:
            loss = nn.functional.cross_entropy(model(tokens), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.save(model.state_dict(), "textcnn.pt")


if __name__ == "__main__":
    main()
