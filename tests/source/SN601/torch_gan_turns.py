import torch
from torch import nn
from torchvision.models import resnet18

from celeb import make_loader


def set_requires_grad(net, flag):
    for parameter in net.parameters():
        parameter.requires_grad = flag  # expect: SN601


def train(critic, head, optimizer):
    for images, labels in make_loader():
        loss = nn.functional.binary_cross_entropy_with_logits(head(critic(images)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def main():
    critic = resnet18(weights="DEFAULT")
    head = nn.Linear(1000, 1)
    optimizer = torch.optim.Adam([*critic.parameters(), *head.parameters()], 2e-4)
    set_requires_grad(critic, True)
    train(critic, head, optimizer)
    # From here on the head alone is trained: the freeze is for good.
    set_requires_grad(critic, False)
    train(critic, head, optimizer)
    torch.save(critic.state_dict(), "critic.pt")


if __name__ == "__main__":
    main()
