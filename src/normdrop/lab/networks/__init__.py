"""The networks of the literature's experiments: every position and order by argument.

Adding one is a new file beside the others, exported here.
"""

from normdrop.lab.networks._autoencoder import Coded as Coded
from normdrop.lab.networks._autoencoder import SparseAutoencoder as SparseAutoencoder
from normdrop.lab.networks._autoencoder import autoencoder as autoencoder
from normdrop.lab.networks._convolutional import convolutional_network as convolutional_network
from normdrop.lab.networks._dense import dense_network as dense_network
from normdrop.lab.networks._initial import initialise as initialise
from normdrop.lab.networks._mobile import mobile_network as mobile_network
from normdrop.lab.networks._perceptron import perceptron as perceptron
from normdrop.lab.networks._rescaled import Correction as Correction
from normdrop.lab.networks._rescaled import RescaledDropout as RescaledDropout
from normdrop.lab.networks._residual import pre_resnet as pre_resnet
from normdrop.lab.networks._residual import residual_network as residual_network
from normdrop.lab.networks._residual import resnet as resnet
from normdrop.lab.networks._residual import resnext as resnext
from normdrop.lab.networks._residual import wide_resnet as wide_resnet
from normdrop.lab.networks._residual import (
    with_noise_before_last_weights as with_noise_before_last_weights,
)
from normdrop.lab.networks._two_modules import two_modules as two_modules
