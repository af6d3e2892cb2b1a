"""What PyTorch needs to be quick on a few shared cores. Import this module before torch."""

import ctypes
import os
import resource

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that wait do not burn the other core


def configure(threads, seed):
    """Threads of PyTorch, and its random state. Memory of tensors is kept by the process instead of being returned to the
    kernel after each operation, whose zeroing of fresh pages otherwise takes as long as the arithmetic."""
    import torch

    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        trim_threshold, mmap_threshold, top = -1, -3, 2**31 - 1  # numbers of malloc.h
        mallopt(mmap_threshold, top)
        mallopt(trim_threshold, top)
    except (OSError, AttributeError):
        pass  # not glibc: slower, and the same results


def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
