"""Floor 2: generated code. Knows shapes, strides and processors, nothing of networks; imports `kitnet.base`
only.
"""
