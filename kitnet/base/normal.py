"""The constants of GELU's form by tanh, u = SLOPE (x + CUBIC x^3) (Hendrycks & Gimpel 2016, section 2)."""

import math

SLOPE, CUBIC = math.sqrt(2 / math.pi), 0.044715
