import torch
from accelerate import Accelerator
from timm import create_model
from torch.utils.data import DataLoader

from pets import PetsDataset


def main(epochs=3, batch_size=64):
    accelerator = Accelerator(mixed_precision="fp16")
    train_dataloader = DataLoader(PetsDataset("train"), shuffle=True, batch_size=batch_size, num_workers=4)
    eval_dataloader = DataLoader(PetsDataset("val"), shuffle=False, batch_size=batch_size, num_workers=4)
    model = create_model("resnet50d", pretrained=True, num_classes=37).to(accelerator.device)
    optimizer = torch.optim.Adam(params=model.parameters(), lr=1e-3)
    model, optimizer, train_dataloader, eval_dataloader = accelerator.prepare(
        model, optimizer, train_dataloader, eval_dataloader
    )
    for epoch in range(epochs):
        model.train()
        for batch in train_dataloader:
            loss = torch.nn.functional.cross_entropy(model(batch["image"]), batch["label"])
            accelerator.backward(loss)
            optimizer.step()
            optimizer.zero_grad()
        model.eval()
        accurate = 0
        for batch in eval_dataloader:
            with torch.no_grad():
                outputs = model(batch["image"])
            predictions, references = accelerator.gather_for_metrics((outputs.argmax(dim=-1), batch["label"]))
            accurate += (predictions == references).sum()
        accelerator.print(f"epoch {epoch}: {accurate}")


if __name__ == "__main__":
    main()
