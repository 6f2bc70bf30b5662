import torch


def backward(total, scaler):
    if scaler is None:
        total.backward()
    else:
        scaler.scale(total).backward()


def train_one_epoch(model, data, loss, teacher, optimizer, scaler, args):
    """One step for several batches: their features first, without gradients, then each of them once more with."""
    device = torch.device(args.device)
    model.train()
    if args.distill:
        teacher.eval()
    kept_images, kept_texts, features = [], [], {}
    for index, batch in enumerate(data["train"]):
        images, texts = batch
        images = images.to(device=device, non_blocking=True)
        texts = texts.to(device=device, non_blocking=True)
        optimizer.zero_grad()
        if args.pieces == 1:
            out = model(images, texts)
            if args.distill:
                with torch.no_grad():
                    wanted = teacher(images, texts)
                out.update({f"wanted_{key}": value for key, value in wanted.items()})
            losses = loss(**out, output_dict=True)
            backward(sum(losses.values()), scaler)
        else:
            with torch.no_grad():
                out = model(images, texts)
                out.pop("scale", None)
                for key, value in out.items():
                    if key in features:
                        features[key].append(value)
                    else:
                        features[key] = [value]
                kept_images.append(images)
                kept_texts.append(texts)
            if (index + 1) % args.pieces > 0:
                continue
            optimizer.zero_grad()
            for number in range(args.pieces):
                out = model(kept_images[number], kept_texts[number])
                inputs = {"scale": out.pop("scale")}
                for key, value in features.items():
                    inputs[key] = torch.cat(value[:number] + [out[key]] + value[number + 1 :])
                losses = loss(**inputs, output_dict=True)
                backward(sum(losses.values()), scaler)
        optimizer.step()
        if args.pieces > 1:
            kept_images, kept_texts, features = [], [], {}
