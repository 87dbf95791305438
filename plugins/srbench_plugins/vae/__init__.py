"""A conditional VAE: LR leaves open what HR is, and a latent variable stands for what it leaves open.

Kingma and Welling 2014 (arXiv:1312.6114); Sohn et al. 2015 (NeurIPS, Learning Structured Output Representation).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from srbench import ModelSpec, hookimpl

if TYPE_CHECKING:
    from srbench.training import Recipe, Training
    from srbench_plugins.vae.network import VAE

WEIGHTS = Path(__file__).parent / "weights"
ABOUT = """
One LR image comes from many HR images, and a network that gives one answer gives their average. A conditional VAE
puts what the LR leaves open into a latent variable z, a few values per LR pixel: the prior p(z | LR) says what may
be, the decoder p(HR | z, LR) makes an image of LR and z. To learn them without knowing z, a third network, the
posterior q(z | HR, LR), looks at the answer and says which z it stands for. The evidence lower bound asks for two
things: from the posterior's z the decoder must find HR again, and the posterior must tell no more than it has to
beyond the prior (the KL divergence). Drawing z as mean plus deviation times noise lets gradients through.

A KL that falls to zero means that z is ignored: its weight rises slowly from zero against that, and the decoder knows
its own variance, so no weight has to be found by trial. The output that is scored is the decoder's image of the
prior's mean; 'srbench upscale --samples N' draws others.
"""


def build(scale: int) -> VAE:
    from srbench_plugins.vae.network import VAE

    return VAE(scale)


def conditional(net: VAE, training: Training) -> Recipe:
    from srbench_plugins.vae.network import Posterior
    from srbench_plugins.vae.recipe import ConditionalVAE

    return ConditionalVAE(net, Posterior(training.scale), training)


@hookimpl
def srbench_models() -> list[ModelSpec]:
    return [
        ModelSpec(
            name="vae",
            summary="conditional VAE; its output is the prior's mean, 'srbench upscale --samples' shows others",
            scales={2, 3, 4, 8},
            build=build,
            recipe=conditional,
            weights=WEIGHTS,
            about=ABOUT,
            family="vae",
            halo=18,
            paper="arXiv:1312.6114",
        )
    ]
