# SPDX-License-Identifier: MIT
"""What a program writes: kept up to a bound, counted beyond it, handed to a callback as it comes."""

import codecs
import io
from typing import Any, Callable, List, NamedTuple, Optional, Union

Callback = Callable[[str, Any], Any]


class Text(NamedTuple):
    """How bytes become text; newlines are translated as subprocess does."""

    encoding: str
    errors: str  # of what a program writes
    input_errors: str  # of what it is given

    def decoder(self) -> io.IncrementalNewlineDecoder:
        return io.IncrementalNewlineDecoder(
            codecs.getincrementaldecoder(self.encoding)(self.errors), translate=True)

    def encode(self, text: str) -> bytes:
        return text.encode(self.encoding, self.input_errors)


def text_mode(text: Optional[bool], encoding: Optional[str], errors: Optional[str]) -> Optional[Text]:
    """None for bytes.

    A program that is not yours must not choose exceptions here: errors of its output are replaced. Its input
    is yours: it is written as it is, or not at all.
    """
    if not (text or encoding or errors):
        return None
    mode = Text(encoding or "utf-8", errors or "replace", errors or "strict")
    codecs.lookup(mode.encoding)
    codecs.lookup_error(mode.errors)
    return mode


class Sink:
    """One stream. `keep`: whether value() is wanted; `limit`: bytes kept, None for all."""

    def __init__(self, name: str, keep: bool, limit: Optional[int], callback: Optional[Callback],
                 text: Optional[Text]) -> None:
        self.name, self.keep, self.limit, self.text = name, keep, limit, text
        self.callback = callback
        self.dropped = 0
        self._parts: List[bytes] = []
        self._kept = 0
        self._decoder = text.decoder() if text and callback is not None else None

    def feed(self, data: bytes) -> Any:
        """Takes the next bytes; gives what the callback returned, if there is one."""
        if self.keep:
            room = len(data) if self.limit is None else max(0, self.limit - self._kept)
            part = data[:room]
            self.dropped += len(data) - len(part)
            self._kept += len(part)
            if part:
                self._parts.append(part)
        return self._tell(data, False)

    def finish(self) -> Any:
        """At the end of the stream: a last incomplete character is told of."""
        return self._tell(b"", True)

    def _tell(self, data: bytes, final: bool) -> Any:
        if self.callback is None:
            return None
        told: Union[bytes, str] = self._decoder.decode(data, final) if self._decoder is not None else data
        return self.callback(self.name, told) if told else None

    def value(self) -> Union[None, bytes, str]:
        """What was kept: None if nothing was to be."""
        if not self.keep:
            return None
        if len(self._parts) > 1:
            self._parts = [b"".join(self._parts)]
        data = self._parts[0] if self._parts else b""
        # Where it was cut, a character may be.
        return self.text.decoder().decode(data, not self.dropped) if self.text else data
