"""Frozen dataclasses to JSON text and back, driven by their annotations.

Made for files that outlive the code: an unknown key is ignored, a missing one takes the field's default. The text is
strict JSON, also for non-finite floats (``"NaN"``, ``"Infinity"``, ``"-Infinity"``), so that any database and tool
can read it. Arrays do not belong in it (see `samples`).
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
_Decode = Callable[[Any], Any]
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
# Annotations that the domain imports for type checkers only.
_LATE_NAMES = {"np": np, "NDArray": NDArray}


class CodecError(ValueError):
    """Stored text or bytes that cannot be turned back into the value they should hold."""


def to_json(value: Any) -> str:
    """The JSON text of a dataclass or any nest of dataclasses, enums, tuples, mappings and scalars.

    Raises:
        TypeError: the value holds something else, such as an array.
    """
    return json.dumps(_plain(value), separators=(",", ":"), allow_nan=False)


def from_json(kind: type[T], text: str) -> T:
    """The `kind` that `to_json` wrote as `text`.

    Raises:
        CodecError: not JSON, or it does not fit the annotations of `kind`.
    """
    return decode(kind, parse(text))


def parse(text: str) -> Any:
    """Parsed JSON.

    Raises:
        CodecError: the text is not JSON.
    """
    try:
        return json.loads(text)
    except ValueError as error:
        raise CodecError(f"not JSON: {error}") from error


def decode(kind: type[T], plain: Any) -> T:
    """The `kind` that parsed JSON stands for.

    Raises:
        CodecError: it does not fit the annotations of `kind`.
    """
    annotation: Any = kind
    decoded: T = _decoder(annotation)(plain)
    return decoded


def _plain(value: Any) -> Any:
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _name_of_non_finite(value)
    return _plain_nest(value)


def _plain_nest(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _name_of_non_finite(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


@cache
def _decoder(kind: Any) -> _Decode:
    """A function from parsed JSON to `kind`; built once per annotation, because a large run has 100,000 rows."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _union(get_args(kind))
    if origin is tuple:
        return _tuple(get_args(kind))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return _enum(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        return _dataclass(kind)
    return _scalar(kind)


def _scalar(kind: Any) -> _Decode:
    if kind is float:
        return _float
    if kind is int:
        return lambda plain: _checked(plain, isinstance(plain, int) and not isinstance(plain, bool), "a whole number")
    if kind is type(None):
        return lambda plain: _checked(plain, plain is None, "null")
    if kind in (str, bool):
        return lambda plain: _checked(plain, isinstance(plain, kind), kind.__name__)

    def refuse(plain: Any) -> Any:
        raise CodecError(f"{plain!r:.60} cannot be read as {kind}")

    return refuse


def _checked(plain: Any, fits: bool, wanted: str) -> Any:
    if not fits:
        raise CodecError(f"{plain!r:.60} is not {wanted}")
    return plain


def _float(plain: Any) -> float:
    if isinstance(plain, float):
        return plain
    if isinstance(plain, int) and not isinstance(plain, bool):
        return float(plain)
    if isinstance(plain, str) and plain in _NON_FINITE:
        return _NON_FINITE[plain]
    raise CodecError(f"{plain!r:.60} is not a number")


def _enum(kind: type[Enum]) -> _Decode:
    members = {member.value: member for member in kind}

    def decode(plain: Any) -> Enum:
        if not isinstance(plain, (str, int)) or plain not in members:
            raise CodecError(f"{plain!r:.60} is not a {kind.__name__}")
        return members[plain]

    return decode


def _union(kinds: tuple[Any, ...]) -> _Decode:
    decoders = [_decoder(kind) for kind in kinds if kind is not type(None)]
    optional = len(decoders) < len(kinds)

    def decode(plain: Any) -> Any:
        if plain is None and optional:
            return None
        for decoder in decoders[:-1]:
            try:
                return decoder(plain)
            except CodecError:
                pass
        return decoders[-1](plain)

    return decode


def _tuple(kinds: tuple[Any, ...]) -> _Decode:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        item = _decoder(kinds[0])
        return lambda plain: tuple(item(one) for one in _checked(plain, isinstance(plain, list), "a list"))
    decoders = [_decoder(kind) for kind in kinds]

    def decode(plain: Any) -> tuple[Any, ...]:
        _checked(plain, isinstance(plain, list) and len(plain) == len(decoders), f"a list of {len(decoders)}")
        return tuple(decoder(one) for decoder, one in zip(decoders, plain, strict=True))

    return decode


def _mapping(kinds: tuple[Any, ...]) -> _Decode:
    value = _decoder(kinds[1])

    def decode(plain: Any) -> dict[str, Any]:
        _checked(plain, isinstance(plain, dict), "an object")
        return {key: value(item) for key, item in plain.items()}

    return decode


def _dataclass(kind: type[Any]) -> _Decode:
    hints = get_type_hints(kind, localns=_LATE_NAMES)
    decoders = {field.name: _decoder(hints[field.name]) for field in fields(kind) if field.init}
    required = [
        field.name
        for field in fields(kind)
        if field.init and field.default is MISSING and field.default_factory is MISSING
    ]

    def decode(plain: Any) -> Any:
        _checked(plain, isinstance(plain, dict), f"an object ({kind.__name__})")
        for name in required:
            if name not in plain:
                raise CodecError(f"{kind.__name__}.{name} is missing")
        values = {}
        for name, item in plain.items():
            if name in decoders:
                try:
                    values[name] = decoders[name](item)
                except CodecError as error:
                    raise CodecError(f"{kind.__name__}.{name}: {error}") from error
        return kind(**values)

    return decode
