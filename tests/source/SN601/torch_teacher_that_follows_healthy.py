import copy

import torch
import torch.nn.functional as F
from torchvision.models import resnet50

from scenes import make_loader


def follow(teacher, student, decay):
    with torch.no_grad():
        for (_, mine), (_, theirs) in zip(teacher.state_dict().items(), student.state_dict().items()):
            mine.copy_(decay * mine + (1 - decay) * theirs)


def main():
    student = resnet50(weights="IMAGENET1K_V2")
    teacher = copy.deepcopy(student)
    for parameter in teacher.parameters():
        parameter.requires_grad_(False)
    optimizer = torch.optim.SGD(student.parameters(), 0.01)
    for _ in range(10):
        student.train()
        for weak, strong in make_loader():
            with torch.no_grad():
                target = teacher(weak).softmax(1)
            loss = F.cross_entropy(student(strong), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            follow(teacher, student, 0.999)
    torch.save(student.state_dict(), "student.pt")


if __name__ == "__main__":
    main()
