"""What a schema's complaint means to the person who wrote the file, and where it stands."""

from __future__ import annotations

import difflib
import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from daemon.config.places import Document, Trail

_PLAINLY = {
    "missing": "is missing; it has to be given",
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "int_parsing": "write a whole number",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "int_parsing_size": "this number is too large",
    "string_type": "write text; put quotes around a number",
    "tuple_type": "write a list, such as [one, two]",
    "list_type": "write a list, such as [one, two]",
    "dict_type": "write keys below it, indented",
    "model_type": "write keys below it, indented",
    "model_attributes_type": "write keys below it, indented",
    "finite_number": "write an ordinary number",
}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that someone who typed `word` most likely meant."""
    folded = {name.lower().replace("-", "_"): name for name in known}
    close = difflib.get_close_matches(word.lower().replace("-", "_"), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Advice for a word that is not known: the nearest one, or all of them."""
    known = sorted(known)
    near = nearest(word, known)
    return f"did you mean {near}?" if near else f"known are {', '.join(known) or 'none'}"


def explain(document: Document, error: ValidationError, model: Any, above: Trail = ()) -> None:
    """Note each complaint of a schema in the document, in plain words, at its place.

    `model` is what was validated against and `above` the trail that leads to its data.
    """
    for detail in error.errors(include_url=False):
        if detail["type"] == "too_short" and detail["input"]:
            continue  # it counts only the members that are valid, and those are named already
        trail, is_key, annotation = _follow(document.data, model, detail["loc"], above)
        document.complain(trail, _message(detail, annotation), key=is_key)


def _follow(data: Any, model: Any, steps: Trail, above: Trail) -> tuple[Trail, bool, Any]:
    """The trail in the file for a schema's location, whether it is a key, and what was expected.

    A schema's location names the members of unions too, which nobody wrote.
    """
    for step in above:
        data = data.get(step) if isinstance(data, dict) else None
    trail, is_key, annotation = above, False, model
    for at, step in enumerate(steps):
        if step == "[key]":
            is_key = True
        elif _holds(data, step) or (at == len(steps) - 1 and _is_field(annotation, step)):
            trail, holder = (*trail, step), annotation
            data = data[step] if _holds(data, step) else None
            annotation = _inside(annotation, step)
            is_key = annotation is None
            annotation = holder if annotation is None else annotation
        else:
            annotation = _member(annotation, step)
    return trail, is_key, annotation


def _holds(data: Any, step: str | int) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)


def _bare(annotation: Any) -> Any:
    """An annotation without its metadata and without `None`."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            members = [part for part in get_args(annotation) if part is not type(None)]
            if len(members) != 1:
                return annotation
            annotation = members[0]
        else:
            return annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _is_field(annotation: Any, step: str | int) -> bool:
    bare = _bare(annotation)
    return _is_model(bare) and step in bare.model_fields


def _inside(annotation: Any, step: str | int) -> Any:
    """What is expected one step further in; None where nothing of that name is."""
    bare = _bare(annotation)
    if _is_model(bare):
        found = bare.model_fields.get(step)
        return found.annotation if found else None
    if get_origin(bare) is dict:
        return get_args(bare)[1]
    if get_origin(bare) in (tuple, list):
        return get_args(bare)[0]
    return Any


def _member(annotation: Any, tag: str | int) -> Any:
    """The member of a union that a tag chose."""
    for part in get_args(_bare(annotation)):
        if _is_model(part) and tag in get_args(part.model_fields["type"].annotation):
            return part
    return annotation


def _message(detail: ErrorDetails, annotation: Any) -> str:
    context = detail.get("ctx", {})
    given = detail["input"]
    match detail["type"]:
        case "extra_forbidden":
            return _unknown(str(detail["loc"][-1]), annotation)
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return _choice(given, [str(choice) for choice in _choices(annotation)])
        case "union_tag_invalid" | "union_tag_not_found":
            known = [tag for part in get_args(_bare(annotation)) for tag in _tags(part)]
            return f"its type is not known; write type: and one of {', '.join(known)}"
        case "too_short":
            return "the list is empty; name at least one, or leave the key out"
        case "greater_than":
            return f"must be more than {context['gt']:.15g}"
        case "greater_than_equal":
            return f"must be {context['ge']:.15g} or more"
        case "less_than_equal":
            return f"must be {context['le']:.15g} or less"
    return _PLAINLY.get(detail["type"], f"cannot be used: {detail['msg'].lower()}")


def _unknown(key: str, model: Any) -> str:
    bare = _bare(model)
    known = bare.model_fields if _is_model(bare) else ()
    return f"this key is not known here; {did_you_mean(key, known)}"


def _choices(annotation: Any) -> tuple[Any, ...]:
    bare = _bare(annotation)
    return get_args(bare) if get_origin(bare) is Literal else ()


def _tags(part: Any) -> tuple[Any, ...]:
    return _choices(part.model_fields["type"].annotation) if _is_model(part) else ()


def _choice(given: object, choices: list[str]) -> str:
    near = nearest(str(given), choices)
    hint = f"; did you mean {near}?" if near else ""
    return f"{str(given)[:40]!r} is not one of {', '.join(choices)}{hint}"
