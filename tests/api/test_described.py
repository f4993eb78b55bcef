"""The description of the API is true: each operation answers as it says, whatever is asked."""

from collections import Counter
from collections.abc import Iterator

import pytest
from ninja import Schema
from schemathesis.core.failures import FailureGroup

from tests.api.described import examine, make_world, one_connection, operations

pytestmark = pytest.mark.django_db
EXAMPLES = 3  # of each operation; bench/described.py asks as often as one likes


def test_no_two_shapes_have_one_name() -> None:
    ours = [each for each in _below(Schema) if each.__module__.startswith("api.")]
    names = Counter(each.__name__ for each in ours)
    assert [name for name, times in names.items() if times > 1] == [], "the description knows but one of them"


def _below(kind: type[Schema]) -> Iterator[type[Schema]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)


def test_every_operation_answers_as_described() -> None:
    world, wrong, seen = make_world(), [], 0
    with one_connection():
        for operation in operations():
            seen += 1
            try:
                examine(operation, world, EXAMPLES)
            except FailureGroup as error:  # all of them are told at once
                wrong.append(f"{operation.method.upper()} {operation.path}: {error.exceptions}")
    assert not wrong, "\n\n".join(wrong)
    assert seen > 90
