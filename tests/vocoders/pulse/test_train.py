"""Training towards a sound whose pulses are known: losses fall, the split is the right one."""

import torch

from vivavoce.checkpoints import store
from vivavoce.hub import build
from vivavoce.hub.read import Stored
from vivavoce.vocoders.pulse.family import FAMILY
from vivavoce.vocoders.pulse.source import PulsePhase, pulses
from vivavoce.vocoders.pulse.train import build_task

SMALL = {"dim": 24, "hidden_dim": 48, "n_layers": 1, "pitch_dim": 12, "pitch_layers": 1}
FRAMES = 24


def task():
    torch.manual_seed(0)
    return build_task({"model": SMALL, "loss": {"segment_frames": FRAMES}})


def batch():
    """Pulses through a low-pass, a hiss beside them."""
    pitch = torch.linspace(180, 240, FRAMES + 1).expand(2, -1)
    phase = PulsePhase(256 / 24000).follow(pitch, torch.ones_like(pitch))[0]
    wave = pulses(pitch, phase, torch.ones_like(pitch), 256, 24000) / 200
    smooth = torch.nn.functional.avg_pool1d(wave[:, None], 5, 1, 2)[:, 0]
    hiss = 0.002 * torch.randn(smooth.shape, generator=torch.Generator().manual_seed(1))
    return {"samples": smooth + hiss, "pitch": pitch, "phase": phase, "hiss": hiss}


def trained(found, data):
    """The losses of every step of a short training."""
    optimiser = torch.optim.AdamW(found.parameters(), 3e-3)
    history = []
    for step in range(30):
        optimiser.zero_grad()
        torch.manual_seed(step)
        loss, metrics = found("model", data, step)
        loss.backward()
        optimiser.step()
        history.append(metrics)
    return history


def test_the_losses_fall():
    history = trained(task(), batch())
    for part in ("mel", "phase", "pitch", "voicing"):
        assert history[-1][part] < 0.8 * history[0][part], part


def test_the_export_is_the_vocoder(tmp_path):
    found = task()
    found.export(tmp_path / "v")
    manifest, tensors = store.load(tmp_path / "v")
    made = build.vocoder(Stored(manifest, tensors))
    assert torch.equal(made.noise, found.vocoder.noise)
    assert FAMILY.importer.recognises(tensors)
    assert made.accepts == found.spec


def test_a_loud_and_a_quiet_clip_are_one_clip():
    """Validation takes the clips as they are: twice the same numbers."""
    found, data = task().eval(), batch()
    data["sample_lengths"] = torch.tensor([FRAMES * 256, FRAMES * 256])
    torch.manual_seed(1)
    first = found.validate(data)
    torch.manual_seed(1)
    assert torch.equal(first["loss"], found.validate(data)["loss"])


def test_discriminators_learn_beside_the_vocoder():
    """They tell the vocoder's spectra from the recorded ones, and the vocoder learns from them."""
    torch.manual_seed(0)
    loss = {"segment_frames": FRAMES, "adversarial_weight": 1.0, "judged_frames": 12}
    loss |= {"discriminator_ffts": [256], "discriminator_channels": 4}
    found, data = build_task({"model": SMALL, "loss": loss}), batch()
    assert found.phases == ("discriminator", "model")
    optimiser = torch.optim.AdamW(found.discriminators.parameters(), 1e-2)
    scores = []
    for step in range(30):
        optimiser.zero_grad()
        torch.manual_seed(step)
        value, _ = found("discriminator", data, step)
        value.backward()
        optimiser.step()
        scores.append(value.item())
    assert scores[-1] < 0.5 * scores[0]
    assert all(p.grad is None for p in found.vocoder.parameters())
    optimiser.zero_grad()
    value, metrics = found("model", data, 0)
    value.backward()
    parts = found.loss.adversarial_weight * metrics["adversarial"]
    parts = parts + found.loss.feature_weight * metrics["feature"]
    plain = sum(metrics[k] for k in ("mel", "phase", "pitch")) + 0.2 * metrics["voicing"]
    torch.testing.assert_close(metrics["loss"], plain + parts)
    assert found.vocoder.head.weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in found.discriminators.parameters())


def test_pulses_and_noise_are_taught_apart_where_the_data_tell_them_apart():
    """The pulses follow the periodic part, not the whole sound; the noise follows the rest."""
    plain, data = task(), batch()
    loss = {"segment_frames": FRAMES, "given_periodic": True}
    found = build_task({"model": SMALL, "loss": loss})
    found.load_state_dict(plain.state_dict())
    smooth = data["samples"] - data["hiss"]
    split = data | {"periodic": smooth}
    seen = {}
    for name, each, rows in (
        ("whole", plain, data),
        ("smooth", plain, data | {"samples": smooth}),
        ("split", found, split),
    ):
        torch.manual_seed(1)
        seen[name] = each("model", rows, 0)[1]["phase"]
    assert abs(seen["split"] - seen["smooth"]) < 0.1 * abs(seen["whole"] - seen["smooth"])
    history = trained(found, split)
    for part in ("phase", "noise"):
        assert history[-1][part] < 0.8 * history[0][part], part


def test_a_run_may_begin_with_a_trained_vocoder():
    before = task()
    fresh = build_task({"model": SMALL, "loss": {"adversarial_weight": 0.1}})
    fresh.take(before.vocoder.state_dict(), {})
    for name, tensor in before.vocoder.state_dict().items():
        assert torch.equal(tensor, fresh.vocoder.state_dict()[name])


def test_a_free_part_begins_quietly():
    plain, fresh = task(), build_task({"model": SMALL | {"free_phase": True}})
    fresh.take(plain.vocoder.state_dict(), {})
    mel = plain.extract(batch()["samples"])
    pitch, voiced = torch.full(mel.shape[::2], 100.0), torch.ones(mel.shape[::2])
    silence = torch.zeros(*mel.shape[::2], plain.vocoder.n_bins, 2)
    noise = torch.ones_like(silence)
    known = mel, pitch, torch.zeros_like(pitch), voiced
    periodic, rough = plain.vocoder.filtered(*known, noise)
    again, free = fresh.vocoder.filtered(*known, silence)
    assert torch.equal(periodic, again)
    size = rough.norm(dim=3) / 2**0.5  # of the noise (1, 1)
    torch.testing.assert_close(free.norm(dim=3), size / 10)
