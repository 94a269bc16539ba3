"""The constants of LeCun's scaled tanh, y = AMPLITUDE tanh(SLOPE x) (LeCun et al. 1998, appendix A)."""

AMPLITUDE, SLOPE = 1.7159, 2 / 3
