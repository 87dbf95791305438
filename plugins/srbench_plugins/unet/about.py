"""What ``srbench info`` says of the family's ideas."""

NETWORK = """
A U-Net looks at the enlarged LR at several sizes: strided convolutions halve it step by step, where each pixel sees
more of its surroundings, and sub-pixel stages bring it back up. At every level a skip connection hands the finer
features across, so that what is known exactly need not pass through the narrow middle. The last skip is the image
itself: the network learns only what bicubic misses, and starts as bicubic.
"""

MSE = """
Trained on the mean squared error it is the plain member of the family: the best PSNR, and as smooth as averages are.
The other rows have the same network under other losses, so that what they gain and lose is the loss's doing.
"""

PERCEPTUAL = """
The loss compares feature maps of VGG16 at relu3_3 instead of pixels (Johnson et al. 2016): layers in the middle of a
classification network answer to textures and parts of objects and forgive small shifts. Edges and texture come out
crisper than under MSE, at the price of PSNR and, now and then, of a fine regular pattern that the features do not
mind. Another layer can be chosen, --loss vgg16.relu2_2 for example; boards then say that it was.
"""

GRAM = """
The loss is that of fastai's lesson 7: L1 of pixels, L1 of VGG16-BN features before three of its poolings, and L1 of
their Gram matrices. A Gram matrix holds how often features occur together and not where: it is the style term of
Gatys et al. (2015), and asks for the right kind of texture everywhere. Pixels hold colour and place, features hold
content, Gram matrices hold texture.
"""

NOGAN = """
NoGAN (Antic, Howard and fast.ai, 2019) keeps the dangerous part of a GAN's training short. First the U-Net learns on
pixels alone; then the critic alone, on what the U-Net makes; only then do they meet. From there the critic learns in
every step, and the generator only while the critic's loss is low enough for its opinion to be worth something
(fastai's adaptive switch): no more than a correction is left to do, and most of the instability of GANs has no time
to appear. The critic sees pairs, enlarged LR beside HR or SR, so it judges whether the image fits its LR too.
"""

PIX2PIX = """
pix2pix (Isola et al. 2017) is a conditional GAN: translate an image of one kind, here enlarged LR, into one of
another, from examples in pairs. L1 takes care of the low frequencies and is less smooth than MSE; the critic need
only judge the high ones, so it looks at patches of 70x70 pixels and gives a verdict on each (PatchGAN). It sees input
and output together, so that what looks real but does not belong to the input is caught.
"""
