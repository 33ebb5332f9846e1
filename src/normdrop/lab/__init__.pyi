from normdrop.lab.tried import try_fix as try_fix

__all__: list[str]  # noqa: PYI035 - made of this stub, so that no name stands twice
