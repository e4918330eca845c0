"""Read a pickle's opcodes and build only what `pickle_values` allows: nothing in it can run.

Python's own unpickler is not used: its BUILD sets attributes on whatever lies on the stack, and
its imports happen before anybody can object.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from typing import IO, Any

from vivavoce.checkpoints import pickle_values as values
from vivavoce.checkpoints.pickle_names import GlobalName, global_name
from vivavoce.errors import BadCheckpoint, UnsafeCheckpoint
from vivavoce.limits import Budget, describe, reason_of

# Opcodes whose argument is the value.
_WITH_VALUE = """
    INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING
    BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE SHORT_BINUNICODE BINUNICODE BINUNICODE8
"""
_VALUES = frozenset(_WITH_VALUE.split())
_NOTHING = frozenset({"PROTO", "FRAME"})
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_GET = frozenset({"GET", "BINGET", "LONG_BINGET"})
_PUT = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
# What decoding nonsense raises (pickletools warns about odd escapes: an error under `-W error`).
_BROKEN = (
    *(ValueError, TypeError, LookupError, ArithmeticError),
    *(AttributeError, RuntimeError, MemoryError, DeprecationWarning),
)
_EXTENSIONS = frozenset({"EXT1", "EXT2", "EXT4"})
_LARGEST_INTEGER = 1 << 1024
# Opcodes that cost more memory than their own step.
_COSTS = {"EMPTY_SET": 4, "GLOBAL": 4, "STACK_GLOBAL": 4, "INST": 4, "EMPTY_DICT": 2}


class Unpickler:
    """Reads one pickle after another. `persistent` gives the storage for a persistent id.

    `budget` bounds what a file may cost. After `run`, `foreign` holds the names of the classes
    that were met and not looked up.
    """

    def __init__(self, persistent: Callable[[Any], Any], budget: Budget | None = None) -> None:
        self.persistent = persistent
        self.budget = budget or Budget()
        self.foreign: set[str] = set()
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, file: IO[bytes]) -> Any:
        """The pickle's value; leaves `file` just behind it.

        Raises BadCheckpoint for a broken pickle, UnsafeCheckpoint for one that wants to run code.
        """
        try:
            for opcode, argument, _ in pickletools.genops(file):
                self.budget.spend(_COSTS.get(opcode.name, 1))
                if opcode.name == "STOP":
                    return self.stack.pop()
                self._step(opcode.name, argument)
        except _BROKEN as error:
            raise BadCheckpoint(f"Its pickle is broken ({reason_of(error)}).") from error
        raise BadCheckpoint("Its pickle is truncated: the STOP opcode is missing.")

    def _step(self, name: str, argument: Any) -> None:
        stack = self.stack
        if name in _VALUES:
            stack.append(self._checked(argument))
        elif name in _GET:
            stack.append(self.memo[argument])
        elif name in _PUT:
            self._remember(argument)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in _TUPLES:
            self._tuple(_TUPLES[name])
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name == "MARK":
            self.marks.append(len(stack))
        elif name in _EXTENSIONS:
            raise UnsafeCheckpoint(
                f"The file asks for code of the extension registry ({name} {argument}). "
                "Nothing was run.",
                "Do not use this file; get the model as .safetensors.",
            )
        elif name not in _NOTHING:
            handler = _HANDLERS.get(name)
            if handler is None:
                raise BadCheckpoint(f"Its pickle uses {name}, which no checkpoint needs.")
            handler(self, argument)

    def _checked(self, value: object) -> Any:
        """A value as the pickle gives it. Raises BadCheckpoint for what nobody needs."""
        if isinstance(value, (str, bytes, bytearray)):
            self.budget.spend(0, len(value))
            if isinstance(value, str):
                value.encode()  # halves of surrogate pairs cannot be written again
        elif isinstance(value, int) and not -_LARGEST_INTEGER < value < _LARGEST_INTEGER:
            raise BadCheckpoint("It has an integer of more than 1024 bits.")
        return value

    def _tuple(self, count: int) -> None:
        start = len(self.stack) - count
        if start < 0:
            raise BadCheckpoint("Its pickle is broken (a value is missing).")
        self.stack[start:] = [tuple(self.stack[start:])]

    def _remember(self, key: int) -> None:
        value = self.stack[-1]
        self.memo[key] = value
        if isinstance(value, values.Pending):
            value.memo.append(key)

    def _memoise(self, _: object) -> None:
        self._remember(len(self.memo))

    def _since_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def _pop(self, _: object) -> None:
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.stack.pop()

    def _pop_mark(self, _: object) -> None:
        self._since_mark()

    def _dup(self, _: object) -> None:
        self.stack.append(self.stack[-1])

    def _mark_tuple(self, _: object) -> None:
        self.stack.append(tuple(self._since_mark()))

    def _mark_list(self, _: object) -> None:
        self.stack.append(self._since_mark())

    def _mark_dict(self, _: object) -> None:
        items = self._since_mark()
        self.stack.append({})
        self._set(items)

    def _frozenset(self, _: object) -> None:
        self.stack.append(values.plain_set(self._since_mark()))

    def _append(self, _: object) -> None:
        self._extend([self.stack.pop()])

    def _appends(self, _: object) -> None:
        self._extend(self._since_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        target = target.items if isinstance(target, values.OpaqueObject) else target
        if not isinstance(target, list):
            raise BadCheckpoint(f"Its pickle appends to a {type(target).__name__}.")
        target.extend(items)

    def _setitem(self, _: object) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def _setitems(self, _: object) -> None:
        self._set(self._since_mark())

    def _set(self, items: list[Any]) -> None:
        target = self.stack[-1]
        target = target.entries if isinstance(target, values.OpaqueObject) else target
        if not isinstance(target, dict):
            raise BadCheckpoint(f"Its pickle sets items of a {type(target).__name__}.")
        values.fill(target, zip(items[::2], items[1::2], strict=True))

    def _additems(self, _: object) -> None:
        items = values.plain_set(self._since_mark())
        target = self.stack[-1]
        if not isinstance(target, set):
            raise BadCheckpoint(f"Its pickle adds to a {type(target).__name__}.")
        target |= items

    def _import(self, module: object, name: object) -> GlobalName:
        if not isinstance(module, str) or not isinstance(name, str):
            raise BadCheckpoint("Its pickle imports an object whose name is not text.")
        found = global_name(module, name)
        if found.name not in values.KNOWN:
            self.foreign.add(found.name)
        return found

    def _global(self, argument: str) -> None:
        self.stack.append(self._import(*argument.split(" ", 1)))

    def _stack_global(self, _: object) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(self._import(module, name))

    def _reduce(self, _: object) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        self.stack.append(values.call(function, args, self.budget))

    def _newobj_ex(self, _: object) -> None:
        kwargs, args, cls = self.stack.pop(), self.stack.pop(), self.stack.pop()
        if type(args) is not tuple:
            raise BadCheckpoint(f"An object is built with {describe(args)}, not with a tuple.")
        self.stack.append(values.call(cls, (*args, kwargs) if kwargs else args, self.budget))

    def _inst(self, argument: str) -> None:
        args = self._since_mark()
        self.stack.append(
            values.call(self._import(*argument.split(" ", 1)), tuple(args), self.budget)
        )

    def _obj(self, _: object) -> None:
        cls, *args = self._since_mark()
        self.stack.append(values.call(cls, tuple(args), self.budget))

    def _build(self, _: object) -> None:
        """State for the object on the stack: kept by stand-ins, ignored by everything else.

        (Dictionaries carry module versions here, parameters their attributes: neither is needed.)
        """
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, values.Pending):
            self.budget.spend(len(target.memo))
            value = values.finish(target, state, self.budget)
            self.stack[-1] = value
            self.memo.update(dict.fromkeys(target.memo, value))
        elif isinstance(target, values.OpaqueObject):
            target.state = state

    def _persistent(self, argument: str) -> None:
        self.stack.append(self.persistent(argument))

    def _binary_persistent(self, _: object) -> None:
        self.stack.append(self.persistent(self.stack.pop()))


_HANDLERS: dict[str, Callable[[Unpickler, Any], None]] = {
    "MEMOIZE": Unpickler._memoise,
    "POP": Unpickler._pop,
    "POP_MARK": Unpickler._pop_mark,
    "DUP": Unpickler._dup,
    "TUPLE": Unpickler._mark_tuple,
    "LIST": Unpickler._mark_list,
    "DICT": Unpickler._mark_dict,
    "FROZENSET": Unpickler._frozenset,
    "APPEND": Unpickler._append,
    "APPENDS": Unpickler._appends,
    "SETITEM": Unpickler._setitem,
    "SETITEMS": Unpickler._setitems,
    "ADDITEMS": Unpickler._additems,
    "GLOBAL": Unpickler._global,
    "STACK_GLOBAL": Unpickler._stack_global,
    "REDUCE": Unpickler._reduce,
    "NEWOBJ": Unpickler._reduce,
    "NEWOBJ_EX": Unpickler._newobj_ex,
    "INST": Unpickler._inst,
    "OBJ": Unpickler._obj,
    "BUILD": Unpickler._build,
    "PERSID": Unpickler._persistent,
    "BINPERSID": Unpickler._binary_persistent,
}
