"""Events that an application declares once, as signatures: type checkers know their names, arguments and answers.

    class Chat(Protocol):
        @event
        def join(self, room: str, /) -> int:
            "Join a room; the answer is how many are in it."
            ...

    @io.on(Chat.join)
    async def join(socket: Socket, room: str) -> int: ...

    count = await client.call(Chat.join, "lobby")

At run time a declared event is its name. With a converter, of `msgspec` or `pydantic`, what comes is checked too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial, update_wrapper
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any, Concatenate, Final, Generic, ParamSpec, TypeVar, get_type_hints, overload

from socketio_core.app.acks import ack_value
from socketio_core.checks import check_function
from socketio_core.errors import InvalidEvent
from socketio_core.records import plain
from socketio_core.socketio.packet import JSONValue

_P = ParamSpec("_P")
_R = TypeVar("_R")
_R_co = TypeVar("_R_co", covariant=True)
_H = TypeVar("_H", bound=Callable[..., Any])

_MAX_CHARS: Final = 1000  # of what is wrong with an event
_MAX_ERRORS: Final = 10  # that are named

Converter = Callable[[Any, Any], Any]
"""`convert(value, type)` returns the value as one of that type, or raises; `msgspec.convert` is one."""

if TYPE_CHECKING:

    class _Name:
        """To a type checker a declared event is no text: else it would fit wherever any name does, with anything."""
else:
    _Name = str


class DeclaredEvent(_Name, Generic[_P, _R_co]):
    """An event's name, which knows its arguments and its answer; made by `event`."""

    __slots__ = ("_convert", "_function", "_types")

    _function: Callable[..., Any]
    _convert: Converter | None
    _types: tuple[Sequence[tuple[str, Any]], Any] | None

    def __new__(cls, name: str, function: Callable[..., Any], convert: Converter | None) -> DeclaredEvent[_P, _R_co]:
        """Make one; see `Declare`."""
        declared = super().__new__(cls, name)  # type: ignore[call-arg] # pyright: ignore[reportCallIssue, reportUnknownVariableType] # a `str`
        declared._function = function
        declared._convert = convert
        declared._types = None
        return declared  # pyright: ignore[reportUnknownVariableType] # see above

    @property
    def is_checked(self) -> bool:
        """Whether arguments and answers are looked at when they come."""
        return self._convert is not None

    @property
    def argument_count(self) -> int:
        """How many arguments it has."""
        return len(self._find_types()[0])

    def check(self, args: Sequence[Any]) -> list[Any]:
        """Return the arguments of an event that has come, converted to what was declared.

        Raises:
            InvalidEvent: there are more or fewer, or one of them is something else.
        """
        parameters, _ = self._find_types()
        if len(args) != len(parameters):
            raise InvalidEvent(f"{len(parameters)} arguments wanted, {len(args)} came")
        return [self._converted(value, *each) for value, each in zip(args, parameters, strict=True)]

    def check_answer(self, answer: Any) -> Any:
        """Return the answer to an event, converted; several values are a tuple.

        Raises:
            InvalidEvent: it is something else.
        """
        try:
            return self._converted(answer, "answer", self._find_types()[1])
        except InvalidEvent as error:
            error.add_note(f"the answer was {answer!r:.200}")  # for who called; `detail` may go to others
            raise

    def _converted(self, value: Any, name: str, kind: Any) -> Any:
        assert self._convert is not None  # or nobody would ask
        try:
            return self._convert(value, kind)
        except Exception as error:
            raise InvalidEvent(f"{name}: {_what_is_wrong(error)}") from error

    def _find_types(self) -> tuple[Sequence[tuple[str, Any]], Any]:
        """Look at the annotations; when first needed, for they may name what is defined further down."""
        if self._types is None:
            hints = get_type_hints(self._function, include_extras=True)
            names = list(signature(self._function).parameters)[1:]
            self._types = [(name, hints.get(name, Any)) for name in names], hints.get("return", Any)
        return self._types


def _what_is_wrong(error: Exception) -> str:
    """Return what a converter says, cut off: clients are sent it, and it may hold all that came.

    pydantic names every value that is wrong. A client could have megabytes of that written, 0.1 s for 90,000 values.
    """
    count_errors: Any = getattr(error, "error_count", None)
    count: Any = count_errors() if callable(count_errors) else None
    if isinstance(count, int) and count > _MAX_ERRORS:
        return f"{count} values are something else"
    text = str(error)
    return text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]}…"


EventName = str | DeclaredEvent[..., Any]
"""An event that is asked after by its name alone."""


def name_of(event: EventName) -> str:
    """Return the name; see `_Name`."""
    name: Any = event
    return plain(name)


class Declare:
    """Makes decorators such as `event`: `event = Declare(msgspec.convert)` is one that has what comes checked.

    Args:
        convert: `None` checks nothing.
    """

    def __init__(self, convert: Converter | None = None) -> None:
        check_function("convert", convert, may_wait=False)
        self._convert = convert

    @overload
    def __call__(self, function: Callable[Concatenate[Any, _P], _R], /) -> DeclaredEvent[_P, _R]: ...
    @overload
    def __call__(self, /, *, name: str) -> Callable[[Callable[Concatenate[Any, _P], _R]], DeclaredEvent[_P, _R]]: ...
    def __call__(self, function: Callable[..., Any] | None = None, /, *, name: str | None = None) -> Any:
        """Declare the event that a method of a class stands for, or, with `name`, one with another name.

        Raises:
            TypeError: its parameters are not positional ones, as all arguments of events are.
        """
        return partial(self._declare, name=name) if function is None else self._declare(function, name)

    def _declare(self, function: Callable[..., Any], name: str | None) -> DeclaredEvent[..., Any]:
        name = function.__name__ if name is None else name
        parameters = list(signature(function).parameters.values())
        if not parameters or any(each.kind is not Parameter.POSITIONAL_ONLY for each in parameters):
            raise TypeError(f"arguments of an event have no names; write: def {function.__name__}(self, ..., /)")
        if any(each.default is not Parameter.empty for each in parameters):
            raise TypeError(f"arguments of an event have no defaults, for they are all sent: {function.__name__}")
        return DeclaredEvent(name, function, self._convert)


event: Final = Declare()
"""Declares an event; nothing is checked at run time."""


class Checked:
    """A handler that is given what was declared, or not called at all. It looks like the handler itself."""

    def __init__(self, declared: DeclaredEvent[..., Any], handler: Callable[..., Any], *, gets_socket: bool) -> None:
        self._declared = declared
        self._handler = handler
        self._first_argument = 1 if gets_socket else 0
        update_wrapper(self, handler)

    def __call__(self, *given: Any) -> Any:
        """Call it.

        Raises:
            InvalidEvent: the arguments are something else.
        """
        at = self._first_argument
        return self._handler(*given[:at], *self._declared.check(given[at:]))

    def without_mark(self, args: list[JSONValue]) -> list[JSONValue]:
        """Return the arguments of an event without the text that a server may put behind those that were declared.

        That is what recovery has clients remember, or the id of `emit_reliably`.
        """
        has_mark = len(args) == self._declared.argument_count + 1 and isinstance(args[-1], str)
        return args[:-1] if has_mark else args

    def __eq__(self, other: object) -> bool:
        return other is self or other == self._handler

    def __hash__(self) -> int:
        return hash(self._handler)


def checked(name: str, handler: _H, *, gets_socket: bool) -> _H | Checked:
    """Return a handler, with the checks of the event's declaration in front of it, if there are any."""
    if isinstance(name, DeclaredEvent) and name.is_checked and callable(handler):  # what cannot be called is refused
        return Checked(name, handler, gets_socket=gets_socket)
    return handler


def answer_to(name: str, args: list[JSONValue]) -> Any:
    """Return the arguments of an acknowledgement as one value: `None`, the value, or a tuple; as it was declared.

    Raises:
        InvalidEvent: it is something else.
    """
    value = ack_value(args)
    return name.check_answer(value) if isinstance(name, DeclaredEvent) and name.is_checked else value


def answers_to(name: str, found: Sequence[list[JSONValue]]) -> list[Any]:
    """Return the same for each of many; those that are something else are left out, as if they had not come."""
    return _those_that_fit(partial(answer_to, name), found)


def answer_args(name: str, args: list[JSONValue]) -> list[JSONValue]:
    """Return the arguments of an acknowledgement as they came, if they are what was declared.

    Raises:
        InvalidEvent: they are something else.
    """
    answer_to(name, args)
    return args


def answers_args(name: str, found: Sequence[list[JSONValue]]) -> list[list[JSONValue]]:
    """Return the same for each of many; those that are something else are left out."""
    return _those_that_fit(partial(answer_args, name), found)


def _those_that_fit(look: Callable[[list[JSONValue]], _R], found: Sequence[list[JSONValue]]) -> list[_R]:
    answers: list[_R] = []
    for args in found:
        with suppress(InvalidEvent):
            answers.append(look(args))
    return answers
