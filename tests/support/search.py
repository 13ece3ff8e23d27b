"""The search language from the other side: how a tree is written, trees to try, and what they mean in plain Python."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from skyferry.search.syntax import Belonging, Condition, Either, Every, Field, Moment, Operator, Words

CHINA = timezone(timedelta(hours=8))
STATUSES = ("ONLINE", "OFFLINE", "UNACTIVE", "DISABLE")
TIMES = (Field.ACTIVE_TIME, Field.GMT_CREATE, Field.GMT_MODIFIED)
PLAIN_TEXTS = (Field.PRODUCT_KEY, Field.IOT_ID, Field.NAME, Field.NICKNAME)
MOST_PARTS = 5


def quoted(text: str) -> str:
    """A value as it is written."""
    return '"' + text.replace('"', '""') + '"'


def written_time(ms: int) -> str:
    """A time as it is written."""
    moment = datetime.fromtimestamp(ms // 1_000, CHINA)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{ms % 1_000:03d}"


def written(condition: Condition) -> str:
    """The text of a tree."""
    match condition:
        case Words(name, operator):
            return f"{name} {operator} {_values(condition)}"
        case Moment(name, operator, at):
            return f"{name} {operator} {quoted(written_time(at))}"
        case Belonging(name, value):
            return " AND ".join(written(half) for half in (name, value) if half is not None)
        case Every(parts):
            return " AND ".join(f"({written(part)})" if _needs_parentheses(part) else written(part) for part in parts)
        case Either(parts):
            return " OR ".join(map(written, parts))


def _values(words: Words) -> str:
    if words.operator is Operator.LIKE:
        return quoted(words.values[0] + "%")
    listed = ", ".join(map(quoted, words.values))
    return f"({listed})" if words.operator is Operator.IN else listed


def _needs_parentheses(part: Condition) -> bool:
    """A name or value that stands alone would find another half in the chain."""
    return isinstance(part, Either) or (isinstance(part, Belonging) and None in {part.name, part.value})


@dataclass(frozen=True)
class Vocabulary:
    """The values that trees speak of; texts and beginnings for each field."""

    texts: Callable[[Field], st.SearchStrategy[str]]
    prefixes: Callable[[Field], st.SearchStrategy[str]]
    times: st.SearchStrategy[int]

    def words(self, name: Field, *operators: Operator) -> st.SearchStrategy[Words]:
        """A comparison of a text field."""
        values = st.sampled_from(STATUSES) if name is Field.STATUS else self.texts(name)
        choices: dict[Operator, st.SearchStrategy[tuple[str, ...]]] = {
            Operator.IN: st.lists(values, min_size=1, max_size=3).map(tuple),
            Operator.LIKE: st.tuples(self.prefixes(name)),
        }
        return st.sampled_from(operators).flatmap(
            lambda operator: st.builds(
                Words, st.just(name), st.just(operator), choices.get(operator, st.tuples(values))
            )
        )

    def belonging(self, name: Field, value: Field) -> st.SearchStrategy[Belonging]:
        """A tag or module."""
        names = self.words(name, Operator.EQUAL)
        values = self.words(value, Operator.EQUAL, Operator.NOT_EQUAL, Operator.IN, Operator.LIKE)
        return st.one_of(
            st.builds(Belonging, names, values),
            st.builds(Belonging, names, st.none()),
            st.builds(Belonging, st.none(), values),
        )

    def leaf(self) -> st.SearchStrategy[Condition]:
        """One condition."""
        exact = (Operator.EQUAL, Operator.NOT_EQUAL, Operator.IN)
        ordered = [operator for operator in Operator if operator not in {Operator.LIKE, Operator.IN}]
        return st.one_of(
            st.sampled_from(PLAIN_TEXTS).flatmap(lambda name: self.words(name, *exact, Operator.LIKE)),
            st.sampled_from((Field.STATUS, Field.GROUP_ID)).flatmap(lambda name: self.words(name, *exact)),
            st.builds(Moment, st.sampled_from(TIMES), st.sampled_from(ordered), self.times),
            self.belonging(Field.TAG_NAME, Field.TAG_VALUE),
            self.belonging(Field.MODULE_NAME, Field.MODULE_VERSION),
        )

    def conditions(self) -> st.SearchStrategy[Condition]:
        """Trees of a few conditions."""
        few = {"min_size": 2, "max_size": 3}
        leaf = self.leaf()
        inner: st.SearchStrategy[Condition] = st.one_of(leaf, st.builds(Every, _tuples(leaf, **few)))
        either = st.builds(Either, _tuples(inner, **few))
        every = st.builds(Every, _tuples(st.one_of(leaf, either), **few))
        deeper = st.builds(Either, _tuples(st.one_of(leaf, every), **few))
        return st.one_of(leaf, either, every, deeper).filter(lambda tree: leaves(tree) <= MOST_PARTS)


def _tuples(parts: st.SearchStrategy[Condition], **sizes: int) -> st.SearchStrategy[tuple[Condition, ...]]:
    return st.lists(parts, **sizes).map(tuple)  # type: ignore[arg-type]


def leaves(condition: Condition) -> int:
    """How many conditions a tree is made of."""
    return sum(map(leaves, condition.parts)) if isinstance(condition, Every | Either) else 1


@dataclass(frozen=True)
class PlainDevice:
    """A device as the language sees it."""

    product_key: str
    iot_id: str
    name: str
    nickname: str | None
    status: str
    active_time: int | None
    gmt_create: int
    gmt_modified: int
    groups: frozenset[str] = frozenset()
    tags: dict[str, str] = field(default_factory=dict)
    """No search tells or finds the tag `abc` (control-plane reference §9.5)."""
    modules: dict[str, str] = field(default_factory=dict)


def matches(device: PlainDevice, condition: Condition) -> bool:
    """What a tree means."""
    match condition:
        case Every(parts):
            return all(matches(device, part) for part in parts)
        case Either(parts):
            return any(matches(device, part) for part in parts)
        case Moment(name, operator, at):
            return _time_matches(getattr(device, name), operator, at)
        case Belonging(name, value):
            [kind] = {half.field.partition(".")[0] for half in (name, value) if half is not None}
            held = {key: text for key, text in device.tags.items() if key != "abc"} if kind == "tag" else device.modules
            return any(
                (name is None or _text_matches(key, name)) and (value is None or _text_matches(text, value))
                for key, text in held.items()
            )
        case Words(Field.GROUP_ID, operator, values):
            within = not device.groups.isdisjoint(values)
            return within != (operator is Operator.NOT_EQUAL)
        case Words(name):
            return _text_matches(getattr(device, name), condition)
    raise AssertionError(condition)


def _text_matches(text: str | None, words: Words) -> bool:
    if words.operator is Operator.NOT_EQUAL:
        return text not in words.values
    if words.operator is Operator.LIKE:
        return text is not None and text.startswith(words.values[0])
    return text in words.values


def _time_matches(time: int | None, operator: Operator, at: int) -> bool:
    if operator is Operator.NOT_EQUAL:
        return time != at
    if time is None:
        return False
    return {
        Operator.EQUAL: time == at,
        Operator.LESS: time < at,
        Operator.LESS_OR_EQUAL: time <= at,
        Operator.GREATER: time > at,
        Operator.GREATER_OR_EQUAL: time >= at,
    }[operator]


def vocabulary_of(devices: Sequence[PlainDevice]) -> Vocabulary:
    """What occurs in these devices, and a little that does not."""
    times = {
        time + shift
        for device in devices
        for time in (device.active_time, device.gmt_create, device.gmt_modified)
        if time is not None
        for shift in (-1, 0, 1)
    }

    def texts(name: Field) -> st.SearchStrategy[str]:
        return st.sampled_from(sorted({"absent", *_said(devices, name)}))

    def prefixes(name: Field) -> st.SearchStrategy[str]:
        said = {text[:size] for text in _said(devices, name) for size in (4, 5, 6) if len(text) >= size}
        return st.sampled_from(sorted({"absent", *said}))

    return Vocabulary(texts, prefixes, st.sampled_from(sorted(times)))


def _said(devices: Sequence[PlainDevice], name: Field) -> Iterator[str]:
    """What the devices hold in a field."""
    for device in devices:
        match name:
            case Field.GROUP_ID:
                yield from device.groups
            case Field.TAG_NAME:
                yield from device.tags
            case Field.TAG_VALUE:
                yield from device.tags.values()
            case Field.MODULE_NAME:
                yield from device.modules
            case Field.MODULE_VERSION:
                yield from device.modules.values()
            case _:
                yield getattr(device, name) or ""
