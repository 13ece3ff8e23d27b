"""From text to the tree: the grammar says what can be written, the checks here what makes sense.

A refusal names the place: characters of the text are counted from 1. The bounds are the vendor's: 400 characters, 5
conditions, 50 devices a page, 10,000 devices deep, at least 4 characters before the `%` of LIKE. The vendor forbids
nesting; here parentheses are understood, 5 deep.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Final, NoReturn

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from skyferry import error_codes as codes
from skyferry.errors import ApiError, ErrorKind, either
from skyferry.search.syntax import (
    Belonging,
    Condition,
    Either,
    Every,
    Field,
    Moment,
    Operator,
    Order,
    Statement,
    Words,
)

LONGEST: Final = 400
MOST_CONDITIONS: Final = 5
DEEPEST: Final = 5
LARGEST_PAGE: Final = 50
DEEPEST_ROW: Final = 10_000
_DEFAULT_LIMIT: Final = 20
_SHORTEST_PREFIX: Final = 4
_CHINA: Final = timezone(timedelta(hours=8))
_TIME_FORMATS: Final = ("%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")
_TIMES: Final = frozenset({Field.ACTIVE_TIME, Field.GMT_CREATE, Field.GMT_MODIFIED})
_NAMES: Final = {Field.TAG_NAME: Field.TAG_VALUE, Field.MODULE_NAME: Field.MODULE_VERSION}
"""The fields that name a tag or module, and the field that tells its value or version."""
_STATUSES: Final = frozenset({"ONLINE", "OFFLINE", "UNACTIVE", "DISABLE"})
_KNOWN: Final = {str(field): field for field in Field}

_TERMINALS: Final = {
    "OPEN": "(",
    "LPAR": "(",
    "RPAR": ")",
    "COMMA": "a comma",
    "STAR": "*",
    "$END": "the end",
    "NAME": "a field",
    "TEXT": "a value in quotes",
    "NUMBER": "a number",
    "OPERATOR": "= or another operator",
}
_ANY_TEXT: Final = frozenset({Operator.EQUAL, Operator.NOT_EQUAL, Operator.LIKE, Operator.IN})
_EXACT: Final = _ANY_TEXT - {Operator.LIKE}
_OPERATORS: Final = {
    **dict.fromkeys(Field, _ANY_TEXT),
    **dict.fromkeys(_TIMES, frozenset(Operator) - {Operator.LIKE, Operator.IN}),
    Field.STATUS: _EXACT,
    Field.GROUP_ID: _EXACT,
    Field.TAG_NAME: frozenset({Operator.EQUAL}),
    Field.MODULE_NAME: frozenset({Operator.EQUAL}),
}


def parse_statement(text: str) -> Statement:
    """A sentence of QueryDeviceBySQL.

    Raises:
        ApiError: it breaks a rule; each kind of rule has its own `iot.devicesearch.…` code.
    """
    statement: Statement = _parse(text, "statement")
    return statement


@lru_cache(maxsize=1_024)
def parse_condition(text: str) -> Condition:
    """A DynamicGroupExpression: what stands after WHERE in a sentence.

    Raises:
        ApiError: as `parse_statement`.
    """
    found: _Found = _parse(text, "expression")
    return found.checked()


def _refuse(kind: ErrorKind, at: int | None, sentence: str) -> NoReturn:
    raise ApiError(kind, f"Character {(at or 0) + 1}: {sentence}")


def _parse(text: str, start: str) -> Any:
    if len(text) > LONGEST:
        _refuse(codes.INVALID_SQL_ERROR, LONGEST, f"the text goes on; it may have {LONGEST} characters.")
    try:
        return _PARSER.parse(text, start=start)
    except UnexpectedToken as error:
        wanted = _in_words(error.accepts)
        if error.token.type == "$END":
            _refuse(codes.INVALID_SQL_ERROR, len(text), f"the text ends where {wanted} is expected.")
        _refuse(codes.INVALID_SQL_ERROR, error.token.start_pos, f"{wanted} is expected here, not {error.token}.")
    except UnexpectedCharacters as error:
        _refuse(codes.INVALID_SQL_ERROR, error.pos_in_stream, f"{error.char} is not understood here.")
    except UnexpectedInput:
        _refuse(codes.INVALID_SQL_ERROR, len(text), "the text ends where more is expected.")


def _in_words(terminals: Iterable[str]) -> str:
    """What the grammar calls by these names, as it is written; what may follow a condition when there is no name."""
    names = sorted({_TERMINALS.get(name, name.removeprefix("_")) for name in terminals})
    return either(names or ["AND", "OR", "the end"])


@dataclass(frozen=True, slots=True)
class _Named:
    """A field where it is written."""

    field: Field
    at: int


@dataclass(frozen=True, slots=True)
class _Found:
    """A condition, where it begins, how deep it is in itself, and how many conditions it is made of."""

    condition: Condition
    at: int
    count: int = 1
    depth: int = 0
    half: bool = False
    """True for a name or value that still may find its other half."""

    def checked(self) -> Condition:
        """The condition.

        Raises:
            ApiError: it is made of too many.
        """
        if self.count > MOST_CONDITIONS:
            _refuse(
                codes.INVALID_SQL_CONDITION_ERROR,
                self.at,
                f"{self.count} conditions begin here; there may be {MOST_CONDITIONS}, where a name with its value "
                "counts as one.",
            )
        return self.condition


@v_args(inline=True)
class _Builder(Transformer[Token, Any]):
    """Called with each part as soon as it is read: no tree is walked, so none can be too deep to walk."""

    def statement(
        self,
        selection: tuple[bool, frozenset[Field]],
        where: _Found,
        order: tuple[Order, ...] | None,
        limit: tuple[int, int] | None,
    ) -> Statement:
        counted, fields = selection
        offset, most = limit or (0, _DEFAULT_LIMIT)
        return Statement(counted, fields, where.checked(), order or (), offset, most)

    def all_fields(self) -> tuple[bool, frozenset[Field]]:
        return False, frozenset(Field)

    def count(self) -> tuple[bool, frozenset[Field]]:
        return True, frozenset()

    def fields(self, *named: _Named) -> tuple[bool, frozenset[Field]]:
        return False, frozenset(item.field for item in named)

    def field(self, name: Token) -> _Named:
        field = _KNOWN.get(name.lower())
        if field is None:
            _refuse(codes.INVALID_SQL_FIELD_ERROR, name.start_pos, f"{name} is no field of a device.")
        return _Named(field, name.start_pos or 0)

    def comparison(self, named: _Named, operator: Token, *texts: Token) -> _Found:
        field, kind = named.field, Operator(operator.upper())
        if kind not in _OPERATORS[field]:
            allowed = ", ".join(item for item in Operator if item in _OPERATORS[field])
            _refuse(
                codes.INVALID_SQL_OPERATOR_TYPE_ERROR,
                operator.start_pos,
                f"{field} cannot be compared by {kind}; it can by {allowed}.",
            )
        if field in _TIMES:
            return _Found(Moment(field, kind, _time(texts[0])), named.at)
        words = Words(field, kind, tuple(_word(field, kind, text) for text in texts))
        if field in _NAMES:
            return _Found(Belonging(words, None), named.at, half=True)
        if field in _NAMES.values():
            return _Found(Belonging(None, words), named.at, half=True)
        return _Found(words, named.at)

    def nested(self, opening: Token, found: _Found) -> _Found:
        if found.depth == DEEPEST:
            _refuse(
                codes.INVALID_SQL_CONDITION_ERROR, opening.start_pos, f"parentheses may be {DEEPEST} deep, not more."
            )
        return _Found(found.condition, opening.start_pos or 0, found.count, found.depth + 1)

    def every(self, *parts: _Found) -> _Found:
        return _joined(Every, _paired(parts))

    def either(self, *parts: _Found) -> _Found:
        return _joined(Either, parts)

    def sort(self, named: _Named, direction: Token | None = None) -> Order:
        if named.field not in _TIMES:
            times = ", ".join(field for field in Field if field in _TIMES)
            _refuse(codes.INVALID_SQL_ORDER_ERROR, named.at, f"devices are sorted by {times}, not by {named.field}.")
        return Order(named.field, descending=direction is not None and direction.type == "DESC")

    def order(self, *items: Order) -> tuple[Order, ...]:
        return items

    def limit(self, first: Token, second: Token | None = None) -> tuple[int, int]:
        offset, most = (0, int(first)) if second is None else (int(first), int(second))
        if not 1 <= most <= LARGEST_PAGE or offset + most > DEEPEST_ROW:
            _refuse(
                codes.INVALID_SQL_OFFSET_ERROR,
                first.start_pos,
                f"a page has 1 to {LARGEST_PAGE} devices, and with those before it {DEEPEST_ROW} at most.",
            )
        return offset, most


def _joined(kind: type[Every] | type[Either], found: tuple[_Found, ...]) -> _Found:
    if len(found) == 1:
        return found[0]
    parts: list[Condition] = []
    for item in found:
        parts += item.condition.parts if isinstance(item.condition, kind) else (item.condition,)
    return _Found(kind(tuple(parts)), found[0].at, sum(item.count for item in found), max(item.depth for item in found))


def _paired(found: tuple[_Found, ...]) -> tuple[_Found, ...]:
    """Puts each name of a tag or module together with its value: the first with the first, and so on.

    Halves in parentheses of their own stay alone: they may be true of different tags.
    """
    joined = list(found)
    for name_field, value_field in _NAMES.items():
        names = [spot for spot, item in enumerate(found) if item.half and _speaks_of(item, name_field)]
        values = [spot for spot, item in enumerate(found) if item.half and _speaks_of(item, value_field)]
        for one, other in zip(names, values, strict=False):
            pair = Belonging(_halves(found[one])[0], _halves(found[other])[1])
            first, second = sorted((one, other))
            joined[first] = _Found(pair, found[first].at)
            joined[second] = _GONE
    return tuple(item for item in joined if item is not _GONE)


def _halves(found: _Found) -> tuple[Words | None, Words | None]:
    condition = found.condition
    return (condition.name, condition.value) if isinstance(condition, Belonging) else (None, None)


def _speaks_of(found: _Found, field: Field) -> bool:
    return any(half is not None and half.field is field for half in _halves(found))


def _text(token: Token) -> str:
    quote = token[0]
    return token[1:-1].replace(quote * 2, quote)


def _word(field: Field, operator: Operator, token: Token) -> str:
    text = _text(token)
    if operator is Operator.LIKE:
        prefix = text.removesuffix("%")
        if len(prefix) < _SHORTEST_PREFIX or prefix == text:
            _refuse(
                codes.INVALID_SQL_PARAM_ERROR,
                token.start_pos,
                f"LIKE is followed by the beginning of {field}, at least {_SHORTEST_PREFIX} characters, and a %.",
            )
        return prefix
    if field is Field.STATUS and text not in _STATUSES:
        _refuse(codes.INVALID_SQL_PARAM_ERROR, token.start_pos, "status is ONLINE, OFFLINE, UNACTIVE or DISABLE.")
    return text


def _time(token: Token) -> int:
    text = _text(token)
    for pattern in _TIME_FORMATS:
        try:
            moment = datetime.strptime(text, pattern).replace(tzinfo=_CHINA)
        except ValueError:
            continue
        return round(moment.timestamp() * 1_000)
    _refuse(
        codes.INVALID_SQL_PARAM_ERROR, token.start_pos, "a time is written yyyy-MM-dd HH:mm:ss.SSS, and is in UTC+8."
    )


_GONE: Final = _Found(Either(()), 0)
_PARSER: Final = Lark.open(
    "grammar.lark",
    rel_to=__file__,
    parser="lalr",
    start=["statement", "expression"],
    transformer=_Builder(),
    maybe_placeholders=True,
)
