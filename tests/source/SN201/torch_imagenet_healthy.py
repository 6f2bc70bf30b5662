import argparse, os, shutil, time
import torch
import torch.nn as nn
import torch.nn.parallel
import torch.distributed as dist
import torch.multiprocessing as mp
import torchvision.models as models
import torchvision.datasets as datasets
import torchvision.transforms as transforms
from torch.utils.data import Subset

model_names = sorted(
    (
        name
        for name in models.__dict__
        if name.islower() and (not name.startswith("__")) and callable(models.__dict__[name])
    )
)
parser = argparse.ArgumentParser()
parser.add_argument("data", nargs="?", default="imagenet")
parser.add_argument("-a", "--arch", default="resnet18", choices=model_names)
parser.add_argument("--epochs", default=90, type=int)
parser.add_argument("-b", "--batch-size", default=256, type=int)
parser.add_argument("-e", "--evaluate", action="store_true")
parser.add_argument("--pretrained", action="store_true")
parser.add_argument("--gpu", default=None, type=int)
parser.add_argument("--resume", default="")
parser.add_argument("--multiprocessing-distributed", action="store_true")
best_acc1 = 0


def main():
    args = parser.parse_args()
    ngpus = torch.cuda.device_count()
    if args.multiprocessing_distributed:
        mp.spawn(main_worker, nprocs=ngpus, args=(ngpus, args))
    else:
        main_worker(args.gpu, ngpus, args)


def main_worker(gpu, ngpus_per_node, args):
    global best_acc1
    args.gpu = gpu
    if args.pretrained:
        model = models.__dict__[args.arch](pretrained=True)
    else:
        model = models.__dict__[args.arch]()
    if args.gpu is not None:
        torch.cuda.set_device(args.gpu)
        model = model.cuda(args.gpu)
    elif args.arch.startswith("alexnet") or args.arch.startswith("vgg"):
        model.features = torch.nn.DataParallel(model.features)
        model.cuda()
    else:
        model = torch.nn.DataParallel(model).cuda()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    if args.resume:
        checkpoint = torch.load(args.resume)
        model.load_state_dict(checkpoint["state_dict"])
        optimizer.load_state_dict(checkpoint["optimizer"])
    train_dataset = datasets.ImageFolder(os.path.join(args.data, "train"), transforms.ToTensor())
    val_dataset = datasets.ImageFolder(os.path.join(args.data, "val"), transforms.ToTensor())
    train_loader = torch.utils.data.DataLoader(train_dataset, batch_size=args.batch_size, shuffle=True)
    val_loader = torch.utils.data.DataLoader(val_dataset, batch_size=args.batch_size)
    if args.evaluate:
        validate(val_loader, model, criterion, args)
        return
    for epoch in range(args.epochs):
        train(train_loader, model, criterion, optimizer, epoch, args)
        acc1 = validate(val_loader, model, criterion, args)
        best_acc1 = max(acc1, best_acc1)
        torch.save({"state_dict": model.state_dict(), "optimizer": optimizer.state_dict()}, "checkpoint.pth.tar")


def train(train_loader, model, criterion, optimizer, epoch, args):
    model.train()
    for i, (images, target) in enumerate(train_loader):
        output = model(images.cuda())
        loss = criterion(output, target.cuda())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def validate(val_loader, model, criterion, args):

    def run_validate(loader):
        with torch.no_grad():
            for images, target in loader:
                output = model(images.cuda())
                loss = criterion(output, target.cuda())
                total.append((output.argmax(1).cpu() == target).float().mean().item())

    total = []
    model.eval()
    run_validate(val_loader)
    return sum(total) / len(total)


if __name__ == "__main__":
    main()
