"""How many codes a text becomes in XTTS and Tortoise, whose codes stand for 1024 samples each."""

from __future__ import annotations

CODES_PER_TOKEN = (0.6, 8.0)
"""Speech has 2 to 5; what is far outside has lost its text, or does not find its end."""
SPARE_CODES = 65


def most_codes(n_tokens: int) -> int:
    """More than a text of so many tokens can need: beyond it the voice is rambling on."""
    return SPARE_CODES + round(CODES_PER_TOKEN[1] * n_tokens)


def length_problem(
    n_codes: int, n_tokens: int, code_rate: float, stopped: bool, asked: bool
) -> str:
    """What went wrong with so many codes, at `code_rate` Hz; empty where nothing did.

    `asked`: that it ends without a stop code was a wish.
    """
    seconds = n_codes / code_rate
    if not stopped:
        if asked:
            return ""
        return f"Generation reached its length limit ({seconds:.1f} s) without a stop token"
    if n_codes < CODES_PER_TOKEN[0] * n_tokens - 2:
        return f"Generation stopped after {seconds:.1f} s; the text is probably truncated"
    return ""
