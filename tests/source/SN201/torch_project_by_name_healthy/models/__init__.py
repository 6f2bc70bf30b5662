from .resnet import *
from .vgg import vgg11
