"""Input that is made up: whether a model is given random numbers, and whether what it makes of them is a result.

A look at shapes and a warm-up run drop what comes out, or print its size. Samples of a generator are shown, or kept in
a file.
"""

from __future__ import annotations

from steadynorm.source.symbolic.flow import Uses, inside
from steadynorm.source.symbolic.trace import Call
from steadynorm.source.symbolic.values import External, Instance, Item, Parameter, Product, Unknown, Value
from steadynorm.source.torch.words import LOADERS, RANDOM, short

_OF_SIZES_OR_DATA = ("torch.FloatTensor", "torch.LongTensor", "torch.cuda.FloatTensor", "torch.cuda.LongTensor")
_READS = LOADERS | {"torch.load"}
_COUNTS_OR_NOISE = (".size", "builtins.len", "builtins.int", "numpy.random.", "numpy.zeros", "numpy.ones")


def _is_data(call: Call) -> bool:
    """Whether a tensor is made of what is in its argument, and not of that size."""
    (given, *more) = call.arguments or (None,)
    if isinstance(given, Product) and given.call.name.startswith(_COUNTS_OR_NOISE):
        return False
    return not more and isinstance(given, Product | Parameter | Item | Unknown)


def is_made_up(*values: Value) -> bool:
    """Whether tensors are made of random numbers or constants only."""
    random = False
    seen: set[int] = set()
    pending = list(values)
    for each in pending:
        for part in inside(each):
            if id(part) in seen:
                continue
            seen.add(id(part))
            if isinstance(part, Parameter | External):
                return False
            if isinstance(part, Product):
                if part.call.name in _OF_SIZES_OR_DATA and _is_data(part.call):
                    pending.extend(part.call.arguments)
                elif part.call.name in RANDOM or part.call.name in _OF_SIZES_OR_DATA:
                    random = True
                elif part.call.name in _READS or not part.call.name.startswith((".", "torch.")):
                    return False
                elif part.call.receiver is not None:
                    pending.append(part.call.receiver)
                else:
                    pending.extend(part.call.arguments)
            elif isinstance(part, Instance):
                return False
    return random


_SHOWS = frozenset(
    {
        "save_image", "imsave", "imwrite", "imshow", "mimsave", "write_image", "write_video", "save_img", "add_image",
        "add_images", "add_figure", "add_audio", "add_video", "log_image", "log_images", "log_figure", "log_video",
        "fromarray", "to_pil_image", "ToPILImage", "savez", "write_png", "write_jpeg",
    }
)  # fmt: skip
"""What shows tensors, or writes them down, by the last part of its name."""

_KEEPS = frozenset(
    {"torch.save", "numpy.save", "torchaudio.save", "wandb.Image", "wandb.Video", "wandb.Audio", "soundfile.write"}
)


def is_shown(uses: Uses, values: tuple[Value, ...]) -> bool:
    """Whether what a model makes is shown or kept: made into a picture or a sound, or written to a file."""
    return any(
        short(call.name) in _SHOWS or call.name in _KEEPS
        for value in inside(*values)
        for call in uses.after(value)
        if not isinstance(value, Parameter | External)
    )
