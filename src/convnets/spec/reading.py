"""Specs to and from plain JSON values, and single fields set by name, each value checked against its field's type."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from ..errors import UsageError

T = TypeVar("T")


def to_dict(value: Any) -> Any:
    """A spec as plain JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(value)))


def from_dict(kind: type[T], values: dict[str, Any], path: str = "") -> T:
    """A spec from plain JSON values, each checked against its field's type.

    Raises UsageError for an unknown key (listing the valid ones) or a value of the wrong type.
    """
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(values) - set(hints))
    if unknown:
        raise UsageError(f"unknown key {path}{unknown[0]}; valid keys here: {', '.join(hints)}")
    return kind(**{key: _coerce(hints[key], value, path + key) for key, value in values.items()})


def override(spec: T, assignments: typing.Iterable[str]) -> T:
    """`spec` with each `key.sub=value` of `assignments` applied, the value read by the field's type.

    Raises UsageError for an unknown key (listing the valid ones) or an unreadable value.
    """
    values = to_dict(spec)
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise UsageError(f"--set takes KEY=VALUE, got {assignment!r}")
        _assign(spec, values, key.strip(), text.strip())
    return from_dict(type(spec), values)


def flatten(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one level of dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _assign(spec: Any, values: dict[str, Any], key: str, text: str) -> None:
    *parents, leaf = key.split(".")
    for name in parents:
        if not isinstance(values.get(name), dict):
            raise UsageError(f"unknown key {key}; valid keys: {', '.join(flatten(to_dict(spec)))}")
        values = values[name]
    kinds = _kinds(typing.get_type_hints(type(spec)).get(leaf)) if not parents else {}
    if kinds:
        values[leaf] = to_dict(_choose(kinds, text, leaf)())
    elif leaf not in values or isinstance(values[leaf], dict):
        raise UsageError(f"unknown key {key}; valid keys: {', '.join(flatten(to_dict(spec)))}")
    else:
        values[leaf] = text


def _kinds(hint: Any) -> dict[str, type]:
    """The dataclasses of a union that are told apart by their `kind`; none for any other hint."""
    parts = [part for part in get_args(hint) if dataclasses.is_dataclass(part)]
    return {str(part.__dataclass_fields__["kind"].default): typing.cast(type, part) for part in parts}


def _choose(kinds: dict[str, type], kind: Any, path: str) -> type:
    if kind not in kinds:
        raise UsageError(f"{path}: no such {path} as {kind!r}; valid: {', '.join(kinds)}")
    return kinds[kind]


def _coerce(hint: Any, value: Any, path: str) -> Any:
    """`value` as the type `hint`; texts are read, since they come from a command line."""
    if kinds := _kinds(hint):
        given = value if isinstance(value, dict) else {}
        return from_dict(_choose(kinds, given.get("kind"), path), given, path + ".")
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, path + ".")
    try:
        return _read(hint, value)
    except (ValueError, TypeError, KeyError):
        raise UsageError(f"{path}: {value!r} is not {_describe(hint)}") from None


def _read(hint: Any, value: Any) -> Any:
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if type(None) in args and (value is None or str(value).lower() == "none"):
            return None
        return _read(next(arg for arg in args if arg is not type(None)), value)
    if origin is Literal:
        return {str(arg).lower(): arg for arg in args}[str(value).lower()]
    if origin is tuple:
        items = [item for item in value.strip("()[] ").split(",") if item.strip()] if isinstance(value, str) else value
        if args[-1] is not Ellipsis and len(items) != len(args):
            raise ValueError
        kinds = [args[0]] * len(items) if args[-1] is Ellipsis else args
        return tuple(_read(kind, item) for kind, item in zip(kinds, items, strict=True))
    if hint is bool:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[str(value).lower()]
    if hint is int and isinstance(value, float) and not value.is_integer():
        raise ValueError
    return hint(value)


def _describe(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    return {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}.get(hint, f"of type {hint}")
