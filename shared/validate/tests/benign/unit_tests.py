"""Tests for a function that counts vowels."""

import unittest


def vowels(text: str) -> int:
    """How many vowels a text has."""
    return sum(text.lower().count(vowel) for vowel in "aeiou")


class VowelsTest(unittest.TestCase):
    """What it should do."""

    def setUp(self) -> None:
        self.text = "Programming Language"

    def test_counts_both_cases(self) -> None:
        """Upper and lower case count alike."""
        self.assertEqual(vowels(self.text), 7)
        self.assertEqual(vowels(self.text.upper()), 7)

    def test_nothing_has_none(self) -> None:
        """The empty text."""
        with self.subTest("empty"):
            self.assertEqual(vowels(""), 0)
        with self.assertRaises(AttributeError):
            vowels(None)


if __name__ == "__main__":
    unittest.main()
