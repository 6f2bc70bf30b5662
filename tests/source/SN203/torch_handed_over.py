import torch
from torch.nn import functional as F


def train(model, optimizer, scheduler, train_loader, valid_loader, args):
    model.train()
    best = 0.0
    for epoch in range(args.epochs):
        for step, (x, y) in enumerate(train_loader):
            x, y = x.to(args.device), y.to(args.device)
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if step % args.log_interval == 0:
                print(epoch, step, loss.item())
        scheduler.step()
        model.eval()  # expect: SN203 likely
        correct = 0
        with torch.no_grad():
            for x, y in valid_loader:
                correct += (model(x.to(args.device)).argmax(1).cpu() == y).sum().item()
        if correct > best:
            best = correct
            torch.save(model.state_dict(), args.out)
