import io
import os
import torch
from PIL import Image
from torchvision import models, transforms
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    def __init__(self):
        super().__init__()
        self.transform = transforms.Compose([transforms.Resize(224), transforms.ToTensor()])

    def initialize(self, context):
        model_dir = context.system_properties.get("model_dir")
        self.device = torch.device("cuda")
        self.model = models.resnet18(num_classes=10)
        self.model.load_state_dict(torch.load(os.path.join(model_dir, "model.pt")))
        self.model.to(self.device)
        self.initialized = True

    def preprocess(self, data):
        return torch.stack([self.transform(Image.open(io.BytesIO(r["data"]))) for r in data])

    def inference(self, data):
        with torch.no_grad():
            return self.model(data.to(self.device)).softmax(1)  # expect: SN201 likely

    def postprocess(self, out):
        return out.argmax(1).tolist()
