"""The tokenizer: byte-level BPE that never joins a letter with a sign.

A name gives the same tokens wherever it stands (after a space, a slash or a
quote), so copying it is copying tokens. Merges join letters only; a space is
joined only with frequent whole words of requests. The fixed texts of calls
and results are tokens of their own.

llama.cpp reads it as "gpt2" with the pre-tokenizer "qwen2".
"""

import json
from collections import Counter
from functools import lru_cache
from pathlib import Path

import regex

SPLIT = regex.compile(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

# Texts that are one token each: of the template, of calls, of results.
FIXED = (
    "system\n", "user\n", "assistant\n", "tool\n",
    "file_list\n", "file_read\n", "file_search\n", "metadata_extract\n",
    "<tool_call>\n",
    '{"name":"file_list","arguments":{', '{"name":"file_read","arguments":{',
    '{"name":"file_search","arguments":{', '{"name":"metadata_extract","arguments":{',
    '"path":"', '"pattern":"', '","path":"', '"glob":"*.', '","glob":"*.', '"recursive":true',
    '","recursive":true', '"sort":"', '","sort":"', '","limit":1', '","max_lines":',
    '"}}\n</tool_call>', '}}\n</tool_call>', '{"path":"', '"},{"path":"',
    '","entries":[', '","type":"file","size":', ',"modified":"', 'Z"},{"path":"', 'Z"}],"files":',
    '","type":"folder"}', ',{"path":"', '],"files":', ',"folders":', ',"truncated":false}',
    ',"truncated":true}', '","content":"', '","first_line":', ',"last_line":',
    ',"truncated":false,"total_lines":', ',"truncated":true,"next":"file_read with offset_line ',
    '{"matches":[', '","line":', ',"text":"', '"}],"matching_lines":', '],"matching_lines":',
    ',"matching_files":', ',"files_searched":', '","type":"text","size":', 'Z","lines":',
    ',"words":', ',"title":"', '{"error":"not_found","message":"`',
    '` does not exist: list its folder to see what does"}', '\\n', '\\"',
)


def byte_characters() -> dict[int, str]:
    """The character that stands for each byte in GPT-2's vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in plain}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(plain))
    return table


BYTES = byte_characters()
SPACE = BYTES[32]


class Tokenizer:
    """Text to tokens, as llama.cpp does it."""

    def __init__(self, merges: list[tuple[str, str]]) -> None:
        self.merges = merges
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        self.tokens = [BYTES[byte] for byte in range(256)]
        self.tokens += [left + right for left, right in merges]
        self.tokens += CONTROL + FIXED
        self.ids = {token: index for index, token in enumerate(self.tokens)}
        self.control = {text: self.ids[text] for text in CONTROL}
        self.end_of_turn = self.ids["<|im_end|>"]
        ordered = sorted(CONTROL + FIXED, key=len, reverse=True)
        self.fixed = regex.compile("|".join(regex.escape(text) for text in ordered))
        self.ordered = ordered
        self._piece = lru_cache(maxsize=200_000)(self._bpe)

    def __len__(self) -> int:
        return len(self.tokens)

    def _bpe(self, piece: str) -> tuple[int, ...]:
        parts = [BYTES[byte] for byte in piece.encode()]
        while len(parts) > 1:
            pairs = [(self.ranks.get(pair, 1 << 30), at)
                     for at, pair in enumerate(zip(parts, parts[1:]))]
            rank, at = min(pairs)
            if rank == 1 << 30:
                break
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        return tuple(self.ids[part] for part in parts)

    def encode(self, text: str) -> list[int]:
        """Fixed texts first, the longest before shorter ones; then BPE."""
        fragments: list[str | int] = [text]
        for fixed in self.ordered:
            if fixed not in text:
                continue
            split: list[str | int] = []
            for fragment in fragments:
                if isinstance(fragment, int) or fixed not in fragment:
                    split.append(fragment)
                    continue
                first, *rest = fragment.split(fixed)
                split.append(first)
                for part in rest:
                    split += (self.ids[fixed], part)
            fragments = split
        tokens: list[int] = []
        for fragment in fragments:
            if isinstance(fragment, int):
                tokens.append(fragment)
            else:
                for piece in SPLIT.findall(fragment):
                    tokens += self._piece(piece)
        return tokens

    def decode(self, tokens: list[int]) -> str:
        inverse = {character: byte for byte, character in BYTES.items()}
        out = b""
        for token in tokens:
            text = self.tokens[token]
            special = token >= 256 + len(self.merges)
            out += text.encode() if special else bytes(inverse[c] for c in text)
        return out.decode(errors="replace")

    def save(self, path: Path) -> None:
        path.write_text(json.dumps([" ".join(pair) for pair in self.merges], ensure_ascii=False,
                                   indent=0) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        return cls([tuple(pair.split(" ")) for pair in json.loads(path.read_text(encoding="utf-8"))])


def learn(words: Counter, spaced: Counter, merges: int, whole: int) -> Tokenizer:
    """Learns merges of letters from `words`, then joins a space with the most
    frequent of `spaced` that are one token."""
    vocabulary = {tuple(word): count for word, count in words.items() if word.isascii()}
    learnt: list[tuple[str, str]] = []
    while len(learnt) < merges:
        pairs: Counter = Counter()
        for parts, count in vocabulary.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += count
        best = max(pairs, key=lambda pair: (pairs[pair], pair))
        learnt.append(best)
        joined = best[0] + best[1]
        changed = {}
        for parts, count in vocabulary.items():
            if joined in "".join(parts):
                new, at = [], 0
                while at < len(parts):
                    if parts[at:at + 2] == best:
                        new.append(joined)
                        at += 2
                    else:
                        new.append(parts[at])
                        at += 1
                parts = tuple(new)
            changed[parts] = changed.get(parts, 0) + count
        vocabulary = changed
    known = {left + right for left, right in learnt} | set("abcdefghijklmnopqrstuvwxyzAI")
    frequent = [word for word, _ in spaced.most_common() if word in known][:whole]
    return Tokenizer(learnt + [(SPACE, word) for word in frequent])
