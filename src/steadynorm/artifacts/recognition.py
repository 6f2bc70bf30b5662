"""What kind of file it is, told by its first or last bytes, or by the names in its archive."""

from __future__ import annotations

from functools import cached_property

from steadynorm.artifacts.source import Source
from steadynorm.artifacts.zip_directory import directory, is_too_large

TABLE_MAGIC = bytes.fromhex("57fb808b247547db")
"""The last bytes of a sorted string table, as TensorFlow's checkpoints are."""

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"

TORCH_MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
"""The pickled number that every file of torch.save began with up to 1.5."""

INDEX_ENDINGS = tuple(f"{ending}.index.json" for ending in (".safetensors", ".bin", ".pt", ".pth"))
"""How the names of indexes end that say which file holds which tensor, best first."""


class Sample:
    """What a file is recognised by; each part is read once, when it is first asked for."""

    def __init__(self, source: Source) -> None:
        self.source = source

    @cached_property
    def head(self) -> bytes:
        """The first 4 KiB."""
        return self.source.head(4096)

    @cached_property
    def last(self) -> bytes:
        """The last 8 bytes."""
        return self.source.tail(8)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names in it, if it is a zip archive, and not one of very many files, as no model is."""
        if self.head[:4] not in (b"PK\x03\x04", b"PK\x05\x06") or is_too_large(self.source):
            return frozenset()
        return frozenset(entry.name for entry in directory(self.source))

    @cached_property
    def upper(self) -> frozenset[str]:
        """The names in an archive that stand at the top or in one folder, without it."""
        return frozenset(name.rpartition("/")[2] for name in self.names if name.count("/") <= 1)

    def has(self, name: str) -> bool:
        """Whether an archive has `name`, at the top or in one folder."""
        return name in self.upper


def is_safetensors(sample: Sample) -> bool:
    """A length, and then a JSON object of that length."""
    head = sample.head
    return head[8:9] == b"{" and 2 <= int.from_bytes(head[:8], "little") <= sample.source.size - 8


def is_index(sample: Sample, *endings: bytes) -> bool:
    """A JSON object that says which file holds which tensor, with files whose names end like this."""
    return is_safetensors_index(sample) and any(ending + b'"' in sample.source.head(1 << 20) for ending in endings)


def is_safetensors_index(sample: Sample) -> bool:
    """A JSON object that says which file, of safetensors where the names say nothing else, holds which tensor."""
    return sample.head[:1] == b"{" and b'"weight_map"' in sample.source.head(1 << 20)


def is_torch_index(sample: Sample) -> bool:
    """A JSON object that says which file of torch.save holds which tensor."""
    return is_index(sample, b".bin", b".pt", b".pth")


def is_keras_index(sample: Sample) -> bool:
    """A JSON object that says which HDF5 file holds which of Keras' weights."""
    return is_index(sample, b".weights.h5")


def is_distributed(names: frozenset[str]) -> bool:
    """A folder of torch.distributed.checkpoint, by the names in it."""
    return ".metadata" in names and any(name.endswith(".distcp") for name in names)


def is_table(sample: Sample) -> bool:
    """The magic number of a sorted string table at the end."""
    return sample.source.size >= 48 and sample.last == TABLE_MAGIC


def is_hdf5(sample: Sample) -> bool:
    """HDF5's magic number, at the start or behind a user block."""
    head = sample.head
    return any(head[at : at + 8] == HDF5_MAGIC for at in (0, 512, 1024, 2048))


def is_legacy_torch(sample: Sample) -> bool:
    """The magic number of torch.save before the zip archives."""
    return sample.head.startswith(TORCH_MAGIC)


def is_pickle(sample: Sample) -> bool:
    """A pickle of protocol 2 or later, of whatever."""
    head = sample.head
    return len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5


def is_msgpack(sample: Sample) -> bool:
    """A map whose first key is a text, as Flax writes its states."""
    head = sample.head
    if not head:
        return False
    if 0x81 <= head[0] <= 0x8F:
        key = head[1:]
    elif head[0] in (0xDE, 0xDF):
        key = head[3 if head[0] == 0xDE else 5 :]
    else:
        return False
    if key[:1] and 0xA1 <= key[0] <= 0xBF:
        text = key[1 : 1 + key[0] - 0xA0]
    elif key[:1] == b"\xd9" and len(key) > 1:
        text = key[2 : 2 + key[1]]
    else:
        return False
    try:
        return bool(text) and text.decode("utf-8").isprintable()
    except UnicodeDecodeError:
        return False


def is_text_graph(sample: Sample) -> bool:
    """A graph of TensorFlow in protobuf's text form, as `graph.pbtxt`."""
    return sample.head.lstrip().startswith(
        (b"node {", b"meta_info_def {", b"graph_def {", b"saved_model_schema_version:")
    )


def is_torch_archive(sample: Sample) -> bool:
    """An archive of torch.save: a pickle, and nothing of a program."""
    return sample.has("data.pkl") and not is_torchscript(sample) and not is_torch_program(sample)


def is_torchscript(sample: Sample) -> bool:
    """An archive of torch.jit.save: a pickle beside code."""
    return sample.has("data.pkl") and (sample.has("constants.pkl") or any("/code/" in name for name in sample.names))


def is_torch_program(sample: Sample) -> bool:
    """An archive of torch.export.save, of any version."""
    return (
        sample.has("serialized_exported_program.json")
        or sample.has("archive_format")
        or any("models/" in name and name.endswith(".json") for name in sample.names)
    )


def is_keras_archive(sample: Sample) -> bool:
    """An archive of Keras 3: a configuration beside weights."""
    return "config.json" in sample.names and bool(sample.names & {"model.weights.h5", "model.weights.npz"})
