"""What a study may vary, and how its points and candidates become each other.

A *point* is plain data for JSON: dimension → value, conditional dimensions only where they are
active. Every dimension also has a *coordinate*, a real number on which engines draw and compare
(a logarithm, an exponent, the place of an option), so that an engine knows no kind of dimension.
"""

import math
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from restock.models import Candidate
from restock.models.hybrid import Hybrid
from restock.models.registry import hint, model_class
from restock.models.space import (
    Choice,
    Conditional,
    Dimension,
    Integer,
    LogUniform,
    PowerOfTwo,
    Space,
    Uniform,
)
from restock.tuning.trials import ALL, StudyKey

Point = dict[str, Any]
SCOPE = "scope"
"""The dimension that says what a candidate of the place ALL is fitted on."""

_PLAIN = TypeAdapter(Any)


# studies, points and candidates ---------------------------------------------------------------
def study_space(key: StudyKey) -> Space:
    """The space of the study's model; in the place ALL also its scope, unless it is a hybrid.

    A hybrid weighs markets through its members: there a prior around it is not offered.
    ValueError names a family that does not exist or a dimension that is a mistake.
    """
    model = model_class(key.family)
    check_space(key.family, model.space)
    if key.where != ALL or issubclass(model, Hybrid):
        return model.space
    return {**model.space, SCOPE: Choice(("pooled", "prior"))}


def candidate_of(key: StudyKey, point: Point) -> Candidate:
    """The candidate at a point; what the point leaves out takes the model's default."""
    config = {name: value for name, value in point.items() if name != SCOPE}
    usual = "pooled" if key.where == ALL else "market"
    return Candidate(name=key.family, config=config, scope=point.get(SCOPE, usual))


def point_of(key: StudyKey, candidate: Candidate) -> Point:
    """Where a candidate of the family lies in the study's space, or the nearest place to it.

    A number beyond the bounds becomes the bound. A value that has no place (an option that is
    not offered, no number) is left out, and what depends on it too.
    """
    if candidate.name != key.family:
        raise ValueError(f"{candidate.label} is no candidate of the study {key.title}")
    return settle(study_space(key), {**candidate.resolved, SCOPE: candidate.scope})


def settle(space: Space, values: Mapping[str, Any]) -> Point:
    """Of some values those that are dimensions, active, and brought within the bounds."""
    point: Point = {}
    for name, dimension in space.items():
        if name in values and is_active(dimension, point):
            found = _fitted(base(dimension), values[name])
            if found is not _NOWHERE:
                point[name] = found
    return point


def check_space(family: str, space: Space) -> None:
    """ValueError names a dimension that is no field of the config, or one that hangs in the air.

    A conditional must name a dimension that stands before it: then every point can be drawn
    from first to last, and no two dimensions wait for each other.
    """
    fields = model_class(family).config_class.model_fields
    before: list[str] = []
    for name, dimension in space.items():
        if name not in fields:
            raise ValueError(
                f"the space of {family}: {name!r} is no field of its config{hint(name, fields)}"
            )
        while isinstance(dimension, Conditional):
            if dimension.field not in before:
                raise ValueError(
                    f"the space of {family}: {name!r} depends on {dimension.field!r}, which is no "
                    f"dimension before it{hint(dimension.field, before)}"
                )
            dimension = dimension.then
        before.append(name)


# one dimension --------------------------------------------------------------------------------
def is_active(dimension: Dimension, point: Point) -> bool:
    """Whether a dimension counts, given the dimensions before it."""
    while isinstance(dimension, Conditional):
        wanted = [_plain(value) for value in dimension.values]
        if dimension.field not in point or not _place(wanted, point[dimension.field]):
            return False
        dimension = dimension.then
    return True


def base(dimension: Dimension) -> Dimension:
    """The dimension itself, without the conditions on it."""
    while isinstance(dimension, Conditional):
        dimension = dimension.then
    return dimension


def ends(dimension: Dimension) -> tuple[float, float]:
    """The ends of the coordinate; a uniform draw between them is a draw from the dimension.

    Whole numbers reach half a step beyond, so that the first and last are as likely as the rest.
    For a Choice of n options the coordinate is the option's place, from -1/2 to n - 1/2.
    """
    match base(dimension):
        case Uniform(low, high):
            return low, high
        case LogUniform(low, high):
            return math.log(low), math.log(high)
        case Integer(low, high, log):
            return _scale(low - 0.5, log), _scale(high + 0.5, log)
        case PowerOfTwo(low, high):
            return low - 0.5, high + 0.5
        case Choice(options):
            return -0.5, len(options) - 0.5
    raise TypeError(f"{dimension!r} is no dimension")


def value_at(dimension: Dimension, coordinate: float) -> Any:
    """The value at a coordinate, as plain data; within the bounds whatever the coordinate."""
    match base(dimension):
        case Uniform(low, high):
            return float(min(max(coordinate, low), high))
        case LogUniform(low, high):
            return float(min(max(math.exp(coordinate), low), high))
        case Integer(low, high, log):
            return min(max(round(math.exp(coordinate) if log else coordinate), low), high)
        case PowerOfTwo(low, high):
            return 2 ** min(max(round(coordinate), low), high)
        case Choice(options):
            return _plain(options[min(max(round(coordinate), 0), len(options) - 1)])
    raise TypeError(f"{dimension!r} is no dimension")


def coordinate_of(dimension: Dimension, value: Any) -> float:
    """The coordinate of a value of this dimension: ``value_at`` gives the value back."""
    match base(dimension):
        case Uniform():
            return float(value)
        case LogUniform():
            return math.log(value)
        case Integer(_, _, log):
            return _scale(value, log)
        case PowerOfTwo():
            return math.log2(value)
        case Choice(options):
            return float(_place([_plain(option) for option in options], value)[0])
    raise TypeError(f"{dimension!r} is no dimension")


_NOWHERE = object()  # None may be an option


def _fitted(dimension: Dimension, value: Any) -> Any:
    """The value of the dimension that is nearest to ``value``, or _NOWHERE."""
    if isinstance(dimension, Choice):
        options = [_plain(option) for option in dimension.options]
        at = _place(options, _plain(value))
        return options[at[0]] if at else _NOWHERE
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        return _NOWHERE
    match dimension:
        case Uniform(low, high) | LogUniform(low, high):
            return float(min(max(value, low), high))
        case Integer(low, high):
            return round(min(max(value, low), high))
        case PowerOfTwo(low, high):
            exponent = math.log2(min(max(value, 2**low), 2**high))
            return 2 ** round(exponent)
    raise TypeError(f"{dimension!r} is no dimension")


def _place(options: list[Any], value: Any) -> list[int]:
    """Where ``value`` stands among the options: one place, or none. True is not 1 here."""
    found = [
        at
        for at, option in enumerate(options)
        if option == value and isinstance(option, bool) == isinstance(value, bool)
    ]
    return found[:1]


def _plain(value: Any) -> Any:
    """As JSON gives it back: lists for tuples, no numpy scalars."""
    value = value.item() if hasattr(value, "item") else value
    return _PLAIN.dump_python(value, mode="json")


def _scale(value: float, log: bool) -> float:
    return math.log(value) if log else float(value)
