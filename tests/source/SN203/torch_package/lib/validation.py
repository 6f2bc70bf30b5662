import torch


def run_validation(net, loader):
    net.eval()  # expect: SN203
    correct = total = 0
    with torch.no_grad():
        for images, labels in loader:
            correct += (net(images.cuda()).argmax(1).cpu() == labels).sum().item()
            total += labels.size(0)
    return correct / total
