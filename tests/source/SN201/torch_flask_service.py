import io

import torch
import torch.nn as nn
import torchvision.transforms as T
from flask import Flask, jsonify, request
from PIL import Image

app = Flask(__name__)


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, 3, bias=False)
        self.bn2 = nn.BatchNorm2d(32)
        self.fc = nn.Linear(32, 7)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return self.fc(x.mean([2, 3]))


class Predictor:
    def __init__(self, checkpoint):
        self.net = Net()
        self.net.load_state_dict(torch.load(checkpoint, map_location="cpu")["state_dict"])
        self.transform = T.Compose([T.Resize((96, 96)), T.ToTensor()])

    def __call__(self, raw):
        batch = self.transform(Image.open(io.BytesIO(raw)).convert("RGB"))[None]
        with torch.no_grad():
            scores = torch.softmax(self.net(batch), dim=1)[0]  # expect: SN201
        return {"emotion": int(scores.argmax()), "p": float(scores.max())}


predictor = Predictor("weights/emotion.pth")


@app.route("/predict", methods=["POST"])
def predict():
    return jsonify(predictor(request.files["file"].read()))


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=5000)
