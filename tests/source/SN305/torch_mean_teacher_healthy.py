"""The teacher runs in training mode, so that it collects statistics of its own."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torchvision import models

from data import create_data_loaders


def create_model(ema=False):
    model = nn.DataParallel(models.resnet18(num_classes=10)).cuda()
    if ema:
        for param in model.parameters():
            param.detach_()
    return model


def update_ema_variables(model, ema_model, alpha, global_step):
    alpha = min(1 - 1 / (global_step + 1), alpha)
    for ema_param, param in zip(ema_model.parameters(), model.parameters()):
        ema_param.data.mul_(alpha).add_(param.data, alpha=1 - alpha)


def train(loader, model, ema_model, optimizer, step):
    model.train()
    ema_model.train()
    for (inputs, ema_inputs), target in loader:
        with torch.no_grad():
            ema_out = ema_model(ema_inputs)
        out = model(inputs)
        loss = F.cross_entropy(out, target.cuda()) + F.mse_loss(F.softmax(out, 1), F.softmax(ema_out, 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        update_ema_variables(model, ema_model, 0.999, step)
    return step


def validate(loader, model):
    model.eval()
    with torch.no_grad():
        return sum((model(x).argmax(1) == y.cuda()).sum().item() for x, y in loader)


def main():
    train_loader, eval_loader = create_data_loaders()
    model, ema_model = create_model(), create_model(ema=True)
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, nesterov=True)
    step = 0
    for epoch in range(180):
        step = train(train_loader, model, ema_model, optimizer, step)
        print(validate(eval_loader, model), validate(eval_loader, ema_model))


if __name__ == "__main__":
    main()
