"""The operations that networks are made of, by kind."""

from __future__ import annotations

CONVOLUTIONS = frozenset(
    {"Conv2D", "Conv3D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "Conv3DBackpropInput", "Conv", "ConvGeneral"}
    | {"Conv3DBackpropInputV2", "DepthwiseConv2dNativeBackpropInput", "XlaConvV2", "XlaConv"}
)
LINEAR = frozenset({"MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "SparseTensorDenseMatMul"})
RESHAPES = frozenset(
    {"Reshape", "Squeeze", "ExpandDims", "Transpose", "Pad", "PadV2", "SpaceToBatchND", "BatchToSpaceND"}
)
ACTIVATIONS = frozenset({"Relu", "Relu6", "Elu", "Selu", "LeakyRelu", "Softplus", "Softsign"})
SQUASHING = frozenset({"Sigmoid", "Tanh"})
POOLING = frozenset({"MaxPool", "AvgPool", "MaxPoolV2", "MaxPool3D", "AvgPool3D"})
ADDITIONS = frozenset({"Add", "AddV2", "BiasAdd"})
