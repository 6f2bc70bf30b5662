import copy

import torch
import torch.nn as nn
import torch.nn.functional as F

from tasks import held_out, sampled


def network():
    return nn.Sequential(nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.LazyLinear(5))


def adapted(net, inputs, labels):
    mine = copy.deepcopy(net)
    optimizer = torch.optim.SGD(mine.parameters(), 0.1)
    for _ in range(10):
        loss = F.cross_entropy(mine(inputs), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return mine


def main():
    net = network()
    for inputs, labels, _, _ in sampled():
        with torch.no_grad():
            for ours, theirs in zip(net.parameters(), adapted(net, inputs, labels).parameters()):
                ours.lerp_(theirs, 0.1)
    for inputs, labels, queries, answers in held_out():
        mine = adapted(net, inputs, labels).eval()
        with torch.no_grad():
            print((mine(queries).argmax(1) == answers).float().mean())


if __name__ == "__main__":
    main()
