"""The field numbers that are written down, against TensorFlow's own."""

from __future__ import annotations

import pytest
from tensorflow.core.framework import (
    attr_value_pb2,
    function_pb2,
    graph_pb2,
    node_def_pb2,
    op_def_pb2,
    tensor_pb2,
    tensor_shape_pb2,
)
from tensorflow.core.protobuf import meta_graph_pb2, saver_pb2

from steadynorm.artifacts import tensorflow_messages

OWN = {
    "GraphDef": graph_pb2.GraphDef,
    "NodeDef": node_def_pb2.NodeDef,
    "AttrValue": attr_value_pb2.AttrValue,
    "ListValue": attr_value_pb2.AttrValue.ListValue,
    "NameAttrList": attr_value_pb2.NameAttrList,
    "TensorShapeProto": tensor_shape_pb2.TensorShapeProto,
    "Dim": tensor_shape_pb2.TensorShapeProto.Dim,
    "TensorProto": tensor_pb2.TensorProto,
    "FunctionDefLibrary": function_pb2.FunctionDefLibrary,
    "FunctionDef": function_pb2.FunctionDef,
    "OpDef": op_def_pb2.OpDef,
    "ArgDef": op_def_pb2.OpDef.ArgDef,
    "MetaGraphDef": meta_graph_pb2.MetaGraphDef,
    "MetaInfoDef": meta_graph_pb2.MetaGraphDef.MetaInfoDef,
    "SaverDef": saver_pb2.SaverDef,
    "CollectionDef": meta_graph_pb2.CollectionDef,
    "NodeList": meta_graph_pb2.CollectionDef.NodeList,
    "BytesList": meta_graph_pb2.CollectionDef.BytesList,
    "SignatureDef": meta_graph_pb2.SignatureDef,
    "TensorInfo": meta_graph_pb2.TensorInfo,
}
ENUM, INT32 = 14, 5


def test_every_message_of_the_table_is_compared() -> None:
    assert set(OWN) == set(tensorflow_messages.TABLE)


@pytest.mark.parametrize("name", OWN)
def test_fields_are_those_of_tensorflow(name: str) -> None:
    theirs = OWN[name].DESCRIPTOR.fields_by_name
    ours = tensorflow_messages.CLASSES[name].DESCRIPTOR

    for field in ours.fields:
        own = theirs[field.name]
        assert field.number == own.number
        assert field.type == (INT32 if own.type == ENUM else own.type)
        assert field.is_repeated == own.is_repeated
        assert (field.containing_oneof is None) == (own.containing_oneof is None)
        if own.message_type is not None and not own.message_type.GetOptions().map_entry:
            assert field.message_type.name == own.message_type.name
