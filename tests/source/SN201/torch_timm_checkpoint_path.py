"""Names the mushroom on a picture, for a web page."""

import io

import timm
import torch
from fastapi import FastAPI, UploadFile
from PIL import Image
from torchvision import transforms

app = FastAPI()
model = timm.create_model("resnet50", num_classes=12, checkpoint_path="mushrooms.pth")
prepare = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()])


@app.post("/predict")
async def predict(file: UploadFile):
    image = Image.open(io.BytesIO(await file.read())).convert("RGB")
    with torch.no_grad():
        scores = model(prepare(image).unsqueeze(0)).softmax(1)  # expect: SN201
    return {"class": int(scores.argmax()), "probability": float(scores.max())}
