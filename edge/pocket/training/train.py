"""Trains the pocket model. See ../README.md for what to run.

The rate of learning is constant after a warm-up and falls to a tenth over the last
`--decay` million tokens, so a run can be stopped at any checkpoint and
finished from there with another `--tokens`.
"""

import argparse
import json
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from data import Batches, sample
from dialogues import Writer
from make_tokenizer import HERE, wordings
from model import PocketModel, Shape
from names import Names
from tokenizer import Tokenizer

WARM_UP = 150  # steps
FIRST_LENGTH, LONGEST = 150, 1100  # tokens of a dialogue at the start, and later
GROWTH = 4e6  # tokens over which the first length grows to the longest


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoints and log")
    parser.add_argument("--tokens", type=float, default=45, help="tokens to train on, in millions")
    parser.add_argument("--decay", type=float, default=10, help="the last of them, at a falling rate")
    parser.add_argument("--resume", type=Path, help="a checkpoint to go on from")
    parser.add_argument("--grow", type=Path, help="a checkpoint with fewer layers to begin from")
    parser.add_argument("--seconds", type=float, default=0, help="stop after so long (0: never)")
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--heads", type=int, default=6)
    parser.add_argument("--feed-forward", type=int, default=512)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--batch", type=int, default=4096, help="tokens of one pass")
    parser.add_argument("--passes", type=int, default=2, help="passes of one step")
    parser.add_argument("--optimizer", choices=("muon", "adamw"), default="muon")
    parser.add_argument("--refusals", type=int, default=1, help="how much oftener requests to be refused are drawn")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def optimizers(model: PocketModel, options: argparse.Namespace) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the matrices between the embeddings, AdamW for the rest."""
    matrices = [p for layer in model.layers for p in layer.parameters() if p.ndim == 2]
    chosen = {id(p) for p in matrices}
    rest = [p for p in model.parameters() if id(p) not in chosen]
    adam = lambda parameters: torch.optim.AdamW(parameters, lr=options.rate, betas=(0.9, 0.98),
                                                weight_decay=0.02)
    if options.optimizer == "adamw":
        return [adam(matrices + rest)]
    muon = torch.optim.Muon(matrices, lr=options.rate, weight_decay=0.02,
                            adjust_lr_fn="match_rms_adamw")
    return [muon, adam(rest)]


def grow(model: PocketModel, state: dict) -> int:
    """Takes the weights of a model with fewer layers. The layers that it lacks
    add nothing at first: their outputs are zero. Returns the tokens it has seen."""
    known = state["shape"]["layers"]
    model.load_state_dict(state["model"], strict=False)
    for layer in model.layers[known:]:
        torch.nn.init.zeros_(layer.attn_output.weight)
        torch.nn.init.zeros_(layer.ffn_down.weight)
    return state["seen"]


def loss_of(model: PocketModel, tokens: torch.Tensor, counted: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        states = model(tokens[:, :-1]).flatten(0, 1)[counted]
        logits = model.logits(states)
    return F.cross_entropy(logits.float(), tokens[:, 1:].flatten()[counted])


@torch.no_grad()
def exact(model: PocketModel, tokenizer: Tokenizer, writer: Writer, count: int) -> tuple[float, float]:
    """The shares of dialogues whose first turn, and whose every turn, the
    model would write exactly so, given the turns before."""
    rng = random.Random(99)
    first = whole = 0
    for _ in range(count):
        entry = sample(tokenizer, writer.sample(rng))
        tokens = torch.tensor([entry.tokens])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            chosen = model.logits(model(tokens[:, :-1]))[0].argmax(-1).tolist()
        right = [not own or token == best
                 for own, token, best in zip(entry.written[1:], entry.tokens[1:], chosen)]
        begin = entry.written.index(True)
        end = next((at for at in range(begin, len(entry.written)) if not entry.written[at]),
                   len(entry.written))
        first += all(right[begin - 1:end - 1])
        whole += all(right)
    return first / count, whole / count


def main() -> None:
    options = arguments()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    tokenizer = Tokenizer.load(HERE / "merges.json")
    spoken = wordings()
    writer = Writer(spoken, Names(spoken, 0.5))
    writer.weigh("refuse", options.refusals)
    shape = Shape(len(tokenizer), options.width, options.layers, options.heads, options.feed_forward)
    model = PocketModel(shape)
    steppers = optimizers(model, options)
    step, seen = 0, 0
    if options.grow:
        seen = grow(model, torch.load(options.grow))
    if options.resume:
        state = torch.load(options.resume)
        model.load_state_dict(state["model"])
        for stepper, saved in zip(steppers, state["optimizers"]):
            stepper.load_state_dict(saved)
        step, seen = state["step"], state["seen"]
    batches = Batches(writer, tokenizer, options.batch, options.seed * 1_000_003 + step)
    parameters = sum(p.numel() for p in model.parameters())
    log = (options.out / "log.jsonl").open("a", encoding="utf-8")

    def note(**values: object) -> None:
        line = json.dumps(values)
        print(line, flush=True)
        log.write(line + "\n")
        log.flush()

    def save(name: str) -> None:
        path = options.out / name
        state = {"shape": shape.as_dict(), "model": model.state_dict(), "step": step, "seen": seen,
                 "optimizers": [stepper.state_dict() for stepper in steppers]}
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").rename(path)

    note(parameters=parameters, step=step, seen=seen, options={k: str(v) for k, v in vars(options).items()})
    total, decay = options.tokens * 1e6, options.decay * 1e6
    begun, losses, before = time.time(), [], seen
    while seen < total:
        falling = min(1.0, (total - seen) / decay) if decay else 1.0
        rate = options.rate * min(1.0, (step + 1) / WARM_UP) * (0.05 + 0.95 * falling)
        longest = int(FIRST_LENGTH + (LONGEST - FIRST_LENGTH) * min(1.0, seen / GROWTH))
        for stepper in steppers:
            for group in stepper.param_groups:
                group["lr"] = rate
            stepper.zero_grad()
        for _ in range(options.passes):
            tokens, counted, real = batches.next(longest)
            loss = loss_of(model, tokens, counted) / options.passes
            loss.backward()
            losses.append(float(loss.detach()) * options.passes)
            seen += real
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for stepper in steppers:
            stepper.step()
        step += 1
        if step % 50 == 0:
            note(step=step, seen=seen, loss=round(sum(losses) / len(losses), 4), rate=round(rate, 6),
                 seconds=round(time.time() - begun), speed=round((seen - before) / (time.time() - begun)))
            losses.clear()
        if step % 200 == 0:
            first, whole = exact(model, tokenizer, writer, 150)
            note(step=step, first=first, whole=whole)
            save("last.pt")
        if options.seconds and time.time() - begun > options.seconds:
            break
    first, whole = exact(model, tokenizer, writer, 400)
    note(step=step, seen=seen, first=first, whole=whole)
    save("last.pt")


if __name__ == "__main__":
    main()
