"""A trained network as an object file with a C header: no run-time, no allocation, the plan's own kernels."""

from kitnet.interop.native.library import THIS, NativeLibrary, native_library

__all__ = ["THIS", "NativeLibrary", "native_library"]
