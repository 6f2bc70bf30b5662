"""TensorFlow's protobuf messages, as far as graphs are read: field numbers as in its public .proto files."""

from __future__ import annotations

from steadynorm.artifacts.protobuf import build

TABLE = {
    "GraphDef": ("repeated NodeDef node = 1", "FunctionDefLibrary library = 2"),
    "NodeDef": (
        "string name = 1",
        "string op = 2",
        "repeated string input = 3",
        "string device = 4",
        "map<string, AttrValue> attr = 5",
    ),
    "AttrValue": (
        "oneof value: ListValue list = 1",
        "oneof value: bytes s = 2",
        "oneof value: int64 i = 3",
        "oneof value: float f = 4",
        "oneof value: bool b = 5",
        "oneof value: int32 type = 6",
        "oneof value: TensorShapeProto shape = 7",
        "oneof value: TensorProto tensor = 8",
        "oneof value: string placeholder = 9",
        "oneof value: NameAttrList func = 10",
    ),
    "ListValue": (
        "repeated bytes s = 2",
        "repeated int64 i = 3",
        "repeated float f = 4",
        "repeated bool b = 5",
        "repeated int32 type = 6",
        "repeated TensorShapeProto shape = 7",
        "repeated NameAttrList func = 9",
    ),
    "NameAttrList": ("string name = 1",),
    "TensorShapeProto": ("repeated Dim dim = 2", "bool unknown_rank = 3"),
    "Dim": ("int64 size = 1",),
    "TensorProto": (
        "int32 dtype = 1",
        "TensorShapeProto tensor_shape = 2",
        "bytes tensor_content = 4",
        "repeated float float_val = 5",
        "repeated double double_val = 6",
        "repeated int32 int_val = 7",
        "repeated bytes string_val = 8",
        "repeated int64 int64_val = 10",
        "repeated bool bool_val = 11",
        "repeated int32 half_val = 13",
    ),
    "FunctionDefLibrary": ("repeated FunctionDef function = 1",),
    "FunctionDef": (
        "OpDef signature = 1",
        "repeated NodeDef node_def = 3",
        "map<string, string> ret = 4",
        "map<string, string> control_ret = 6",
    ),
    "OpDef": ("string name = 1", "repeated ArgDef input_arg = 2", "repeated ArgDef output_arg = 3"),
    "ArgDef": ("string name = 1", "int32 type = 3"),
    "MetaGraphDef": (
        "MetaInfoDef meta_info_def = 1",
        "GraphDef graph_def = 2",
        "SaverDef saver_def = 3",
        "map<string, CollectionDef> collection_def = 4",
        "map<string, SignatureDef> signature_def = 5",
    ),
    "MetaInfoDef": ("repeated string tags = 4", "string tensorflow_version = 5"),
    "SaverDef": (
        "string filename_tensor_name = 1",
        "string save_tensor_name = 2",
        "string restore_op_name = 3",
        "bool sharded = 5",
        "int32 version = 7",
    ),
    "CollectionDef": ("oneof kind: NodeList node_list = 1", "oneof kind: BytesList bytes_list = 2"),
    "NodeList": ("repeated string value = 1",),
    "BytesList": ("repeated bytes value = 1",),
    "SignatureDef": (
        "map<string, TensorInfo> inputs = 1",
        "map<string, TensorInfo> outputs = 2",
        "string method_name = 3",
    ),
    "TensorInfo": ("oneof encoding: string name = 1", "int32 dtype = 2", "TensorShapeProto tensor_shape = 3"),
}

CLASSES = build("steadynorm.tensorflow", TABLE)
"""Message classes by name; the ones that readers ask for follow."""

NodeDef = CLASSES["NodeDef"]
FunctionDef = CLASSES["FunctionDef"]
GraphDef = CLASSES["GraphDef"]
MetaGraphDef = CLASSES["MetaGraphDef"]
