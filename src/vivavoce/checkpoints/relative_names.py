"""Coqui's and the publication's names of a transformer with relative positions -> ours.

It is `nn.transformer.EncoderLayer`: Glow-TTS, VITS and ForwardTTS have it.
"""

from __future__ import annotations

RELATIVE_RENAMES = (
    (r"\.attn_layers\.(\d+)\.conv_q\.", r".layers.\1.attention.query."),
    (r"\.attn_layers\.(\d+)\.conv_k\.", r".layers.\1.attention.key."),
    (r"\.attn_layers\.(\d+)\.conv_v\.", r".layers.\1.attention.value."),
    (r"\.attn_layers\.(\d+)\.conv_o\.", r".layers.\1.attention.output."),
    (r"\.attn_layers\.(\d+)\.emb_rel_k$", r".layers.\1.attention.relative_key"),
    (r"\.attn_layers\.(\d+)\.emb_rel_v$", r".layers.\1.attention.relative_value"),
    (r"\.norm_layers_([12])\.(\d+)\.", r".layers.\2.norm_\1."),
    (r"\.ffn_layers\.(\d+)\.conv_1\.", r".layers.\1.feed_forward.expand."),
    (r"\.ffn_layers\.(\d+)\.conv_2\.", r".layers.\1.feed_forward.contract."),
)
