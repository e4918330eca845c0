"""Bark's three stages: text to semantic tokens, these to coarse codes, these to fine codes.

As the published inference: its prompts, its windows, its order of draws. Random numbers are an
argument. Shapes: P positions of a prompt, K semantic tokens, Q books of codes, T frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from vivavoce.models.bark.config import (
    BOOKS,
    COARSE_BOOKS,
    COARSE_HISTORY,
    COARSE_STEP,
    FINE_STEP,
    POSITIONS,
    PROMPT,
    BarkConfig,
    BarkOptions,
)
from vivavoce.models.bark.gpt import CausalGpt, Decoding, FineGpt
from vivavoce.models.stepwise import steps_at_once
from vivavoce.nn.sampling import inverse_cdf

Draw = Callable[[int], Tensor]
"""The next so many random numbers `[N]` in [0, 1)."""
Tell = Callable[[], None]
"""Called for each token, code or book of codes; an exception it raises ends the work."""


@dataclass(frozen=True)
class History:
    """What was said before in this voice: semantic `[K]`, coarse `[2, T]` and fine `[8, T]`."""

    semantic: Tensor
    coarse: Tensor
    fine: Tensor


def pick(scores: Tensor, temperature: float, uniform: Tensor) -> Tensor:
    """An id per row `[B]` of scores `[B, V]`; with temperature 0 the likeliest."""
    if temperature == 0:
        return scores.argmax(-1)
    return inverse_cdf(scores / temperature, uniform)


def semantic_tokens(
    gpt: CausalGpt,
    config: BarkConfig,
    text: Tensor,
    history: History | None,
    options: BarkOptions,
    uniform: Tensor,
    may_end: bool = True,
    tell: Tell = lambda: None,
) -> tuple[Tensor, bool]:
    """Tokens `[K]` for text ids `[L]`, at most one for each of `uniform`, and whether they ended.

    The end is drawn like a token, and taken as soon as it has `options.end_probability`.
    """
    decoding, end = Decoding(gpt, PROMPT + 1 + len(uniform)), config.semantic_tokens
    before = text.new_zeros(0) if history is None else history.semantic[-PROMPT:]
    summed = gpt.tokens(_filled(text, config.text_pad)) + gpt.tokens(_filled(before, end))
    state = decoding.begin(
        torch.cat([summed, gpt.tokens(text.new_tensor([config.semantic_infer]))])
    )
    tokens: list[Tensor] = []
    ended: list[Tensor] = []
    at_once = steps_at_once(text.device)
    for number in range(len(uniform)):
        if tokens:  # what follows an end is not used
            state = decoding.append(tokens[-1].clamp(max=end - 1))
        scores = gpt.scores(state, 0, end + may_end)
        token = pick(scores, options.temperature, uniform[number, None])
        if may_end:
            odds = (scores / (options.temperature or 1.0)).softmax(-1)[:, -1]
            ended.append((token == end) | (odds >= options.end_probability))
        tokens.append(token)
        tell()
        if (number + 1) % at_once == 0 or number + 1 == len(uniform):
            done = torch.cat(ended).tolist() if ended else []
            if True in done:
                return torch.cat(tokens)[: number + 1 - len(done) + done.index(True)], True
            ended = []
    return torch.cat(tokens), not may_end


def coarse_codes(
    gpt: CausalGpt,
    config: BarkConfig,
    semantic: Tensor,
    history: History | None,
    temperature: float,
    draw: Draw,
    tell: Tell = lambda: None,
) -> Tensor:
    """The first two books `[2, T]` of semantic tokens `[K]`, 60 codes of both in turn at a time.

    A window that begins where the one before it did goes on from there: nothing is read twice.
    """
    ratio, books = config.coarse_per_semantic, COARSE_BOOKS
    n_codes = math.floor(len(semantic) * ratio / books) * books
    before, said = _coarse_history(config, history, semantic)
    heard, first, last_place = torch.cat([before, semantic]), len(said), -1
    decoding = Decoding(gpt, PROMPT + 1 + COARSE_HISTORY + COARSE_STEP)
    for start in range(0, n_codes, COARSE_STEP):
        reach = math.floor(COARSE_HISTORY / ratio)
        place = max(0, len(before) + round(start / ratio) - reach)
        if place == last_place and len(said) <= COARSE_HISTORY:
            state = decoding.append(said[-1:])
        else:
            window = _filled(heard[place:], config.coarse_pad)
            infer = window.new_tensor([config.coarse_infer])
            prompt = torch.cat([window, infer, said[-COARSE_HISTORY:]])
            state, last_place = decoding.begin(gpt.tokens(prompt)), place
        uniform = draw(min(COARSE_STEP, n_codes - start)).to(state.device)
        new = _window(decoding, state, config, temperature, uniform, tell)
        said = torch.cat([said, new])
    codes = said[first:].view(-1, books).t() - config.semantic_tokens
    return codes - config.codes * torch.arange(books, device=codes.device)[:, None]


def _window(
    decoding: Decoding,
    state: Tensor,
    config: BarkConfig,
    temperature: float,
    uniform: Tensor,
    tell: Tell,
) -> Tensor:
    """As many coarse codes, as ids `[N]`, as there are numbers; a window begins with a frame."""
    found: list[Tensor] = []
    for number in range(len(uniform)):
        if found:
            state = decoding.append(found[-1])
        start = config.semantic_tokens + number % COARSE_BOOKS * config.codes
        scores = decoding.gpt.scores(state, start, start + config.codes)
        found.append(start + pick(scores, temperature, uniform[number, None]))
        tell()
    return torch.cat(found)


def _coarse_history(
    config: BarkConfig, history: History | None, like: Tensor
) -> tuple[Tensor, Tensor]:
    """Semantic tokens and coarse ids of the same seconds, the last frame left out."""
    if history is None:
        return like[:0], like[:0]
    offsets = torch.arange(COARSE_BOOKS, device=like.device)[:, None] * config.codes
    codes = (history.coarse + offsets + config.semantic_tokens).t().flatten()
    ratio, n = config.coarse_per_semantic, len(history.semantic)
    n = min(math.floor(COARSE_HISTORY / ratio), n - n % 2, math.floor(len(codes) / ratio))
    return history.semantic[-n:], codes[-round(n * ratio) :][:-2]


def fine_codes(
    gpt: FineGpt,
    config: BarkConfig,
    coarse: Tensor,
    history: History | None,
    temperature: float,
    draw: Draw,
    tell: Tell = lambda: None,
) -> Tensor:
    """All eight books `[8, T]` of the first two `[2, T]`, one after the other in each window."""
    before = coarse.new_zeros(BOOKS, 0) if history is None else history.fine[:, -FINE_STEP:]
    missing = BOOKS - len(coarse), coarse.shape[1]
    codes = torch.cat([coarse, coarse.new_full(missing, config.codes)])
    codes = torch.cat([before, codes], 1).t()
    n_before, n_all = before.shape[1], codes.shape[0]
    codes = F.pad(codes, (0, 0, 0, max(0, POSITIONS - n_all)), value=config.codes)
    for start, fill in _fine_windows(n_all - n_before, n_before, len(codes)):
        window = codes[start : start + POSITIONS]  # a view: what is written is read again
        for book in range(len(coarse), BOOKS):
            scores = gpt.scores(window, book, config.codes)[fill - start :]
            uniform = draw(len(scores)) if temperature else scores.new_zeros(0)
            window[fill - start :, book] = pick(scores, temperature, uniform.to(scores.device))
            tell()
    return codes[n_before:n_all].t()


def _fine_windows(n_frames: int, n_before: int, n_all: int) -> Iterator[tuple[int, int]]:
    """Where each window begins, and the first frame that it fills."""
    more = math.ceil((n_frames - (POSITIONS - n_before)) / FINE_STEP)
    for number in range(max(0, more) + 1):
        start = min(number * FINE_STEP, n_all - POSITIONS)
        yield start, min(n_before + number * FINE_STEP, n_all - FINE_STEP)


def _filled(ids: Tensor, pad: int) -> Tensor:
    """`[PROMPT]`, with the pad behind."""
    return F.pad(ids[:PROMPT], (0, PROMPT - len(ids[:PROMPT])), value=pad)
