#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares the TOML reader with Python's tomllib, on thousands of made-up documents.

What we accept, tomllib must accept, and it must mean the same. What tomllib accepts and we refuse
must be refused for one of the reasons in STRICTER: places where parsers differ, or limits.

usage: toml_test.py DOC_DUMP [SEED]
"""

import datetime
import random
import re
import sys
import tomllib

import compare

SEED = 20240229
GENERATED, SOUPS, MUTATED, HOSTILE = 3000, 6000, 6000, 2000

# By message. Each is a decision of the reader, and is explained where it is made.
STRICTER = [
    "infinity and NaN are not allowed",
    "the number is out of range",               # Python's integers have no end, its floats have inf
    "a multi-line string holds a line that ends in CR LF",
    "a key cannot hold a NUL",
    "is already a table that a header below it made",
    "nested deeper than 32 levels",
    "more than six digits of a second",
]
# The valid documents made here give none of these reasons, so all must be accepted.


# ---- valid documents -----------------------------------------------------------------------------

WORDS = ["a", "b", "name", "key-1", "_x", "42", "true", "é", "a b", "", "x.y", "tab\t", "q\"q",
         "it's", "back\\slash", "new\nline", "\x07bell", "\U0001F600", "\u2028", "inf",
         "1979-05-27", "#"]
TEXTS = WORDS + ["x" * 70, "two\nlines\n", "\n\n", '"""', "'''", '""', "''", "\r\n", "\x00", "\x7f",
                 "ends in \\", " \t ", "[table]", "a = 1", "\ud7ff\ue000\U0010ffff"]


class Maker:
    """Makes a document. What it means is for the two readers to agree on."""

    def __init__(self, rng):
        self.rng = rng
        self.eol = rng.choice(["\n", "\n", "\r\n"])

    def pick(self, *choices):
        return self.rng.choice(choices)

    def space(self):
        return self.pick("", "", " ", "\t", "  \t")

    def comment(self):
        return self.pick("", "", "", "# c", "#", "# é \" ' [ = ]", "#\t#")

    def escaped(self, text, multi=False):
        out = ""
        for ch in text:
            named = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r",
                     '"': '\\"', "\\": "\\\\"}
            plain = ch not in '"\\' and (ord(ch) >= 0x20 or ch == "\t") and ch != "\x7f"
            if multi and ch == "\n" and self.eol == "\n":
                plain = True
            roll = self.rng.random()
            if plain and roll < 0.8:
                out += ch
            elif ch in named and roll < 0.9:
                out += named[ch]
            elif ord(ch) < 0x10000 and self.rng.random() < 0.5:
                out += self.pick("\\u%04x", "\\u%04X") % ord(ch)
            else:
                out += self.pick("\\U%08x", "\\U%08X") % ord(ch)
            if multi and self.rng.random() < 0.05:
                # If what follows is white space itself it goes too, in both readers.
                out += "\\" + self.space() + self.eol + self.space()
        return out

    def string(self, text, one_line=False):
        choices = ['"%s"' % self.escaped(text)]
        literal = all(ord(ch) >= 0x20 and ch != "\x7f" or ch == "\t" for ch in text)
        if literal and "'" not in text:
            choices.append("'%s'" % text)
        if not one_line:
            choices.append('"""%s%s"""' % (self.pick("", self.eol), self.escaped(text, True)))
            lines = all(ch == "\n" and self.eol == "\n" or ord(ch) >= 0x20 and ch != "\x7f"
                        or ch == "\t" for ch in text)
            if lines and "'''" not in text and not text.endswith("'''"):
                choices.append("'''%s%s'''" % (self.eol, text))
        return self.rng.choice(choices)

    def key_part(self, word):
        if re.fullmatch("[A-Za-z0-9_-]+", word) and self.rng.random() < 0.8:
            return word
        return self.string(word, one_line=True)

    def key(self, words):
        return (self.space() + "." + self.space()).join(self.key_part(w) for w in words)

    def underscores(self, digits):
        return "".join(d + ("_" if i + 1 < len(digits) and self.rng.random() < 0.2 else "")
                       for i, d in enumerate(digits))

    def integer(self):
        size = self.pick(4, 8, 31, 63)
        n = self.rng.getrandbits(size)
        base = self.rng.randrange(6)
        if base == 0:
            digits = self.pick("%x", "%X", "%012x") % n
            return "0x" + self.underscores(digits)
        if base == 1:
            return "0o" + self.underscores("%o" % n)
        if base == 2:
            return "0b" + self.underscores(bin(n)[2:])
        edge = self.pick(n, n, n, 2**63 - 1)
        sign = self.pick("", "", "+", "-")
        if sign == "-" and edge == 2**63 - 1:
            edge += 1
        return sign + self.underscores(str(edge))

    def real(self):
        whole = str(self.rng.getrandbits(self.pick(1, 10, 60)))
        part = "".join(self.pick(*"0123456789") for _ in range(self.rng.randint(1, 20)))
        exp = self.pick("e", "E") + self.pick("", "+", "-") + self.pick("0", "07", "1_2", "200")
        form = self.pick(0, 1, 2)
        return (self.pick("", "+", "-") + self.underscores(whole)
                + ("." + self.underscores(part) if form != 1 else "") + (exp if form != 0 else ""))

    def date(self):
        day = datetime.date.fromordinal(self.rng.randint(1, 3652059)).isoformat()
        second = self.rng.randrange(86400)
        time = "%02d:%02d:%02d" % (second // 3600, second // 60 % 60, second % 60)
        if self.rng.random() < 0.5:
            time += "." + "".join(self.pick(*"0123456789") for _ in range(self.rng.randint(1, 6)))
        offset = self.pick("Z", "z", "+00:00", "-00:00", "+23:59", "-08:30")
        stamp = day + self.pick("T", "t", " ") + time
        return self.pick(day, time, stamp, stamp + offset)

    def array(self, depth, inline):
        out = "["
        n = self.rng.randrange(5)
        for i in range(n):
            out += self.gap() + self.value(depth + 1, inline) + self.gap()
            if i + 1 < n or self.rng.random() < 0.3:
                out += "," + self.gap()
        return out + (self.gap() if n == 0 else "") + "]"

    def gap(self):
        """White space in an array: line ends and comments too."""
        if self.rng.random() < 0.7:
            return self.space()
        return self.space() + self.comment() + self.eol + self.space()

    def inline_table(self, depth):
        items = []
        for i in range(self.rng.randrange(4)):
            words = ["k%d" % i] + [self.rng.choice(WORDS) for _ in range(self.pick(0, 0, 1, 2))]
            items.append(self.space() + self.key(words) + self.space() + "=" + self.space()
                         + self.value(depth + 1, True) + self.space())
        return "{" + (",".join(items) or self.space()) + "}"

    def value(self, depth=0, inline=False):
        kind = self.rng.randrange(9 if depth < 4 else 6)
        if kind <= 1:
            return self.string(self.rng.choice(TEXTS))
        if kind == 2:
            return self.integer()
        if kind == 3:
            return self.real()
        if kind == 4:
            return self.pick("true", "false")
        if kind == 5:
            return self.date()
        if kind <= 7:
            return self.array(depth, inline)
        return self.inline_table(depth)

    def body(self):
        """Keys of one table: plain ones, and families of dotted ones that share their beginning."""
        out = ""
        plain = self.rng.sample(WORDS, self.rng.randrange(5))
        keys = [[w] for w in plain]
        for i in range(self.rng.randrange(3)):
            for w in self.rng.sample(WORDS, self.rng.randrange(1, 4)):
                rest = [w] if self.rng.random() < 0.6 else ["e" + w, "f"]
                keys.append(["d%d" % i] + rest)
        self.rng.shuffle(keys)
        for words in keys:
            out += (self.space() + self.key(words) + self.space() + "=" + self.space()
                    + self.value() + self.space() + self.comment() + self.eol)
            if self.rng.random() < 0.1:
                out += self.space() + self.comment() + self.eol
        return out

    def header(self, words, array=False):
        left, right = ("[[", "]]") if array else ("[", "]")
        return (self.space() + left + self.space() + self.key(words) + self.space() + right
                + self.space() + self.comment() + self.eol)

    def document(self):
        out = self.body()
        for i in range(self.rng.randrange(5)):
            name = "t%d" % i
            form = self.rng.randrange(4)
            if form == 0:
                out += self.header([name]) + self.body()
                out += self.header([name, "sub", self.rng.choice(WORDS)]) + self.body()
            elif form == 1:
                # A table below comes first; then its parent gets a header of its own.
                out += self.header([name, "sub"]) + self.body() + self.header([name]) + self.body()
            else:
                for _ in range(self.rng.randrange(1, 4)):
                    out += self.header([name], array=True) + self.body()
                    if form == 3:
                        out += self.header([name, "sub"]) + self.body()
                        out += self.header([name, "list"], array=True) + self.body()
        if self.rng.random() < 0.2:
            out = out.rstrip(" \t\r\n") if not out.rstrip(" \t").endswith("\\") else out
        return out.encode()


# ---- documents that need not be valid ------------------------------------------------------------

def soup(rng):
    """Headers and keys of very few names: nearly every document redefines something."""
    def key():
        return ".".join(rng.choice("abc") for _ in range(rng.choice([1, 1, 2, 2, 3])))

    def value(depth=0):
        kind = rng.randrange(6 if depth < 2 else 2)
        if kind <= 2:
            return str(rng.randrange(10))
        if kind == 3:
            return "[%s]" % ", ".join(value(depth + 1) for _ in range(rng.randrange(3)))
        return "{%s}" % ", ".join("%s = %s" % (key(), value(depth + 1))
                                  for _ in range(rng.randrange(3)))

    lines = []
    for _ in range(rng.randrange(2, 7)):
        kind = rng.randrange(5)
        if kind <= 1:
            lines.append("%s = %s" % (key(), value()))
        else:
            lines.append(("[%s]" if kind <= 3 else "[[%s]]") % key())
    return "\n".join(lines).encode()


PIECES = [b"=", b".", b",", b"[", b"]", b"[[", b"]]", b"{", b"}", b"#", b"\n", b"\r\n", b"\r", b" ",
          b"\t", b'"', b"'", b'"""', b"'''", b"\\", b"\\u", b"\\U0000", b"_", b"+", b"-", b":",
          b"e", b"0x", b"0o", b"0b", b"0", b"1", b"9", b"9223372036854775808", b"inf", b"nan",
          b"true",
          b"1979-05-27", b"07:32:00", b"T", b"Z", b"\x00", b"\x7f", b"\x1f", b"\xff", b"\xc3",
          b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xc2\x85", b"\xe2\x80\xa8", b"a = 1\n", b"[a]\n",
          b"a", b"b", b"a.b"]


def mutate(rng, text, others):
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        at = rng.randrange(len(text) + 1)
        to = min(len(text), at + rng.choice([0, 1, 1, 2, 8]))
        kind = rng.randrange(5)
        if kind == 0:
            text = text[:at] + text[to:]
        elif kind == 1:
            text = text[:at] + rng.choice(PIECES) + text[at:]
        elif kind == 2:
            text = text[:at] + rng.choice(PIECES) + text[to:]
        elif kind == 3:
            lines = text.split(b"\n")
            lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
            text = b"\n".join(lines)
        else:
            other = rng.choice(others)
            text = text[:at] + other[rng.randrange(len(other) + 1):]
    return text


def hostile(rng):
    """A value of random pieces, where numbers, dates and strings go wrong in small ways."""
    if rng.random() < 0.3:
        return b"".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 12)))
    alphabet = rng.choice([b"0123456789_", b"01_+-.eE", b"0xob17_fF", b"0123-:TZ. +",
                           b"\"'\\nu0a \n", b"[]{},= a1\n", b"'\n\r a", b'"\\ \n\t\r'])
    body = bytes(rng.choice(alphabet) for _ in range(rng.randrange(1, 10)))
    form = rng.randrange(5)
    if form == 0:
        body = b'"""' + body + b'"""'
    elif form == 1:
        body = b"'''" + body + b"'''"
    elif form == 2:
        # A date with a digit or two changed.
        body = bytearray(rng.choice([b"2024-02-29", b"23:59:59.5", b"1900-02-28T00:00:00Z",
                                     b"2023-12-31 23:59:59+23:59", b"0001-01-01t00:00:00.123456z"]))
        for _ in range(rng.randrange(3)):
            body[rng.randrange(len(body))] = rng.choice(b"0123456789-:.TZ +")
        body = bytes(body)
    return b"v = " + body + rng.choice([b"", b"\n", b" # c", b"\r\n"])


# ---- the comparison ------------------------------------------------------------------------------

def from_tomllib(value):
    """What tomllib gave, in the form of toml_dump."""
    if isinstance(value, dict):
        return "table", {k: from_tomllib(v) for k, v in value.items()}
    if isinstance(value, list):
        return "array", [from_tomllib(v) for v in value]
    if isinstance(value, bool):
        return "bool", value
    if isinstance(value, int):
        return "int", value
    if isinstance(value, float):
        return "float", value.hex()
    if isinstance(value, str):
        return "string", value
    return "datetime", type(value).__name__, value.isoformat()


def datetime_means(text):
    return from_tomllib(tomllib.loads("x = " + text)["x"])


def reference(text):
    try:
        return from_tomllib(tomllib.loads(text.decode()))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return None


def main():
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else SEED
    rng = random.Random(seed)
    print("seed", seed)
    valid = [Maker(rng).document() for _ in range(GENERATED)]
    with compare.Comparison([sys.argv[1], "toml"], reference, STRICTER, datetime_means) as test:
        test.all_accepted("valid", valid)
        test.mixed("soup", [soup(rng) for _ in range(SOUPS)])
        test.mixed("mutated", [mutate(rng, rng.choice(valid), valid) for _ in range(MUTATED)])
        test.mixed("hostile", [hostile(rng) for _ in range(HOSTILE)])


main()
