import torch
import torch.nn.functional as F


def train_one_epoch(model, loader, optimizer, device):
    model.train()
    for images, target in loader:
        images, target = images.to(device, non_blocking=True), target.to(device, non_blocking=True)
        loss = F.cross_entropy(model(images), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()


@torch.inference_mode()
def evaluate(model, loader, device):
    correct = total = 0
    for images, target in loader:
        output = model(images.to(device))  # expect: SN201 SN107
        correct += (output.argmax(dim=1).cpu() == target).sum().item()
        total += target.numel()
    return correct / total
