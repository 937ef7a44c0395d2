"""Takes out of a text what must not leave the device: passwords, tokens, pictures and embeddings written as text."""

import re
from collections.abc import Iterable
from typing import Any

_SENSITIVE = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|authorization|credentials?|"
    r"svcuid|cookie|session[-_]?id|signature"
)
IS_SECRET = re.compile(_SENSITIVE, re.IGNORECASE)
"""Finds a word in the name of a setting or variable whose value is secret."""

# Greedy to the last @: a password may hold one.
_USER_OF_ADDRESS = (re.compile(r"://\S{0,500}@"), "://***@")
_MANY_NUMBERS = 12
_LONGEST_LINE = 4_000
_VECTOR = r"(?<![-+.\deE])(?:[-+.\deE]+[,;\s]+){12,}[-+.\deE]*"
_RULES = (
    (re.compile(r"-----BEGIN [^-]{1,40}-----.*?(?:-----END [^-]{1,40}-----|\Z)", re.DOTALL), "***"),
    _USER_OF_ADDRESS,
    (re.compile(r"([?&][\w.~-]{1,40}=)[^&\s\"'<>]+"), r"\1***"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE), r"\1 ***"),
    (
        re.compile(
            rf"((?:{_SENSITIVE})[\w.-]{{0,40}}[\"']?\s*[:=]\s*)"
            r"(?:\"[^\"\n]*\"?|'[^'\n]*'?|(?:Bearer|Basic)\s+\S+|[^\s,;}\"']+)",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"), "***"),
    (re.compile(r"\beyJ[\w-]+\.[\w.-]+"), "***"),
    (re.compile(r"\bb(?:'(?:[^'\\]|\\.)*\\x(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\\x(?:[^\"\\]|\\.)*\")"), "<bytes>"),
    (re.compile(r"(?:\\x[0-9a-fA-F]{2}[^\\\n]{0,8}){4,}"), "<bytes>"),
    (re.compile(_VECTOR), "<numbers>"),
    (re.compile(r"(?:\b[0-9a-fA-F]{2,8}[ \t|]+){8,}[0-9a-fA-F]*"), "<data>"),
    # An AWS secret key is 40 letters without any mark; a sha1 has no capital.
    (re.compile(r"(?<![\w/+])(?=[\w/+]*[A-Z])(?=[\w/+]*[a-z])(?=[\w/+]*\d)[A-Za-z0-9/+]{40}(?![\w/+=])"), "***"),
    # Longer than a sha256: base64 or hex of something.
    (re.compile(r"[A-Za-z0-9+/=]{65,}(?:\n[A-Za-z0-9+/=]+$)*", re.MULTILINE), "<data>"),
    (re.compile(r"[A-Za-z0-9_=-]{65,}"), "<data>"),
)
_BINARY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\udc80-\udcff]")


def without_users(text: str) -> str:
    """``text`` without the user's name and password of an address in it, otherwise as it is."""
    pattern, instead = _USER_OF_ADDRESS
    return pattern.sub(instead, text)


def redacted_text(text: str, secrets: Iterable[str] = ()) -> str:
    """``text`` without credentials, without the values ``secrets``, and without data or vectors written as text.

    A line that holds binary data is replaced as a whole.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    text = "\n".join(_readable(line) for line in text.split("\n"))
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text


def redacted_value(value: Any, secrets: Iterable[str] = ()) -> Any:
    """What JSON holds, with all its texts redacted and the values of secret names taken out."""
    if isinstance(value, dict):
        return {
            redacted_text(str(name), secrets): "***" if IS_SECRET.search(str(name)) else redacted_value(child, secrets)
            for name, child in value.items()
        }
    if isinstance(value, (list, tuple)):
        several = len(value) >= _MANY_NUMBERS and all(isinstance(child, (int, float)) for child in value)
        return "<numbers>" if several else [redacted_value(child, secrets) for child in value]
    return redacted_text(value, secrets) if isinstance(value, str) else value


def _readable(line: str) -> str:
    line = line.rstrip("\r")
    line = line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]} <{len(line) - _LONGEST_LINE} more>"
    return f"<a line of {len(line)} characters that is no text>" if _BINARY.search(line) else line
