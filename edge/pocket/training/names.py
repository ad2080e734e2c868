"""Names of files and folders, words and values, made from lists and at random.

Most of what a model sees here it sees once: it has to learn to copy.
"""

import random
import string

from wordings import Wordings

ONSETS = "b c d f g h j k l m n p r s t v w z bl br ch cl cr dr fl fr gl gr kn ph pl pr qu sc sh sk sl sm sn sp st str sw th tr tw wh".split()
VOWELS = "a e i o u a e i o u ai ea ee ie io oa oo ou y".split()
CODAS = "b ck d f g k l ll m n nd ng nk nt p r rd rk rm rn rt s sh sk ss st t th x z".split() + [""] * 14

TEXT_ENDINGS = "txt md md txt csv json log toml yaml yml ini cfg conf html xml tex rst org".split()
CODE_ENDINGS = "py rs js ts sh sql css go c h cpp java rb php lua".split()
OTHER_ENDINGS = "pdf jpg png docx xlsx zip mp3 bin svg".split()
BARE = "Makefile LICENSE Dockerfile CHANGELOG README TODO NOTES Procfile AUTHORS".split()

TYPES = {
    "md": ["markdown", "Markdown", ".md", "md", "*.md", "MD"],
    "txt": ["text", "txt", ".txt", "plain text", "TXT", "*.txt"],
    "py": ["Python", "python", ".py", "py", "*.py"],
    "csv": ["CSV", "csv", ".csv", "*.csv"],
    "json": ["JSON", "json", ".json", "*.json"],
    "log": ["log", ".log", "*.log", "LOG"],
    "yaml": ["YAML", "yaml", ".yaml", "*.yaml"],
    "html": ["HTML", "html", ".html", "*.html"],
    "rs": ["Rust", "rust", ".rs", "rs", "*.rs"],
    "sh": ["shell", "sh", ".sh", "*.sh"],
    "sql": ["SQL", "sql", ".sql", "*.sql"],
    "toml": ["TOML", "toml", ".toml", "*.toml"],
    "xml": ["XML", "xml", ".xml", "*.xml"],
    "pdf": ["PDF", "pdf", ".pdf", "*.pdf"],
    "js": ["JavaScript", "javascript", "JS", ".js", "*.js"],
    "ts": ["TypeScript", "typescript", ".ts", "*.ts"],
    "jpg": ["jpg", "JPG", ".jpg", "*.jpg"],
    "png": ["PNG", "png", ".png", "*.png"],
    "css": ["CSS", "css", ".css", "*.css"],
    "ini": ["ini", "INI", ".ini", "*.ini"],
    "tex": ["LaTeX", "tex", ".tex", "*.tex"],
}


def syllables(rng: random.Random) -> str:
    """A word that does not exist."""
    parts = (
        rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS)
        for _ in range(rng.choice((1, 2, 2, 2, 3)))
    )
    return "".join(parts)


def letters(rng: random.Random) -> str:
    """Letters and digits without any order."""
    alphabet = string.ascii_lowercase + (string.digits if rng.random() < 0.5 else "")
    return rng.choice(string.ascii_lowercase) + "".join(
        rng.choice(alphabet) for _ in range(rng.randint(1, 8))
    )


def cased(rng: random.Random, word: str) -> str:
    chance = rng.random()
    if chance < 0.78:
        return word
    return word.capitalize() if chance < 0.93 else word.upper()


class Names:
    """Draws names. `invented` is the share of words that stand in no list."""

    def __init__(self, wordings: Wordings, invented: float) -> None:
        self.lists = wordings.words
        self.invented = invented
        simple = {
            word.lower()
            for section in ("stems", "folders", "search_words")
            for entry in self.lists[section]
            for word in entry.replace("-", " ").replace("_", " ").split()
            if word.isalpha() and len(word) > 2
        }
        self.simple = sorted(simple)

    def word(self, rng: random.Random) -> str:
        chance = rng.random()
        if chance < self.invented * 0.65:
            return syllables(rng)
        if chance < self.invented:
            return letters(rng)
        return rng.choice(self.simple)

    def stem(self, rng: random.Random) -> str:
        chance = rng.random()
        if chance < 0.3:
            return rng.choice(self.lists["stems"])
        if chance < 0.4:
            year, month, day = rng.randint(2015, 2027), rng.randint(1, 12), rng.randint(1, 28)
            date = rng.choice((f"{year}-{month:02}-{day:02}", f"{year}-{month:02}", f"{year}"))
            word = self.word(rng)
            return rng.choice((f"{date}-{word}", f"{word}-{date}", f"{word}_{date}", date))
        word = cased(rng, self.word(rng))
        if chance < 0.62:
            return word
        if chance < 0.75:
            return word + rng.choice(("", "_", "-")) + str(rng.randint(0, 10 ** rng.randint(1, 4)))
        separator = rng.choice(("-", "_", "-", "_", ".", " ", ""))
        second = self.word(rng)
        if separator == "":
            second = second.capitalize()
        return word + separator + second

    def file(self, rng: random.Random, text: bool = True, ending: str | None = None) -> str:
        """The name of a file, without its folder."""
        if ending is None:
            if text and rng.random() < 0.03:
                return rng.choice(BARE)
            endings = TEXT_ENDINGS if rng.random() < 0.75 else CODE_ENDINGS
            if not text and rng.random() < 0.3:
                endings = OTHER_ENDINGS
            ending = rng.choice(endings)
        return f"{self.stem(rng)}.{ending}"

    def folder(self, rng: random.Random) -> str:
        """The path of a folder."""
        def part() -> str:
            if rng.random() < 0.4:
                return rng.choice(self.lists["folders"])
            word = cased(rng, self.word(rng))
            if rng.random() < 0.2:
                word += rng.choice(("-", "_", "")) + str(rng.randint(1, 2030))
            elif rng.random() < 0.12:
                word += rng.choice("-_") + self.word(rng)
            return word

        depth = rng.choices((1, 2, 3), (70, 25, 5))[0]
        return "/".join(part().strip("/").replace("/", "-") for _ in range(depth))

    def search_word(self, rng: random.Random) -> str:
        chance = rng.random()
        if chance < 0.45:
            return rng.choice(self.lists["search_words"])
        if chance < 0.8:
            return cased(rng, self.word(rng))
        if chance < 0.9:
            return f"{self.word(rng)} {self.word(rng)}"
        return rng.choice((
            f"{self.word(rng).upper()}-{rng.randint(1, 9999)}",
            f"{self.word(rng)}_{self.word(rng)}",
            str(rng.randint(10, 99999)),
            f"{self.word(rng)}@{self.word(rng)}.com",
        ))

    def key(self, rng: random.Random, group: str) -> str:
        """The name of a detail, such as "due date"."""
        if rng.random() < 0.7:
            return rng.choice(self.lists[f"keys_{group}"])
        noun = rng.choice(self.lists[f"keys_{group}"]).split()[-1]
        return f"{self.word(rng)} {noun}"

    def value(self, rng: random.Random, group: str) -> str:
        """What a detail of a group may be."""
        if rng.random() < 0.45:
            return rng.choice(self.lists[f"values_{group}"])
        name = lambda: self.word(rng).capitalize()
        number = rng.randint(1, 10 ** rng.randint(1, 5))
        if group == "who":
            return f"{name()} {name()}"
        if group == "when":
            date = f"{rng.randint(2018, 2028)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
            months = "January February March April May June July August September October November December".split()
            days = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
            clock = f"{rng.randint(0, 23)}:{rng.choice((0, 5, 15, 30, 45)):02}"
            written = f"{rng.randint(1, 28)} {rng.choice(months)} {rng.randint(2018, 2028)}"
            return rng.choice((date, written, f"{date} {clock}", f"{rng.choice(days)} at {clock}"))
        if group == "amount":
            units = "EUR USD CHF kg km pieces hours items % litres people boxes days".split()
            sign = rng.choice(("$", "€", "£"))
            cents = f"{number}.{rng.randint(0, 99):02}"
            return rng.choice((str(number), f"{number} {rng.choice(units)}", sign + cents, cents,
                               f"{cents} {rng.choice(units[:3])}", f"{number:,}"))
        if group == "where":
            return rng.choice((f"{name()} {rng.choice('Street Road Square Lane Hall'.split())} {number}",
                               f"room {rng.randint(1, 400)}", f"{name()}, {name()}", name()))
        return rng.choice((
            f"{name().upper()}-{number}", self.word(rng), f"{self.word(rng)} {self.word(rng)}",
            f"{name()} {name()} {number}", letters(rng), f"v{rng.randint(0, 9)}.{rng.randint(0, 20)}.{rng.randint(0, 9)}",
        ))
