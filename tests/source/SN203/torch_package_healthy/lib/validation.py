import torch


def run_validation(net, loader):
    net.eval()
    correct = total = 0
    with torch.no_grad():
        for images, labels in loader:
            correct += (net(images.cuda()).argmax(1).cpu() == labels).sum().item()
            total += labels.size(0)
    net.train()
    return correct / total
