#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares the JSON readers with Python's json, on thousands of made-up documents: compare.py.

usage: json_test.py DOC_DUMP [SEED]
"""

import json
import random
import sys

import compare

SEED = 8259
GENERATED, MUTATED, HOSTILE = 3000, 10000, 4000
WIDE = False  # integers up to 2^64 - 1

STRICTER = [
    "the number is out of range",               # Python's integers have no end, its reals have inf
    "a key cannot hold a NUL",
    "nested deeper than 32 levels",
]

TEXTS = ["", "a", "b", "key", "é", "\U0001F600", "\u2028", "a\"b", "back\\slash", "/", "\n\t\r\b\f",
         "\x7f", "\x1f", "{[,:]}", "null", "x" * 50]


def space(rng):
    return rng.choice(["", "", "", " ", "\t", "\n", "\r\n", "  "])


def string(rng, text):
    out = ""
    for ch in text:
        short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"',
                 "\\": "\\\\", "/": "\\/"}.get(ch)
        if ch >= " " and ch not in '"\\' and rng.random() < 0.7:
            out += ch
        elif short and rng.random() < 0.7:
            out += short
        else:
            units = ch.encode("utf-16-be")
            for i in range(0, len(units), 2):
                out += rng.choice(["\\u%04x", "\\u%04X"]) % int.from_bytes(units[i:i + 2], "big")
    return '"%s"' % out


def number(rng):
    sign = rng.choice(["", "-"])
    text = sign + str(rng.getrandbits(rng.choice([1, 4, 31, 63] + ([64] if WIDE and not sign else []))))
    if rng.random() < 0.4:
        text += "." + "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 20)))
    if rng.random() < 0.3:
        text += rng.choice("eE") + rng.choice(["", "+", "-"]) + rng.choice(["0", "07", "12", "250"])
    return text


def value(rng, depth):
    kind = rng.randrange(7 if depth < 5 else 5)
    if kind <= 1:
        # NUL only in a value: as part of a key it is refused.
        return string(rng, rng.choice(TEXTS + ["\x00", "a\x00b"]))
    if kind <= 3:
        return number(rng)
    if kind == 4:
        return rng.choice(["true", "false", "null"])
    if kind == 5:
        items = [space(rng) + value(rng, depth + 1) + space(rng) for _ in range(rng.randrange(4))]
        return "[" + (",".join(items) or space(rng)) + "]"
    return table(rng, depth + 1)


def table(rng, depth=0):
    items = [space(rng) + string(rng, key) + space(rng) + ":" + space(rng) + value(rng, depth)
             + space(rng) for key in rng.sample(TEXTS, rng.randrange(5))]
    return "{" + (",".join(items) or space(rng)) + "}"


PIECES = [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u", b"\\ud83d", b"\\u0000", b"'",
          b"/", b"//", b"#", b" ", b"\t", b"\n", b"\r", b"\x0b", b"\x0c", b"\x00", b"\x1f",
          b"\x7f", b"\xa0", b"\xc2\xa0", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"-", b"+",
          b".", b"e", b"E", b"0", b"1", b"9", b"9223372036854775808", b"18446744073709551615", b"18446744073709551616",
          b"1e999", b"0x1", b"NaN",
          b"Infinity", b"-Infinity", b"true", b"null", b"nul", b"True", b'"a"', b'"a":1,',
          b',"a":1', b"{}", b"[]"]


def mutate(rng, text):
    for _ in range(rng.choice([1, 1, 1, 2])):
        at = rng.randrange(len(text) + 1)
        to = min(len(text), at + rng.choice([0, 0, 1, 1, 2]))
        text = text[:at] + rng.choice(PIECES + [b""] * 5) + text[to:]
    return text


def hostile(rng):
    alphabet = rng.choice([b"0123456789", b"01+-.eE", b'"\\u0dD8a', b"{}[]:,1",
                           b' \t\n\r\0\x0b"1', b"truefalsn"])
    body = bytes(rng.choice(alphabet) for _ in range(rng.randrange(1, 6)))
    form = rng.randrange(4)
    if form == 0:
        body = b'"' + body + b'"'
    elif form == 1:
        body = b"[" + body + b"]"
    return b'{"v":' + body + b"}" + rng.choice([b"", b"", b"", b"\n", b"\0", b"}", b"1"])


# ---- the reference -------------------------------------------------------------------------------

def refuse(what):
    raise ValueError(what)


def no_duplicates(pairs):
    table = dict(pairs)
    if len(table) != len(pairs):
        refuse("a key twice")
    return table


def meaning(value):
    if isinstance(value, dict):
        return "table", {k: meaning(v) for k, v in value.items()}
    if isinstance(value, list):
        return "array", [meaning(v) for v in value]
    if isinstance(value, bool):
        return "bool", value
    if value is None:
        return "null", None
    if isinstance(value, int):
        return "int", value
    if isinstance(value, float):
        return "float", value.hex()
    return "string", value


def reference(text):
    try:
        # Python takes NaN, keys that come twice and halves of surrogate pairs, which JSON has not.
        value = json.loads(text.decode(), parse_constant=refuse, object_pairs_hook=no_duplicates)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return meaning(value) if isinstance(value, dict) else None


def try_reader(form, seed):
    rng = random.Random(seed)
    print(form, "seed", seed)
    valid = [table(rng).encode() for _ in range(GENERATED)]
    with compare.Comparison([sys.argv[1], form], reference, STRICTER) as test:
        test.all_accepted("valid", valid)
        test.mixed("mutated", [mutate(rng, rng.choice(valid)) for _ in range(MUTATED)])
        test.mixed("hostile", [hostile(rng) for _ in range(HOSTILE)])


def main():
    global WIDE
    for form in "json", "wide":
        WIDE = form == "wide"
        try_reader(form, int(sys.argv[2]) if len(sys.argv) > 2 else SEED)


main()
