"""Kernels for few images, which could not fill the vector lanes: the channels lie innermost."""
