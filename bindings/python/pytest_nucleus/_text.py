# SPDX-License-Identifier: MIT
"""What comes out of a sandbox, made fit for a terminal."""

import re

# Control characters but newline and tab, C1 controls, what changes the direction of text or
# breaks lines unseen, and halves of surrogate pairs, which cannot be written.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def _escape(match: "re.Match[str]") -> str:
    code = ord(match.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def neutral(text: str) -> str:
    """`text` without anything that a terminal would act on: such characters become escapes."""
    return _UNSAFE.sub(_escape, text)


def cut(text: str, limit: int) -> str:
    """`text` if it has at most `limit` characters, else its two ends and how much is missing."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{text[-half:]}"
