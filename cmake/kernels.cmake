# Flags of the kernels' instruction sets: one file a set, compiled for it, chosen when the program starts.
