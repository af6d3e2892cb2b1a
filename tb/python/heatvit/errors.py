"""What the package raises. The text is the one line that the program prints for the same mistake."""


class Error(Exception):
    """Any error of this package."""


class InputError(Error, ValueError):
    """Something is wrong with what was given: what, where, and what is allowed."""


class SimulationError(Error, RuntimeError):
    """The simulation failed, or its process did."""


class HeatvitWarning(UserWarning):
    """What the program prints as a warning: saturation, tiles that waste the array, ..."""
