"""What the messages of one file may cost: an empty one takes two bytes in the file, and dozens of them in memory."""

from __future__ import annotations

from steadynorm.errors import UnusableInputError

MOST_FIELDS = 1 << 20
"""Most fields of a file that are looked at one by one; a graph of 300,000 nodes has not many more."""

FREE = 1 << 22
"""So many bytes of messages are parsed before anything is counted: whatever they are, they are no danger."""

MOST_MEMORY = 1 << 29
"""Most bytes that the parsed messages of a file may take."""


class Budget:
    """What is left to be spent on one file.

    Attributes:
        memory: how many bytes its messages may still take.
    """

    def __init__(self) -> None:
        self.memory = MOST_MEMORY
        self._free = FREE
        self._fields = MOST_FIELDS

    def look_at_field(self, path: str) -> None:
        """Counts a field that is looked at by itself.

        Raises:
            UnusableInputError: there were too many.
        """
        self._fields -= 1
        if self._fields < 0:
            raise UnusableInputError(f"{path}: has more than {MOST_FIELDS} parts; no model has so many")

    def is_free(self, size: int) -> bool:
        """Whether a message of so many bytes may be parsed without counting; counts its bytes."""
        self._free -= size
        return self._free >= 0

    def take(self, size: int, path: str) -> None:
        """Counts the memory of a message.

        Raises:
            UnusableInputError: with those before it, it takes too much.
        """
        self.memory -= size
        if self.memory < 0:
            raise UnusableInputError(
                f"{path}: its messages would take more than {MOST_MEMORY >> 20} MiB of memory; no model's do"
            )
