"""CycleGAN: unpaired batches, the image pool, the least-squares critics, and learning."""

from __future__ import annotations

import pytest
import torch

from srbench.resize import imresize
from srbench_plugins.cyclegan.recipe import POOL, ImagePool


def test_lr_and_hr_of_a_step_come_from_different_batches(begin, patches, monkeypatch):
    _, recipe, training = begin("cyclegan", batch=2, patch=32)
    assert training.settings.draws == 2
    given = {}
    monkeypatch.setattr(
        recipe, "_update_generators", lambda small, hr: (given.update(small=small, hr=hr), {}, small, hr)[1:]
    )
    lr, hr = patches(4, 32)
    recipe.step(lr, hr)
    assert torch.equal(given["small"], imresize(lr[:2], (32, 32)))
    assert torch.equal(given["hr"], hr[2:])


def test_pool_hands_on_the_first_images_and_then_half_of_them():
    torch.manual_seed(0)
    pool = ImagePool()
    for i in range(POOL):
        image = torch.full((1, 3, 2, 2), float(i))
        assert torch.equal(pool.exchange(image), image)
    fresh = 0
    for i in range(POOL, POOL + 400):
        given = float(pool.exchange(torch.full((1, 3, 2, 2), float(i)))[0, 0, 0, 0])
        fresh += given == i
        assert given <= i
    assert fresh == pytest.approx(200, abs=40)
    kept = pool.images[:, 0, 0, 0].tolist()
    assert len(set(kept)) == POOL
    assert max(kept) >= POOL


def test_no_image_is_lost_or_doubled_when_batches_change_places():
    torch.manual_seed(0)
    pool, seen = ImagePool(), []
    for i in range(40):
        batch = (4 * i + torch.arange(4.0)).view(4, 1, 1, 1)
        handed = pool.exchange(batch).flatten().tolist()
        seen += [] if 4 * i < POOL else handed
    last = set(pool.images.flatten().tolist())
    assert len(last) == POOL
    assert not last & set(seen)
    assert len(seen) == len(set(seen))


def test_pool_keeps_no_graph_and_holds_a_batch_larger_than_itself():
    pool = ImagePool()
    images = torch.rand(POOL + 3, 3, 2, 2, requires_grad=True)
    assert torch.equal(pool.exchange(images * 1), images)
    assert not pool.images.requires_grad
    assert pool.exchange(images * 2).shape == images.shape


def test_pool_goes_on_from_its_state():
    torch.manual_seed(0)
    pool, other = ImagePool(), ImagePool()
    other.load_state_dict(pool.state_dict())
    assert other.images is None
    for _ in range(POOL + 5):
        pool.exchange(torch.rand(1, 3, 2, 2))
    other.load_state_dict({k: v.clone() if torch.is_tensor(v) else v for k, v in pool.state_dict().items()})
    image = torch.rand(1, 3, 2, 2)
    for _ in range(5):
        random = torch.get_rng_state()
        first = pool.exchange(image)
        torch.set_rng_state(random)
        assert torch.equal(other.exchange(image), first)


def test_learns_from_a_photograph(begin, photographs):
    """Cycles close, what is right already stays, the output comes nearer to LR, and a critic learns to tell."""
    net, recipe, training = begin("cyclegan", batch=2, patch=32)

    def distance():
        with torch.no_grad():
            lr, _ = photographs(4, 32, seed=1000)
            return float((imresize(net(lr), (8, 8)) - lr).abs().mean())

    start, logs = distance(), []
    for step in range(50):
        training.begin(step)
        logs.append(recipe.step(*photographs(4, 32, seed=step)))
    assert all(torch.isfinite(value) and not value.requires_grad for value in logs[-1].values())
    for name in ("cycle", "identity"):
        first, last = (float(torch.stack([log[name] for log in part]).mean()) for part in (logs[:5], logs[-10:]))
        assert last < 0.9 * first
    assert distance() < 0.9 * start
    _, real = photographs(4, 32)
    judged = [
        float(recipe._update_critic(recipe.critic_hr, recipe.critic_hr_optimizer, real, torch.zeros_like(real)))
        for _ in range(20)
    ]
    assert judged[-1] < judged[0]


def test_learning_from_output_does_not_move_the_critics(begin, patches):
    _, recipe, _ = begin("cyclegan", batch=1, patch=32)
    before = [p.detach().clone() for p in recipe.critic_hr.parameters()]
    lr, hr = patches(1, 32)
    recipe._update_generators(imresize(lr, (32, 32)), hr)
    assert all(torch.equal(a, b) for a, b in zip(before, recipe.critic_hr.parameters(), strict=True))
