"""The base of all values of the core: immutable, compared by content.

Not dataclasses and not msgspec structs: every hook of every commit pays for what it imports, and importing either
of them costs more than all of the core (``python -X importtime``). The type checker sees dataclasses all the same.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing it from typing costs 10 ms in each hook
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self, dataclass_transform
else:

    def dataclass_transform(**_kwargs):  # noqa: ANN003, ANN201
        return lambda cls: cls


@dataclass_transform(frozen_default=True)
class Value:
    """An immutable record of its annotated fields, in order; a class attribute is the field's default."""

    _fields: tuple[str, ...] = ()

    def __init_subclass__(cls) -> None:
        """Fix the names of the fields; those of a parent class come first."""
        own = tuple(cls.__annotations__)
        cls._fields = tuple(name for name in cls._fields if name not in own) + own

    def __init__(self, *args: object, **kwargs: object) -> None:
        """Fill the fields in order, then by name.

        Raises:
            TypeError: a field without default is missing, or an argument is one too many or unknown.
        """
        fields = type(self)._fields
        if len(args) == len(fields) and not kwargs:
            self.__dict__.update(zip(fields, args))  # noqa: B905 - just counted
            return
        if len(args) > len(fields):
            raise TypeError(f"{type(self).__name__} takes {len(fields)} values, {len(args)} were given")
        values: dict[str, object] = dict(zip(fields, args, strict=False))
        if kwargs:
            values.update(kwargs)
        if len(values) != len(fields) or kwargs:
            for name in fields:
                if name not in values and not hasattr(type(self), name):
                    raise TypeError(f"{type(self).__name__} needs {name}")
            for name in kwargs:
                if name not in fields or name in fields[: len(args)]:
                    raise TypeError(f"{type(self).__name__} has no field {name} left to fill")
        self.__dict__.update(values)

    @classmethod
    def made_of(cls, values: Sequence[object]) -> Self:
        """One with these fields, which are all of them in order; nothing is checked."""
        made = cls.__new__(cls)
        made.__dict__.update(zip(cls._fields, values))  # noqa: B905 - many thousands when a plan is loaded
        return made

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: values do not change.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(f"{type(self).__name__}.{name} cannot be changed")

    def __delattr__(self, name: str) -> None:
        """Refuse: values do not change.

        Raises:
            AttributeError: always.
        """
        raise AttributeError(f"{type(self).__name__}.{name} cannot be removed")

    def astuple(self) -> tuple[Any, ...]:
        """The fields' values in order, not recursive."""
        return tuple([getattr(self, name) for name in self._fields])

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return type(self)(**{**dict(zip(self._fields, self.astuple(), strict=True)), **changes})

    def __eq__(self, other: object) -> bool:
        """Whether the other is of the same class with equal fields."""
        return type(self) is type(other) and isinstance(other, Value) and self.astuple() == other.astuple()

    def __hash__(self) -> int:
        """Agrees with equality."""
        return hash((type(self).__name__, self.astuple()))

    def __repr__(self) -> str:
        """The expression that makes it."""
        return f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n)!r}' for n in self._fields)})"
