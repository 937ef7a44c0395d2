"""Takes out of a text what must not leave the device: passwords, tokens, pictures and embeddings written as text."""

import re
from collections.abc import Iterable

_SENSITIVE = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|authorization|credentials?|"
    r"svcuid|cookie|session[-_]?id|signature"
)
IS_SECRET = re.compile(_SENSITIVE, re.IGNORECASE)
"""Finds a word in the name of a setting or variable whose value is secret."""

_VECTOR = r"(?:[-+.\deE]+[,;\s]+){12,}[-+.\deE]*"
_RULES = (
    (re.compile(r"-----BEGIN [^-]{1,40}-----.*?(?:-----END [^-]{1,40}-----|\Z)", re.DOTALL), "***"),
    # Greedy to the last @: a password may hold one.
    (re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20}://)[^\s\"'<>]*@"), r"\1***@"),
    (re.compile(r"([?&][\w.~-]{1,40}=)[^&\s\"'<>]+"), r"\1***"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]+", re.IGNORECASE), r"\1 ***"),
    (
        re.compile(
            rf"([\w.-]{{0,40}}(?:{_SENSITIVE})[\w.-]{{0,40}}[\"']?\s*[:=]\s*)"
            r"(?:\"[^\"]*\"|'[^']*'|(?:Bearer|Basic)\s+\S+|[^\s,;}\"']+)",
            re.IGNORECASE,
        ),
        r"\1***",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}"), "***"),
    (re.compile(r"\beyJ[\w-]+\.[\w.-]+"), "***"),
    (re.compile(r"\bb(?:'(?:[^'\\]|\\.)*\\x(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\\x(?:[^\"\\]|\\.)*\")"), "<bytes>"),
    (re.compile(r"(?:\\x[0-9a-fA-F]{2}[^\\\n]{0,8}){4,}"), "<bytes>"),
    (re.compile(_VECTOR), "<numbers>"),
    # An AWS secret key is 40 letters without any mark; a sha1 has no capital.
    (re.compile(r"(?<![\w/+])(?=[\w/+]*[A-Z])(?=[\w/+]*[a-z])(?=[\w/+]*\d)[A-Za-z0-9/+]{40}(?![\w/+=])"), "***"),
    # Longer than a sha256: base64 or hex of something.
    (re.compile(r"[A-Za-z0-9+/=]{65,}"), "<data>"),
    (re.compile(r"[A-Za-z0-9_=-]{65,}"), "<data>"),
)
_BINARY = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffd\udc80-\udcff]")


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


def _readable(line: str) -> str:
    line = line.rstrip("\r")
    return f"<a line of {len(line)} characters that is no text>" if _BINARY.search(line) else line
