"""A device that is not there is said before any work."""


def require_device(name: str) -> None:
    """Raise a UserError unless this machine has the device called `name`, even where the store has all that is needed.

    Torch, which is slow to load, is only asked for what not every machine has.
    """
    if name not in ("auto", "cpu"):
        from tlk.workflows.inputs import choose_device

        choose_device(name)
