# SPDX-License-Identifier: MIT
"""Figures about a text."""
from collections import Counter


def words(text):
    return len(text.split())


def longest(text):
    return max(text.split(), key=len, default="")


def most_common(text):
    return Counter(text.lower().split()).most_common(1)[0][0]
