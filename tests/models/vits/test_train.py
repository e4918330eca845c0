"""Losses and gradients against recorded steps of the reference, and a training of our own."""

import json

import pytest
import torch

from tests.models.vits.official import decoder_settings, loaded
from tests.models.vits.toy import stored, toy
from vivavoce.checkpoints import store
from vivavoce.errors import ConfigError
from vivavoce.models.vits.model import VitsTTS
from vivavoce.models.vits.names import official
from vivavoce.models.vits.train import (
    Draws,
    VitsLoss,
    VitsTask,
    VitsVoice,
    alignable,
    build_task,
    segments,
)
from vivavoce.nn.adversarial import discriminator_losses
from vivavoce.nn.alignment import maximum_path
from vivavoce.speech.load import load
from vivavoce.types import FeatureSpec

RECORDED = ["vits_train_tiny", "vits_train_dp_speakers_tiny"]
# Theirs -> ours, for parameters whose gradients are recorded.
GRADIENTS = {
    "text_encoder.emb.weight": "model.text.embedding.weight",
    "text_encoder.encoder.attn_layers.0.emb_rel_k": "model.text.layers.0.attention.relative_key",
    "text_encoder.encoder.attn_layers.1.conv_q.weight": (
        "model.text.layers.1.attention.query.weight"
    ),
    "text_encoder.proj.bias": "model.text.projection.bias",
    "posterior_encoder.pre.weight": "model.posterior.start.weight",
    "posterior_encoder.enc.in_layers.1": "model.posterior.wavenet.inputs.1",
    "posterior_encoder.proj.weight": "model.posterior.end.weight",
    "flow.flows.0.pre.weight": "model.flow.couplings.0.start.weight",
    "flow.flows.3.enc.res_skip_layers.1": "model.flow.couplings.3.wavenet.outputs.1",
    "waveform_decoder.ups.0": "vocoder.stages.0.upsample",
    "waveform_decoder.conv_pre.weight": "vocoder.first.weight",
    "waveform_decoder.cond_layer.weight": "vocoder.condition.weight",
    "waveform_decoder.resblocks.0.convs1.0": "vocoder.stages.0.blocks.0.dilated.0",
    "duration_predictor.flows.2.proj.weight": "model.durations.splines.0.end.weight",
    "duration_predictor.post_flows.1.proj.bias": "model.durations.variational.splines.0.end.bias",
    "duration_predictor.pre.weight": "model.durations.start.weight",
    "duration_predictor.flows.0.log_scale": "model.durations.affine.log_scale",
    "duration_predictor.conv_1.weight": "model.durations.conv_1.weight",
    "duration_predictor.proj.bias": "model.durations.projection.bias",
    "emb_g.weight": "model.speakers.weight",
}
NORM = ".parametrizations.weight.original"


@pytest.fixture(params=RECORDED)
def step(request, load_parity):
    return Step(load_parity(request.param))


class Step:
    """A recorded step as a task of ours with its batch and draws."""

    def __init__(self, parity) -> None:
        self.inputs, self.outputs, config = parity.inputs, parity.outputs, parity.meta["config"]
        self.names = parity.meta
        self.weights = parity.weights
        generator = {k: v for k, v in parity.weights.items() if not k.startswith("disc.")}
        theirs, dropped = official(generator)
        assert not dropped
        model, vocoder = loaded(theirs, decoder_settings(config))
        without_dropout(model)
        sizes = config["disc"]
        loss = VitsLoss(
            segment_frames=config["spec_segment_size"],
            period_channels=tuple(sizes["period_channels"]),
            scale_channels=tuple(sizes["scale_channels"]),
            scale_groups=tuple(sizes["scale_groups"]),
        )
        self.task = VitsTask(VitsVoice(model, vocoder), features_of(config["audio"]), loss)
        critics = {our_critic(k): v for k, v in parity.weights.items() if k.startswith("disc.")}
        self.task.discriminators.load_state_dict(critics)
        self.task.train()
        hop = config["audio"]["hop_length"]
        self.batch = {
            "tokens": self.inputs["ids"],
            "token_lengths": self.inputs["x_lengths"],
            "samples": self.inputs["waveform"][:, 0],
            "sample_lengths": self.inputs["spec_lengths"] * hop,
            "speakers": self.inputs.get("speaker_ids", torch.zeros(2, dtype=torch.long)),
        }
        self.draws = Draws(
            self.inputs["posterior_noise"],
            self.inputs.get("sdp_noise", torch.zeros(2, 2, 9)),
            self.inputs["slice_uniform"],
        )

    def value(self, name: str) -> torch.Tensor:
        return self.outputs[name]


def features_of(audio: dict) -> FeatureSpec:
    return FeatureSpec(
        sample_rate=audio["sample_rate"],
        n_fft=audio["fft_size"],
        win_length=audio["win_length"],
        hop_length=audio["hop_length"],
        n_mels=audio["num_mels"],
        mel_scale="slaney",
        mel_norm="slaney",
        framing="same",
    )


def without_dropout(model: VitsTTS) -> None:
    for layer in model.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0
    for layer in model.text.layers:
        layer.attention.dropout = 0.0


def our_critic(name: str) -> str:
    """`disc.nets.0.convs.1.bias` -> `scale.critic.layers.1.bias`."""
    _, _, number, rest = name.split(".", 3)
    rest = rest.replace("convs.", "layers.", 1).replace("conv_post.", "score.", 1)
    return f"scale.critic.{rest}" if number == "0" else f"periods.{int(number) - 1}.critic.{rest}"


def close(found: torch.Tensor, expected: torch.Tensor, relative: float = 2e-5) -> None:
    tolerance = relative * max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(found.detach(), expected, rtol=0.0, atol=tolerance)


@pytest.mark.parity
def test_what_is_heard(step):
    spectrum, _, _ = step.task._heard(step.batch)
    lengths = step.inputs["spec_lengths"].tolist()
    mel = step.task.mel(step.batch["samples"])
    for row, frames in enumerate(lengths):
        inside = slice(0, frames - 2)  # what follows a shorter clip is silence in both
        close(spectrum[row, :, inside], step.inputs["spec"][row, :, inside])
        close(mel[row, :, inside], step.inputs["mel"][row, :, inside], 1e-4)


@pytest.mark.parity
def test_every_loss(step):
    losses = {k: v.detach() for k, v in step.task.generator_losses(step.batch, step.draws).items()}
    assert float(losses["mel"]) * 45 == pytest.approx(float(step.value("loss_mel")), rel=2e-5)
    for name, theirs in (
        ("divergence", "loss_kl"),
        ("duration", "loss_duration"),
        ("feature", "loss_feat"),
        ("adversarial", "loss_gen"),
    ):
        assert float(losses[name]) == pytest.approx(float(step.value(theirs)), rel=2e-5), name
    total = step.task._total(losses)
    assert float(total) == pytest.approx(float(step.value("loss_generator_total")), rel=2e-5)


@pytest.mark.parity
def test_the_critics_loss_and_its_gradients(step):
    both = torch.cat([step.value("waveform_segment"), step.value("generated")])[:, 0]
    judged = step.task.discriminators(both)
    real, fake = ([(score[part], []) for score, _ in judged] for part in (slice(2), slice(2, 4)))
    loss = discriminator_losses(real, fake, "least_squares").sum()
    assert loss.item() == pytest.approx(float(step.value("loss_disc")), rel=1e-5)
    loss.backward()
    found = dict(step.task.discriminators.named_parameters())
    for name in step.names["disc_gradient_names"]:
        close(found[our_critic(name)].grad, step.value(f"grad.{name}"))


@pytest.mark.parity
def test_every_recorded_gradient(step):
    """Of weight-normed layers too: ours are normed anew, so directions have other lengths."""
    step.task._total(step.task.generator_losses(step.batch, step.draws)).backward()
    found = dict(step.task.exported.named_parameters())
    for name in step.names["generator_gradient_names"]:
        layer, normed, part = name.partition(NORM)
        parameter = found[GRADIENTS[layer] + normed + part]
        gradient, expected = parameter.grad, step.value(f"grad.{name}")
        if part == "1":
            theirs = step.weights[name]
            gradient = gradient * (parameter.detach() / theirs).nan_to_num(1.0)
        close(gradient.reshape(expected.shape), expected, 1e-4)


@pytest.mark.parity
def test_the_path_and_the_segments(step):
    spectrum, mask, condition = step.task._heard(step.batch)
    z, log_scale = step.task._posterior(spectrum, mask, condition, step.draws.posterior)
    close(z, step.value("z"))
    aligned = step.task._aligned(step.batch, z, log_scale, mask, condition, step.draws.durations)
    assert torch.equal(aligned.path, step.value("alignments"))
    starts = step.task._starts(step.batch, step.draws.segments)
    assert starts.tolist() == step.value("slice_ids").tolist()
    close(step.task._spoken(z, starts, condition), step.value("generated")[:, 0])


@pytest.mark.parity
def test_paths_as_recorded(load_parity):
    goldens = load_parity("mas_goldens")
    for case in sorted({name.rsplit(".", 1)[0] for name in goldens.outputs}):
        score, path = goldens.inputs[f"{case}.value"], goldens.outputs[f"{case}.path"]
        lengths = goldens.inputs[f"{case}.x_lengths"], goldens.inputs[f"{case}.y_lengths"]
        if bool((lengths[0] <= lengths[1]).all()):  # else there is no path
            assert torch.equal(maximum_path(score, *lengths).long(), path), case


TABLES = {
    "model": {
        "text_width": 16,
        "text_layers": 1,
        "text_ffn": 16,
        "latent_width": 8,
        "flow_width": 8,
        "flow_layers": 1,
        "posterior_width": 8,
        "posterior_layers": 2,
        "duration_width": 8,
        "decoder": {
            "width": 16,
            "rates": [8, 8],
            "kernels": [16, 16],
            "block": 2,
            "block_kernels": [3],
            "block_dilations": [[1, 2]],
        },
    },
    "text": {"kind": "arpabet"},
    "features": {
        "sample_rate": 8000,
        "n_fft": 256,
        "win_length": 256,
        "hop_length": 64,
        "n_mels": 20,
        "mel_scale": "slaney",
        "mel_norm": "slaney",
    },
    "loss": {
        "segment_frames": 8,
        "periods": [2, 3],
        "period_channels": [4, 4],
        "scale_channels": [4, 4, 4],
        "scale_groups": [1, 2, 1],
    },
}


def tables(**changes) -> dict:
    found = json.loads(json.dumps(TABLES))
    for key, value in changes.items():
        table, _, name = key.partition("__")
        found[table][name] = value
    return found


def batch_of(task: VitsTask, rows: int = 3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    lengths = [2400, 3000, 1800][:rows]
    entry = task.encode_text("hello there")
    ids = torch.tensor(entry.ids).expand(rows, -1)
    return {
        "tokens": ids,
        "token_lengths": torch.tensor([len(entry)] * rows),
        "samples": 0.1 * torch.randn(rows, max(lengths), generator=generator),
        "sample_lengths": torch.tensor(lengths),
        "speakers": torch.zeros(rows, dtype=torch.long),
    }


@pytest.mark.parametrize(("stochastic", "speakers"), [(True, ("a", "b")), (False, ("a",))])
def test_a_training_learns_exports_and_speaks(stochastic, speakers, tmp_path):
    torch.manual_seed(0)
    task = build_task(tables(model__stochastic_durations=stochastic), speakers)
    batch = batch_of(task)
    parts = task.parts().items()
    optimisers = {phase: torch.optim.AdamW(part.parameters(), 2e-3) for phase, part in parts}
    first = task.validate(batch)["loss"]
    for number in range(6):
        for phase in task.phases:
            optimisers[phase].zero_grad()
            task(phase, batch, number)[0].backward()
            optimisers[phase].step()
    assert float(task.validate(batch)["loss"]) < 0.9 * float(first)
    assert task.sample(batch)["rebuilt.audio"].shape == (37 * 64,)
    task.export(tmp_path / "mine")
    tts = load(tmp_path / "mine")
    assert len(tts.speak("hello there", on_problem="warn").samples) > 0
    assert tts.voices == speakers


def test_clips_with_more_symbols_than_frames_are_left_out():
    task = build_task(tables(), ("a",))
    batch = batch_of(task)
    batch["sample_lengths"] = torch.tensor([2400, 576, 1800])
    assert len(alignable(batch, 64)["tokens"]) == 2
    batch["sample_lengths"] = torch.tensor([64, 64, 64])
    loss, metrics = task("generator", batch, 0)
    assert (float(loss), metrics) == (0.0, {})


def test_segments_are_cut_where_they_begin():
    x = torch.arange(10.0).expand(2, 1, 10)
    assert segments(x, torch.tensor([0, 7]), 3)[:, 0].tolist() == [[0, 1, 2], [7, 8, 9]]
    assert segments(x[..., :2], torch.tensor([0, 0]), 3)[0, 0].tolist() == [0, 1, 0]


def trained(folder, speakers=("a",)):
    task = build_task(tables(), speakers)
    task.export(folder)
    return task


def test_a_start_from_a_trained_voice(tmp_path):
    """Another number of speakers and of symbols: what fits is taken, frozen parts stay."""
    torch.manual_seed(1)
    old = trained(tmp_path / "old")
    new = build_task(
        tables(loss__start=str(tmp_path / "old"), loss__freeze=["text", "decoder"]), ("a",)
    )
    for name, value in old.model.text.state_dict().items():
        assert torch.equal(new.model.text.state_dict()[name], value)
    learning = {n for n, p in new.exported.named_parameters() if p.requires_grad}
    assert learning
    assert not any(name.startswith(("model.text.", "vocoder.")) for name in learning)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ({"loss__freeze": ["flow"]}, "needs loss.start"),
        ({"loss__freeze": ["flwo"]}, "freeze names 'flwo'.*'flow'"),
    ],
)
def test_starts_that_cannot_be(loss, message):
    with pytest.raises(ConfigError, match=message):
        build_task(tables(**loss), ("a",))


def test_a_voice_without_a_posterior_encoder(tmp_path):
    folder = stored(tmp_path / "voice", *toy())
    with pytest.raises(ConfigError, match="has no posterior encoder"):
        build_task(tables(loss__start=str(folder)), ("a",))
    build_task(tables(loss__start=str(folder), loss__new_posterior=True), ("a",))


def test_other_families_are_no_start(tmp_path):
    manifest = {"kind": "acoustic", "family": "glow", "name": "x"}
    store.save(tmp_path / "x", manifest, {"a": torch.zeros(1)})
    with pytest.raises(ConfigError, match="family 'glow'"):
        build_task(tables(loss__start=str(tmp_path / "x")), ("a",))
