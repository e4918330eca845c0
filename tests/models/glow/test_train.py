"""The task learns, its alignment is a path, and what it exports speaks like what it trained."""

import pytest
import torch

from tests.tolerance import assert_near
from vivavoce.checkpoints import store
from vivavoce.checkpoints.remap import strict_load
from vivavoce.models.glow.model import GlowTTS
from vivavoce.models.glow.train import build_task, log_likelihoods

TABLES = {
    "features": {"n_mels": 8},
    "model": {
        "encoder_width": 16,
        "encoder_layers": 1,
        "encoder_ffn": 16,
        "duration_width": 16,
        "decoder_width": 16,
        "n_flows": 2,
        "flow_layers": 2,
    },
}


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    lengths = torch.tensor([30, 21])
    features = torch.randn(2, 8, 30, generator=generator) * 2 - 4
    features[1, :, 21:] = 0
    return {
        "tokens": torch.randint(3, 60, (2, 7), generator=generator),
        "token_lengths": torch.tensor([7, 5]),
        "features": features,
        "feature_lengths": lengths,
        "speakers": torch.tensor([0, 1]),
    }


@pytest.mark.parametrize("speakers", [("one",), ("one", "two")])
def test_loss_falls_and_reaches_every_parameter(batch, speakers):
    torch.manual_seed(0)
    task = build_task(TABLES, speakers)
    optimiser = torch.optim.Adam(task.parameters(), 5e-3)
    losses = []
    for step in range(25):
        torch.manual_seed(step)
        loss, metrics = task("model", batch, step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(metrics["likelihood"]))
    assert losses[-1] < losses[1] - 0.1
    silent = [n for n, p in task.named_parameters() if p.grad is None or not p.grad.any()]
    assert not silent


def test_likelihood_is_the_gaussian_one(batch):
    mean, log_scale, z = torch.randn(1, 8, 3), torch.randn(1, 8, 3) * 0.3, torch.randn(1, 8, 4)
    found = log_likelihoods(mean, log_scale, z)[0, 1, 2]
    normal = torch.distributions.Normal(mean[0, :, 1], log_scale[0, :, 1].exp())
    assert found == pytest.approx(float(normal.log_prob(z[0, :, 2]).sum()), abs=1e-4)


def test_flow_inverts_and_its_determinant_is_true():
    torch.manual_seed(2)
    task = build_task(TABLES, ("one",))
    decoder = task.exported.decoder.eval()
    for name, parameter in decoder.named_parameters():
        if not name.endswith("mixing"):
            torch.nn.init.normal_(parameter, 0.1, 0.1)
    mel = torch.randn(1, 8, 4, dtype=torch.float64)
    decoder.double()
    mask = torch.ones(1, 1, 4, dtype=torch.float64)

    def forward(flat):
        return decoder(flat.view(1, 8, 4), mask, None)[0].flatten()

    latent, log_det = decoder(mel, mask, None)
    assert_near(decoder.reverse(latent, None, None), mel)  # its inverse matrix is float32
    jacobian = torch.autograd.functional.jacobian(forward, mel.flatten())
    assert float(log_det.detach()) == pytest.approx(
        float(torch.linalg.slogdet(jacobian)[1]), abs=1e-4
    )


def test_padding_does_not_change_a_rows_loss(batch):
    torch.manual_seed(0)
    task = build_task(TABLES, ("one",)).eval()
    both = task.validate(batch)
    alone = []
    for row, (n_tokens, n_frames) in enumerate(((7, 30), (5, 21))):
        cut = {
            "tokens": batch["tokens"][row : row + 1, :n_tokens],
            "token_lengths": batch["token_lengths"][row : row + 1],
            "features": batch["features"][row : row + 1, :, :n_frames],
            "feature_lengths": batch["feature_lengths"][row : row + 1],
        }
        alone.append(float(task.validate(cut)["likelihood"]) * (n_frames // 2 * 2))
    assert float(both["likelihood"]) == pytest.approx(sum(alone) / 50, abs=1e-4)


def test_export_speaks_like_the_trained_model(batch, tmp_path):
    torch.manual_seed(0)
    task = build_task(TABLES, ("one", "two"))
    task("model", batch, 0)
    task.export(tmp_path / "voice")
    manifest, tensors = store.load(tmp_path / "voice")
    assert (manifest["family"], manifest["speakers"]) == ("glow", ["one", "two"])
    assert not any("parametrizations" in key for key in tensors)
    model = GlowTTS.build(manifest)
    strict_load(model, tensors)
    z = torch.randn(1, 8, 12)
    speaker = model.speaker_vectors([model.voice("two")], torch.device("cpu"))
    task.eval()
    expected = task.exported.decoder.reverse(z, None, speaker)
    assert_near(model.eval().decoder.reverse(z, None, speaker), expected)


def test_samples_are_pictures(batch):
    task = build_task(TABLES, ("one",)).eval()
    pictures = task.sample(batch)
    assert pictures["generated.image"].shape == pictures["recorded.image"].shape
    assert (pictures["alignment.image"].sum(0) == 1).all()
