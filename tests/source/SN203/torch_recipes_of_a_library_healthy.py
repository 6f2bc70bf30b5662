import torch, torch.nn.functional as F


def train_gan(netG, netD, optG, optD, loader, device, epochs, fixed_noise, writer):
    netG.train()
    netD.train()
    for epoch in range(epochs):
        for i, (real, _) in enumerate(loader):
            z = torch.randn(real.size(0), 100, 1, 1, device=device)
            fake = netG(z)
            lossD = F.softplus(-netD(real.to(device))).mean() + F.softplus(netD(fake.detach())).mean()
            optD.zero_grad()
            lossD.backward()
            optD.step()
            lossG = F.softplus(-netD(fake)).mean()
            optG.zero_grad()
            lossG.backward()
            optG.step()
        netG.eval()
        with torch.no_grad():
            writer.add_images("fake", netG(fixed_noise), epoch)
        netG.train()


def pgd(model, x, y, steps, eps, alpha):
    delta = torch.zeros_like(x, requires_grad=True)
    model.eval()
    for _ in range(steps):
        loss = F.cross_entropy(model(x + delta), y)
        loss.backward()
        delta.data = (delta + alpha * delta.grad.sign()).clamp(-eps, eps)
        delta.grad.zero_()
    return delta.detach()


def adv_train(model, loader, optimizer, epochs):
    for epoch in range(epochs):
        model.train()
        for x, y in loader:
            delta = pgd(model, x, y, 7, 8 / 255, 2 / 255)
            model.train()
            loss = F.cross_entropy(model(x + delta), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def feature_bank(encoder, loader):
    encoder.eval()
    with torch.no_grad():
        return torch.cat([encoder(x) for x, _ in loader])


def linear_probe(encoder, head, optimizer, loader, epochs):
    encoder.eval()
    for epoch in range(epochs):
        head.train()
        for x, y in loader:
            with torch.no_grad():
                f = encoder(x)
            loss = F.cross_entropy(head(f), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def finetune_frozen_bn(model, optimizer, loader, epochs):
    for epoch in range(epochs):
        model.eval()
        for x, y in loader:
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
