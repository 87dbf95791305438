"""What ``srbench info`` says of the family's ideas."""

NETWORK = """
The generator is RRDBNet (Wang et al. 2018). Its block is residual in residual: three dense blocks, in each of which
five convolutions see all before them, and both a dense block's and the whole block's correction are multiplied with 0.2
before they are added. There is no batch normalisation, which in deep networks for this task leaves artefacts. All of it
works at LR size; enlarging is nearest neighbour and a convolution, twice for x4.
"""
PIXELS = """
This row is trained on L1 alone: the network that the paper lists for PSNR, and the one that esrgan starts from.
"""
GAN = """
The discriminator is relativistic and averages (Jolicoeur-Martineau 2018): it does not say whether an image is real, but
whether a real one looks more real than the made ones on average, and the other way round. The generator's gradient
then comes from real and from made images alike. {content} Expect lower PSNR and much better LPIPS than rrdb.
"""
CONTENT = """
The perceptual loss compares VGG19's features before the activation, where they are not yet sparse, by L1, and a small
L1 of pixels holds the colours.
"""
SMALL_CONTENT = """
The content loss looks at early VGG features and at pixels, so that a step is affordable without an accelerator.
"""
SMALL = """
It is the small variant: 4 blocks of 32 channels instead of 23 of 64, a twentieth of the parameters, for training on a
CPU or trying a recipe out.
"""
