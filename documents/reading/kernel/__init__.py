"""What Linux offers for giving things up, asked for directly: no package of the system is needed.

Every function answers whether it took effect. Kernels differ, and containers forbid some of it; what is lacking is left
to the layers that are there, and `confine.examine` says which those are.
"""
