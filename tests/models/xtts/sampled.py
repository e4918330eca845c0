"""Options of which only the sampling's are of interest."""

from __future__ import annotations

from vivavoce.models.xtts.config import XttsOptions


def sampled(
    temperature: float = 0.75,
    top_k: int = 50,
    top_p: float = 0.85,
    repetition_penalty: float = 5.0,
) -> XttsOptions:
    return XttsOptions(
        temperature=temperature, top_k=top_k, top_p=top_p, repetition_penalty=repetition_penalty
    )
