"""How something is said, as a vector behind every token: global style tokens and Capacitron.

Wang et al., arXiv:1803.09017, section 3; Battenberg et al., arXiv:1906.03402, section 4.
Shapes: T frames, M bands, S style width, C channels.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vivavoce.errors import VoiceError
from vivavoce.models.tacotron2.config import StyleConfig
from vivavoce.nn.reference_convs import ReferenceConvs


class StyleTokens(nn.Module):
    """A recording or weights of tokens to a style; without either the style is zero."""

    def __init__(self, config: StyleConfig, n_mels: int) -> None:
        super().__init__()
        self.config, token = config, config.width // config.heads
        self.convs = ReferenceConvs(config.channels)
        self.recurrent = nn.GRU(self.convs.width(n_mels), config.recurrent, batch_first=True)
        self.tokens = nn.Parameter(torch.randn(config.n_tokens, token) / 2)
        self.query = nn.Linear(config.recurrent, config.width, bias=False)
        self.key = nn.Linear(token, config.width, bias=False)
        self.value = nn.Linear(token, config.width, bias=False)

    def default(self) -> Tensor:
        """`[1, S]`."""
        return self.tokens.new_zeros(1, self.config.width)

    def of_mel(self, mel: Tensor, text: Tensor | None, draw: Tensor | None = None) -> Tensor:
        """Mel `[1, T, M]` to `[1, S]`; text and draw change nothing."""
        query = self.recurrent(self.convs(mel))[1][0]
        tokens = self.tokens.tanh()
        heads = (-1, self.config.heads, self.config.width // self.config.heads)
        query, key, value = (
            layer(x).view(heads).transpose(0, 1)
            for layer, x in ((self.query, query), (self.key, tokens), (self.value, tokens))
        )
        scores = query @ key.transpose(1, 2) / heads[-1] ** 0.5
        return (scores.softmax(-1) @ value).transpose(0, 1).flatten(1)

    def of_tokens(self, weights: Mapping[int, float]) -> Tensor:
        """`[1, S]`: each token's value times its weight. Raises VoiceError for an unknown token."""
        style = self.default()
        for number, weight in weights.items():
            if not 0 <= number < len(self.tokens):
                raise VoiceError(
                    f"There is no style token {number}; the model has {len(self.tokens)}.",
                    f"Give numbers from 0 to {len(self.tokens) - 1}.",
                )
            style = style + weight * self.value(self.tokens[number : number + 1].tanh())
        return style


class Capacitron(nn.Module):
    """A draw from the posterior of a recording (with its text), or from the prior N(0, 1)."""

    def __init__(self, config: StyleConfig, n_mels: int, text_width: int) -> None:
        super().__init__()
        self.config = config
        self.convs = ReferenceConvs(config.channels, padding=2)
        self.recurrent = nn.LSTM(self.convs.width(n_mels), config.recurrent, batch_first=True)
        if config.summary:
            self.summary = nn.LSTM(text_width, config.summary, batch_first=True)
        self.hidden = nn.Linear(config.recurrent + config.summary, config.width)
        self.posterior = nn.Linear(config.width, 2 * config.width)

    def default(self) -> Tensor:
        """`[1, S]`: always the same draw. A fresh one for every sentence would make them differ."""
        draw = torch.randn(1, self.config.width, generator=torch.Generator().manual_seed(0))
        return draw.to(self.hidden.weight)

    def of_mel(self, mel: Tensor, text: Tensor | None, draw: Tensor | None = None) -> Tensor:
        """Mel `[1, T, M]` and embedded text `[1, L, C]` to `[1, S]`.

        `draw` `[1, S]` are normal numbers; without them the result is the mean. Raises VoiceError
        for a model that needs the text.
        """
        seen = self.recurrent(self.convs(mel))[1][0][-1]
        if self.config.summary:
            if text is None:
                raise VoiceError(
                    "This model's style needs a transcript of the recording.",
                    "Give the transcript with the recording.",
                )
            seen = torch.cat([seen, self.summary(text)[1][0][-1]], -1)
        mean, variance = self.posterior(self.hidden(seen).tanh()).chunk(2, -1)
        return mean if draw is None else mean + F.softplus(variance).sqrt() * draw
