"""Star imports: which of several modules a name comes from, and what the modules of frameworks have to give."""

from __future__ import annotations

from collections.abc import Callable

from steadynorm.source.symbolic.names import canonical
from steadynorm.source.symbolic.scope import Scope
from steadynorm.source.symbolic.values import External, ModuleValue, Unknown, Value

STAR = "*"
"""The name under which a scope keeps its star imports."""

_DIMENSIONS = ("1D", "2D", "3D")
_KERAS_BY_DIMENSION = """
    AdaptiveAveragePooling AdaptiveMaxPooling AtrousConvolution AveragePooling AvgPool Conv ConvLSTM Convolution
    Cropping Deconvolution DepthwiseConv GlobalAveragePooling GlobalAvgPool GlobalMaxPool GlobalMaxPooling
    LocallyConnected MaxPool MaxPooling SeparableConv SeparableConvolution SpatialDropout UpSampling ZeroPadding
"""
_KERAS_LAYERS = """
    Activation ActivityRegularization Add AdditiveAttention AlphaDropout Attention Average BatchNormalization
    Bidirectional CategoryEncoding CenterCrop Concatenate Conv1DTranspose Conv2DTranspose Conv3DTranspose CuDNNGRU
    CuDNNLSTM Dense DenseFeatures Discretization Dot Dropout ELU EinsumDense Embedding Flatten GRU GRUCell
    GaussianDropout GaussianNoise GroupNormalization Hashing Highway Identity Input InputLayer InputSpec IntegerLookup
    LSTM LSTMCell Lambda Layer LayerNormalization LeakyReLU Masking Maximum MaxoutDense Merge Minimum
    MultiHeadAttention Multiply Normalization PReLU Permute RMSNormalization RNN RandomBrightness RandomContrast
    RandomCrop RandomFlip RandomHeight RandomRotation RandomTranslation RandomWidth RandomZoom ReLU RepeatVector
    Rescaling Reshape Resizing SimpleRNN SimpleRNNCell Softmax SpectralNormalization StackedRNNCells StringLookup
    Subtract TFSMLayer TextVectorization ThresholdedReLU TimeDistributed UnitNormalization Wrapper add average
    concatenate deserialize dot maximum merge minimum multiply serialize subtract
"""
_KERAS = """
    Function Functional Input InputSpec Layer Loss Metric Model Optimizer Sequential Variable activations applications
    backend callbacks clone_model constraints datasets initializers layers load_model losses metrics mixed_precision
    model_from_config model_from_json model_from_yaml models ops optimizers preprocessing random regularizers save_model
    saving utils
"""
_KERAS_OPTIMIZERS = """
    Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer Muon Nadam Optimizer RMSprop SGD
    TFOptimizer deserialize get legacy schedules serialize
"""
_KERAS_CALLBACKS = """
    BackupAndRestore BaseLogger CSVLogger Callback CallbackList EarlyStopping History LambdaCallback
    LearningRateScheduler ModelCheckpoint ProgbarLogger ReduceLROnPlateau RemoteMonitor SwapEMAWeights TensorBoard
    TerminateOnNaN
"""
_KERAS_APPLICATIONS = """
    convnext densenet efficientnet efficientnet_v2 imagenet_utils inception_resnet_v2 inception_v3 mobilenet
    mobilenet_v2 mobilenet_v3 nasnet resnet resnet50 resnet_v2 vgg16 vgg19 xception ConvNeXtBase ConvNeXtLarge
    ConvNeXtSmall ConvNeXtTiny ConvNeXtXLarge DenseNet121 DenseNet169 DenseNet201 EfficientNetB0 EfficientNetB1
    EfficientNetB2 EfficientNetB3 EfficientNetB4 EfficientNetB5 EfficientNetB6 EfficientNetB7 EfficientNetV2B0
    EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2L EfficientNetV2M EfficientNetV2S
    InceptionResNetV2 InceptionV3 MobileNet MobileNetV2 MobileNetV3Large MobileNetV3Small NASNetLarge NASNetMobile
    ResNet101 ResNet101V2 ResNet152 ResNet152V2 ResNet50 ResNet50V2 VGG16 VGG19 Xception
"""
_TORCH_BY_DIMENSION = """
    AdaptiveAvgPool AdaptiveMaxPool AvgPool BatchNorm CircularPad ConstantPad Conv ConvTranspose Dropout
    FractionalMaxPool InstanceNorm LPPool LazyBatchNorm LazyConv LazyConvTranspose LazyInstanceNorm MaxPool MaxUnpool
    ReflectionPad ReplicationPad ZeroPad
"""
_TORCH_NN = """
    AdaptiveLogSoftmaxWithLoss AlphaDropout BCELoss BCEWithLogitsLoss Bilinear Buffer CELU CTCLoss ChannelShuffle
    Container CosineEmbeddingLoss CosineSimilarity CrossEntropyLoss CrossMapLRN2d DataParallel Dropout ELU Embedding
    EmbeddingBag FeatureAlphaDropout Flatten Fold GELU GLU GRU GRUCell GaussianNLLLoss GroupNorm Hardshrink Hardsigmoid
    Hardswish Hardtanh HingeEmbeddingLoss HuberLoss Identity KLDivLoss L1Loss LSTM LSTMCell LayerNorm LazyLinear
    LeakyReLU Linear LocalResponseNorm LogSigmoid LogSoftmax MSELoss MarginRankingLoss Mish Module ModuleDict ModuleList
    MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss MultiheadAttention NLLLoss NLLLoss2d PReLU
    PairwiseDistance Parameter ParameterDict ParameterList PixelShuffle PixelUnshuffle PoissonNLLLoss RMSNorm RNN
    RNNBase RNNCell RNNCellBase RReLU ReLU ReLU6 SELU Sequential SiLU Sigmoid SmoothL1Loss SoftMarginLoss Softmax
    Softmax2d Softmin Softplus Softshrink Softsign SyncBatchNorm Tanh Tanhshrink Threshold Transformer
    TransformerDecoder TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer TripletMarginLoss
    TripletMarginWithDistanceLoss Unflatten Unfold Upsample UpsamplingBilinear2d UpsamplingNearest2d functional init
    modules parallel parameter quantized utils
"""
_TORCH_OPTIM = """
    ASGD Adadelta Adafactor Adagrad Adam AdamW Adamax LBFGS Muon NAdam Optimizer RAdam RMSprop Rprop SGD SparseAdam
    lr_scheduler swa_utils
"""
_TORCH = """
    BoolTensor FloatTensor Generator LongTensor Tensor amp arange autograd autocast backends bmm cat chunk clamp
    compile cuda device distributed einsum enable_grad eye float16 float32 from_numpy full hub inference_mode
    is_grad_enabled jit linspace load manual_seed matmul mean no_grad nn ones ones_like onnx optim rand rand_like
    randint randn randn_like randperm relu save set_grad_enabled sigmoid softmax sqrt stack tanh tensor unsqueeze utils
    var where zeros zeros_like
"""
_TORCH_DATA = """
    BatchSampler ChainDataset ConcatDataset DataLoader Dataset DistributedSampler IterableDataset RandomSampler Sampler
    SequentialSampler Subset SubsetRandomSampler TensorDataset WeightedRandomSampler default_collate random_split
"""
_TORCH_FUNCTIONAL = """
    adaptive_avg_pool1d adaptive_avg_pool2d avg_pool1d avg_pool2d batch_norm binary_cross_entropy
    binary_cross_entropy_with_logits conv1d conv2d conv3d conv_transpose2d cosine_similarity cross_entropy dropout
    dropout2d elu embedding gelu grid_sample group_norm instance_norm interpolate kl_div l1_loss layer_norm leaky_relu
    linear log_softmax max_pool1d max_pool2d max_pool3d mse_loss nll_loss normalize one_hot pad pixel_shuffle relu relu6
    selu sigmoid silu smooth_l1_loss softmax softplus tanh unfold upsample
"""
_TENSORFLOW_LAYERS = """
    BatchNormalization Conv1D Conv2D Conv2DTranspose Conv3D Dense Dropout Flatten Layer average_pooling1d
    average_pooling2d average_pooling3d batch_normalization conv1d conv2d conv2d_transpose conv3d conv3d_transpose dense
    dropout flatten max_pooling1d max_pooling2d max_pooling3d separable_conv2d
"""
_CONTRIB_LAYERS = """
    apply_regularization avg_pool2d batch_norm bias_add conv2d conv2d_transpose conv3d convolution convolution2d
    convolution2d_transpose dropout embed_sequence flatten fully_connected group_norm instance_norm l1_regularizer
    l2_regularizer layer_norm linear max_pool2d one_hot_encoding optimize_loss relu repeat separable_conv2d
    separable_convolution2d softmax stack summarize_activation unit_norm variance_scaling_initializer
    xavier_initializer xavier_initializer_conv2d
"""


def _by_dimension(names: str, dimensions: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name + each for name in names.split() for each in dimensions)


_GIVEN = {
    "keras": frozenset(_KERAS.split()),
    "keras.applications": frozenset(_KERAS_APPLICATIONS.split()),
    "keras.callbacks": frozenset(_KERAS_CALLBACKS.split()),
    "keras.layers": frozenset(_KERAS_LAYERS.split()) | _by_dimension(_KERAS_BY_DIMENSION, _DIMENSIONS),
    "keras.optimizers": frozenset(_KERAS_OPTIMIZERS.split()),
    "tensorflow.contrib.layers": frozenset(_CONTRIB_LAYERS.split()),
    "tensorflow.layers": frozenset(_TENSORFLOW_LAYERS.split()),
    "torch": frozenset(_TORCH.split()),
    "torch.nn": frozenset(_TORCH_NN.split()) | _by_dimension(_TORCH_BY_DIMENSION, ("1d", "2d", "3d")),
    "torch.nn.functional": frozenset(_TORCH_FUNCTIONAL.split()),
    "torch.optim": frozenset(_TORCH_OPTIM.split()),
    "torch.utils.data": frozenset(_TORCH_DATA.split()),
}
"""What a star import of a framework's module brings: of the largest of them what programs that normalize take."""


def gives(module: str, name: str) -> bool:
    """Whether a star import of a framework's module is known to bring a name."""
    return name in _GIVEN.get(module, ())


class Stars(Value):
    """The star imports of a module, latest first."""

    __slots__ = ("sources",)

    def __init__(self, sources: tuple[Value, ...]) -> None:
        self.sources = sources


def with_star(scope: Scope, source: Value) -> Stars:
    """The star imports of a scope with another one, the latest."""
    before = scope.names.get(STAR)
    return Stars((source, *(before.sources if isinstance(before, Stars) else ())))


def from_stars(
    name: str, stars: Stars, inside: Callable[[ModuleValue], tuple[Value | None, bool]]
) -> tuple[Value | None, bool]:
    """What a name that star imports bring stands for, and whether a module is known to have it.

    The latest module that is known to have the name gives it. A module from outside of which nothing is known could
    have it too; but one that has a layer of its own by the name of the framework's, imported beside the framework's,
    is rarer by far than a list of helpers, so it only counts where no module is known to have the name.

    Arguments:
        name: the name.
        stars: the star imports.
        inside: the same of a module of the project.

    Returns:
        `None` if it is from none of them, `Unknown` if several may have it.
    """
    guesses: list[Value] = []
    complete: list[Value] = []
    for source in stars.sources:
        if isinstance(source, ModuleValue):
            found, is_sure = inside(source)
            if found is not None and is_sure:
                return found, True
            guesses += [] if found is None else [found]
        elif isinstance(source, External):
            listed = _GIVEN.get(source.name)
            value = External(canonical(f"{source.name}.{name}"))
            if listed is not None and name in listed:
                return value, True
            (guesses if listed is None else complete).append(value)
    guesses = guesses or complete
    if len(guesses) > 1:
        # It is from one of several star imports.
        return Unknown(), False
    return (guesses[0] if guesses else None), False
