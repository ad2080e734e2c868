"""Dialogues as tokens, exactly as the engine renders them with template.jinja."""

import random
from dataclasses import dataclass

import torch

from dialogues import Dialogue, Writer
from tokenizer import Tokenizer
from workspace import to_json


def turns(dialogue: Dialogue) -> list[tuple[bool, str]]:
    """The texts of a dialogue, and whether the model writes them."""
    tools = "".join(f"{tool}\n" for tool in dialogue.tools)
    parts = [(False, f"<|im_start|>system\n{tools}<|im_end|>\n") if tools else (False, ""),
             (False, f"<|im_start|>user\n{dialogue.request}<|im_end|>\n")]
    for (tool, arguments), result in zip(dialogue.calls, dialogue.results):
        call = to_json({"name": tool, "arguments": arguments})
        parts += [(False, "<|im_start|>assistant\n"), (True, f"<tool_call>\n{call}\n</tool_call>"),
                  (False, f"<|im_end|>\n<|im_start|>tool\n{result}<|im_end|>\n")]
    return [*parts, (False, "<|im_start|>assistant\n"), (True, f"{dialogue.answer}<|im_end|>")]


@dataclass
class Sample:
    tokens: list[int]
    """Which tokens the model has to write."""
    written: list[bool]


def sample(tokenizer: Tokenizer, dialogue: Dialogue) -> Sample:
    tokens: list[int] = []
    written: list[bool] = []
    for own, text in turns(dialogue):
        part = tokenizer.encode(text)
        tokens += part
        written += [own] * len(part)
    return Sample(tokens, written)


class Batches:
    """An endless supply of batches of about `size` tokens, padded little:
    a pool is sorted by length, and its batches come in random order."""

    def __init__(self, writer: Writer, tokenizer: Tokenizer, size: int, seed: int) -> None:
        self.writer, self.tokenizer, self.size = writer, tokenizer, size
        self.rng = random.Random(seed)
        self.ready: list[list[Sample]] = []

    def next(self, longest: int) -> tuple[torch.Tensor, torch.Tensor, int]:
        """Tokens, the flat positions whose next token counts, and the number
        of tokens that are no padding."""
        if not self.ready:
            self._fill(longest)
        batch = self.ready.pop()
        length = max(len(entry.tokens) for entry in batch)
        tokens = torch.zeros(len(batch), length, dtype=torch.long)
        counts = torch.zeros(len(batch), length - 1, dtype=torch.bool)
        for row, entry in enumerate(batch):
            tokens[row, :len(entry.tokens)] = torch.tensor(entry.tokens)
            counts[row, :len(entry.tokens) - 1] = torch.tensor(entry.written[1:])
        real = sum(len(entry.tokens) for entry in batch)
        return tokens, counts.flatten().nonzero().squeeze(1), real

    def _fill(self, longest: int) -> None:
        pool = []
        while len(pool) < 768:
            entry = sample(self.tokenizer, self.writer.sample(self.rng))
            if len(entry.tokens) <= longest:
                pool.append(entry)
        pool.sort(key=lambda entry: len(entry.tokens))
        batch: list[Sample] = []
        for entry in pool:
            if batch and (len(batch) + 1) * len(entry.tokens) > self.size:
                self.ready.append(batch)
                batch = []
            batch.append(entry)
        self.ready.append(batch)
        self.rng.shuffle(self.ready)
