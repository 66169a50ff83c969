"""ECMA-262 patterns, which the standard asks for, as the core's regular expressions."""

from __future__ import annotations

from ctcore import _core
from ctcore.errors import ArgumentError, ConfigError

_SPACE = r"\t\n\x0B\x0C\r \u{A0}\u{1680}\u{2000}-\u{200A}\u{2028}\u{2029}\u{202F}\u{205F}\u{3000}\u{FEFF}"
# What a class means inside of square brackets; outside they are put around it.
_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": _SPACE}
_SAME = "tnrfv"
_NEVER, _ANY = r"[^\s\S]", r"[\s\S]"


def translate(pattern: str) -> str:
    r"""Translate an ECMA-262 pattern.

    In ECMA ``\d``, ``\w`` and ``\b`` are ASCII, ``\s`` is a list of its own, a dot stops at four line ends, and within
    brackets ``[``, ``&&``, ``--`` and ``~~`` are plain characters: all of them are written out. What needs backtracking
    (look-around, back-references) takes exponential time somewhere and is refused, never skipped.

    Raises :class:`ConfigError`.

    >>> translate(r"^\d{2}\b.")
    '^[0-9]{2}(?-u:\\b)[^\\n\\r\\u{2028}\\u{2029}]'
    >>> translate(r"(?=a)")
    Traceback (most recent call last):
    ctcore.errors.ConfigError: pattern '(?=a)': look-around cannot be judged in linear time; write it without
    """
    out: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\":
            piece, at = _escape(pattern, at, inside=False)
            out.append(piece)
        elif char == "[":
            piece, at = _brackets(pattern, at)
            out.append(piece)
        else:
            if pattern.startswith(("(?=", "(?!", "(?<=", "(?<!"), at):
                raise _refused(pattern, "look-around cannot be judged in linear time; write it without")
            out.append(r"[^\n\r\u{2028}\u{2029}]" if char == "." else char)
            at += 1
    found = "".join(out)
    try:
        _core.check_pattern(found)
    except ArgumentError as error:
        words = str(error).strip().splitlines()[-1].removeprefix("error: ")
        raise _refused(pattern, f"is no pattern that can be judged: {words}") from error
    return found


def _brackets(pattern: str, at: int) -> tuple[str, int]:
    start = "[^" if pattern.startswith("[^", at) else "["
    at += len(start)
    if pattern.startswith("]", at):
        return (_ANY if start == "[^" else _NEVER), at + 1
    out = [start]
    while at < len(pattern) and pattern[at] != "]":
        if pattern[at] == "\\":
            piece, at = _escape(pattern, at, inside=True)
            out.append(piece)
            continue
        # A doubled sign would be an operation on sets.
        doubled = pattern[at] in "&~-" and pattern.startswith(pattern[at] * 2, at)
        out.append(f"\\{pattern[at]}" if pattern[at] in "[^&~" or doubled else pattern[at])
        at += 1
    return "".join(out) + "]", at + 1


def _escape(pattern: str, at: int, *, inside: bool) -> tuple[str, int]:
    if at + 1 == len(pattern):
        raise _refused(pattern, "ends in a backslash")
    char = pattern[at + 1]
    after = at + 2
    if char.lower() in _CLASSES:
        members = _CLASSES[char.lower()]
        if char.isupper():
            return f"[^{members}]", after
        return (members if inside else f"[{members}]"), after
    if char in "bB":
        return (r"\x08" if inside else rf"(?-u:\{char})"), after
    if char == "0" and not pattern[after : after + 1].isdigit():
        return r"\x00", after
    if char.isdigit() or char == "k":
        raise _refused(pattern, "back-references cannot be judged in linear time; write it without")
    if char in "xupP" or char in _SAME or not char.isalnum():
        return f"\\{char}" if char != "/" else "/", after
    raise _refused(pattern, f"\\{char} means nothing in ECMA-262; leave the backslash out")


def _refused(pattern: str, why: str) -> ConfigError:
    return ConfigError(f"pattern {pattern!r}: {why}")
