"""Whether a model still does what was written here a second time, or has methods of its own."""

from typing import Any


def method(owner: Any, name: str) -> Any:
    """Return the function behind a method of an object, whichever class has it; None without such a method."""
    bound = getattr(owner, name, None)
    return getattr(bound, "__func__", bound)


def refuse_overrides(owner: Any, base: type, *names: str) -> None:
    """Refuse an object that does something in its own way.

    Args:
        owner: A detector or a head.
        base: The class whose methods are known here.
        names: The methods.

    Raises:
        ValueError: One of the methods is not that of ``base``.
    """
    for name in names:
        if method(owner, name) is not getattr(base, name):
            raise ValueError(refusal(owner, base, name))


def refusal(owner: Any, base: type, name: str) -> str:
    """Return why an object with such a method of its own is refused."""
    return (
        f"{type(owner).__name__} cannot be exported: its {name} is not that of {base.__name__}, "
        "and cnxv2 has no version of it that can be recorded"
    )
