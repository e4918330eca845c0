"""Every module and both whole backbones against the reference's recordings."""

from __future__ import annotations

import pytest
import torch

from tests.models.f5.reference import backbone_of, evaluate, token_rows
from tests.tolerance import assert_near, assert_recorded
from vivavoce.runtime.arithmetic import Arithmetic

MODELS = (
    "f5_dit_v1_tiny",
    "f5_dit_v0_tiny",
    "f5_dit_options_tiny",
    "e2_unett_tiny",
    "e2_unett_add_conv_tiny",
)

pytestmark = pytest.mark.parity


@pytest.fixture(params=[(name, frozen) for name in MODELS for frozen in (False, True)], ids=str)
def recorded(request, load_parity):
    name, frozen = request.param
    recording = load_parity(name)
    model = backbone_of(recording.meta, recording.weights)
    if frozen:
        model.freeze(Arithmetic())
    return recording, model


def test_time_embedding(recorded):
    recording, model = recorded
    ours = model.time(recording.inputs["time"].reshape(1))
    assert_recorded(ours, recording, "stage.time_embed")


def test_text_embedding(recorded):
    recording, model = recorded
    (ids,) = token_rows(recording.inputs["text"])
    ours = model.text(ids, recording.inputs["x"].shape[1])
    assert_recorded(ours[None], recording, "stage.text_embed")


def test_input_embedding(recorded):
    recording, model = recorded
    inputs = recording.inputs
    context = model.context(inputs["cond"], token_rows(inputs["text"]), [inputs["x"].shape[1]])
    ours = model.input(inputs["x"], context.constant, None)
    assert_recorded(ours, recording, "stage.input_embed")


def test_first_block(recorded):
    recording, model = recorded
    inputs, outputs = recording.inputs, recording.outputs
    n_frames = inputs["x"].shape[1]
    context = model.context(inputs["cond"], token_rows(inputs["text"]), [n_frames])
    h = model.input(inputs["x"], context.constant, None)
    with torch.inference_mode():
        schedule = [entry[0] for entry in model.schedule(inputs["time"].reshape(1))]
        if "stage.block0" in outputs:
            ours = model.blocks[0](h, schedule[0], context, torch.float32)
            assert_recorded(ours, recording, "stage.block0")
        else:
            h = torch.cat([schedule[0].reshape(1, 1, -1), h], dim=1)
            block = model.blocks[0]
            ours = block.attention(block.attention_norm(h), context.rotary, None)
            assert_recorded(ours, recording, "stage.layer0_attn")


@pytest.mark.parametrize(
    ("name", "drops"),
    [
        ("cond", {}),
        ("uncond", {"drop_reference": True, "drop_text": True}),
        ("drop_audio_only", {"drop_reference": True}),
        ("cfg_infer", {"guided": True}),
    ],
)
def test_flow(recorded, name, drops):
    recording, model = recorded
    inputs = recording.inputs
    text = token_rows(inputs["text"])
    context = model.context(inputs["cond"], text, [inputs["x"].shape[1]], **drops)
    ours = evaluate(model, inputs["x"], context, inputs["time"])
    assert_recorded(ours, recording, name)


def test_longest_row_of_a_batch(recorded):
    """The reference lets shorter rows see padding, so only its longest row is what it should be."""
    recording, model = recorded
    inputs = recording.inputs
    lengths = inputs["mask_b2"].sum(1).tolist()
    context = model.context(inputs["cond_b2"], token_rows(inputs["text_b2"]), lengths)
    ours = evaluate(model, inputs["x_b2"], context, inputs["time_b2"])
    longest = lengths.index(max(lengths))
    assert_recorded(ours[longest], recording, "batch2_masked", longest)


def test_every_row_is_what_it_is_alone(recorded):
    recording, model = recorded
    inputs = recording.inputs
    lengths, text = inputs["mask_b2"].sum(1).tolist(), token_rows(inputs["text_b2"])
    assert len(set(lengths)) > 1
    time = inputs["time_b2"][0]
    context = model.context(inputs["cond_b2"], text, lengths, guided=True)
    together = evaluate(model, inputs["x_b2"], context, time)
    for row, n in enumerate(lengths):
        alone_context = model.context(inputs["cond_b2"][row : row + 1, :n], [text[row]], [n], True)
        alone = evaluate(model, inputs["x_b2"][row : row + 1, :n], alone_context, time)
        assert_near(together[row, :n], alone[0])
        assert_near(together[row + len(lengths), :n], alone[1])
