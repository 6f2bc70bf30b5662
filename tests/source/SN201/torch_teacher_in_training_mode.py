import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision import datasets, models, transforms


class Student(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, bias=False)
        self.bn = nn.BatchNorm2d(16)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        return self.fc(F.relu(self.bn(self.conv(x))).mean((2, 3)))


def distill(student, teacher, loader, temperature=4.0, epochs=30):
    optimizer = torch.optim.SGD(student.parameters(), lr=0.05, momentum=0.9)
    student.train()
    for epoch in range(epochs):
        for x, y in loader:
            with torch.no_grad():
                soft = F.softmax(teacher(x) / temperature, 1)  # expect: SN201 likely
            logits = student(x)
            loss = F.kl_div(F.log_softmax(logits / temperature, 1), soft) + F.cross_entropy(logits, y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.save(student.state_dict(), "student.pt")


if __name__ == "__main__":
    data = datasets.CIFAR10("data", transform=transforms.ToTensor())
    teacher = models.resnet50(num_classes=10)
    teacher.load_state_dict(torch.load("teacher.pt"))
    distill(Student(), teacher, torch.utils.data.DataLoader(data, 128, shuffle=True))
