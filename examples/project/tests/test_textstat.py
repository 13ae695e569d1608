# SPDX-License-Identifier: MIT
import subprocess
import sys
import unittest

import textstat

TEXT = "the quick brown fox jumps over the lazy dog"


class TextStat(unittest.TestCase):
    def test_words(self):
        self.assertEqual(textstat.words(TEXT), 9)

    def test_longest(self):
        self.assertEqual(textstat.longest(TEXT), "quick")

    def test_longest_of_nothing(self):
        self.assertEqual(textstat.longest(""), "")

    def test_most_common(self):
        self.assertEqual(textstat.most_common(TEXT), "the")

    def test_in_a_process_of_its_own(self):
        code = "import textstat; print(textstat.words('a b c'))"
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        self.assertEqual(out.stdout, b"3\n")
