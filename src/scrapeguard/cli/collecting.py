"""What our long-running commands ask of Python's garbage collector: to leave alone what is there for good."""

import gc


def settle() -> None:
    """To be called once all is loaded. What lives now is never looked at again, which spares visitors long pauses.

    A collection of everything, modules and patterns included, holds a process up for 20 ms and more.
    """
    gc.collect()
    gc.freeze()
