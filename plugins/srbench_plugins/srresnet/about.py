"""What ``srbench info`` says of the family's ideas."""

NETWORK = """
SRResNet does all its work at LR size: a first convolution, a row of residual blocks, each of which adds a small
correction to what it is given, and a long skip connection around them all, so that gradients reach every layer and
the blocks need to learn only what is missing. At the end sub-pixel convolutions compute the channels of 2x2 (x3: 3x3)
new pixels each and lay them side by side: enlarging is learned too, and it comes last, where it costs least.
"""

MSE = """
Trained on the mean squared error, it gives the average of all sharp images that the LR may come from. That is what
PSNR asks for, and it is why the result is smooth: an average of textures is no texture. This row is the reference
against which the perceptual and adversarial ones are to be read.
"""

RESIZE = """
Here each sub-pixel stage gives way to a resize-convolution: nearest-neighbour enlargement, then an ordinary
convolution (Odena et al. 2016). Transposed and sub-pixel convolutions can leave checkerboards, since neighbouring
output pixels are made by different weights; after a plain enlargement all are made by the same. It costs more, as
that convolution works on the large grid; whether it still helps when sub-pixel stages start from ICNR is what this
row shows.
"""

NO_NORM = """
Here batch normalisation is left out, as EDSR (Lim et al. 2017) and ESRGAN (Wang et al. 2018) did later. Normalising
by the statistics of a batch takes away each image's own brightness and contrast, which SR must keep, and trained and
running statistics differ at test time. Everything else is SRResNet, so the two rows differ by this one decision.
"""

FEATURES = """
The loss does not compare pixels but what a classification network sees: the feature maps of a frozen VGG at {layer}.
Two textures that differ pixel by pixel but look alike are near each other there, so the network is no longer punished
for committing itself to one of them. {depth} PSNR falls, since pixels are not what is asked for, and patterns of the
feature network's grid can appear; LPIPS says what was gained. A shift of all colours hardly shows in the features, so
a term on pixels holds them.
"""
SHALLOW = "relu2_2 lies early in the network: edges and small patterns, still well localised."
DEEP = "relu5_4 lies deep in it: larger structure and content, with much freedom in the pixels."

GAN = """
A discriminator learns at the same time to tell real HR patches from made ones, and the generator, which starts from
SRResNet, is rewarded for what passes as real: it is drawn from the average of all possible images to one of them
(Ledig et al. 2017). A content loss, here {content}, holds it to the given LR. The non-saturating form is used (the
generator raises the log-probability of being taken for real), which gives strong gradients just when the
discriminator is winning, and real images are labelled a little below 1, so that the discriminator never becomes too
sure.

Expect lower PSNR and better LPIPS than SRResNet: details are invented, plausible and not always right.
"""
CONTENTS = {
    "mse": "pixels",
    "vgg22": "VGG features of an early layer (edges and small patterns)",
    "vgg54": "VGG features of a deep layer, the variant that the paper calls SRGAN",
}

VIRTUAL = """
In this variant the discriminator's batch normalisation is virtual (Salimans et al. 2016): each image is normalised by
the statistics of a reference batch, chosen once, and its own. With ordinary batch normalisation the verdict on one
image depends on which others stand in its batch, and real and made batches have different statistics, which alone
gives them away.
"""

WGAN = """
The critic does not classify but scores, without bound, and the difference between its mean scores of real and made
images estimates the Wasserstein-1 distance: how much probability has to be moved, and how far, to make the one
distribution into the other. That distance falls smoothly even where the two do not overlap, where a perfect
discriminator's gradient vanishes. The estimate holds for critics whose slope is limited (1-Lipschitz up to a factor),
and the closer the critic is to its optimum, the better its advice.
"""
CLIPPED = """
Here the slope is limited as in the first paper (Arjovsky et al. 2017): after each update every weight of the critic
is clipped to a small interval, and RMSprop takes the place of Adam, whose momentum did not go well with it. The
authors themselves call clipping a terrible way to do so: it favours very simple critics; wgan-gp has a better way.
The critic gets several updates for each of the generator's.
"""
PENALTY = """
Here the slope is limited by a penalty (Gulrajani et al. 2017): an optimal critic has gradient norm 1 almost
everywhere on the lines between real and made images, so departures from 1 are punished at random points on them. The
critic has no batch normalisation, with which an image's gradient would depend on the rest of its batch. A critic that
learns faster than the generator (two time-scale rule, Heusel et al. 2017) needs only one update per step.
"""
