"""A mean teacher takes part in the training with statistics of its own, and follows the student step by step."""

import copy

import lightning as L
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader
from torchvision.models import resnet18

from photos import Labeled, Views


class MeanTeacher(L.LightningModule):
    def __init__(self, decay=0.999):
        super().__init__()
        self.student = resnet18(num_classes=10)
        self.teacher = copy.deepcopy(self.student)
        self.teacher.requires_grad_(False)
        self.decay = decay

    def training_step(self, batch, _):
        images, labels, first, second = batch
        with torch.no_grad():
            wanted = self.teacher(first).softmax(1)
        loss = F.cross_entropy(self.student(images), labels)
        return loss + F.mse_loss(self.student(second).softmax(1), wanted)

    def on_before_zero_grad(self, _):
        with torch.no_grad():
            for student, teacher in zip(self.student.parameters(), self.teacher.parameters()):
                teacher.lerp_(student, 1 - self.decay)

    def configure_optimizers(self):
        return torch.optim.SGD(self.student.parameters(), lr=0.1, momentum=0.9)


class EveryEpoch(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.student = resnet18(num_classes=10)
        self.teacher = resnet18(num_classes=10)
        self.teacher.load_state_dict(self.student.state_dict())
        for parameter in self.teacher.parameters():
            parameter.requires_grad_(False)

    def training_step(self, batch, _):
        images, labels = batch
        with torch.no_grad():
            wanted = self.teacher(images)
        output = self.student(images)
        return F.cross_entropy(output, labels) + F.mse_loss(output, wanted)

    def on_train_epoch_end(self):
        old, new = self.teacher.state_dict(), self.student.state_dict()
        self.teacher.load_state_dict({name: 0.9 * old[name] + 0.1 * new[name] for name in old})

    def configure_optimizers(self):
        return torch.optim.SGD(self.student.parameters(), lr=0.1, momentum=0.9)


def follow(model, average, decay):
    for mean, parameter in zip(average.parameters(), model.parameters()):
        mean.data.mul_(decay).add_(parameter.data, alpha=1 - decay)


def train(loader):
    model, average = resnet18(num_classes=10).cuda(), resnet18(num_classes=10).cuda()
    for parameter in average.parameters():
        parameter.requires_grad = False
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(10):
        model.train()
        average.train()
        for images, labels in loader:
            images, labels = images.cuda(), labels.cuda()
            wanted = average(images).detach().softmax(1)
            output = model(images)
            loss = F.cross_entropy(output, labels) + F.mse_loss(output.softmax(1), wanted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            follow(model, average, 0.99)


views = DataLoader(Views("photos"), batch_size=128, shuffle=True)
labeled = DataLoader(Labeled("photos"), batch_size=128, shuffle=True)
L.Trainer(max_epochs=20).fit(MeanTeacher(), views)
L.Trainer(max_epochs=20).fit(EveryEpoch(), labeled)
train(labeled)
