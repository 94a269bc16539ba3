"""Networks of Caffe, as their `.prototxt` describes them."""

from kitnet.interop.caffe.network import CaffeNet, read_prototxt

__all__ = ["CaffeNet", "read_prototxt"]
