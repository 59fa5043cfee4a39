"""How many secret functions are trained: one of a few numbers, so that the number tells little."""

from __future__ import annotations

from sirensong.training.recipe import Recipe

CLASSES = (2, 4, 8, 16, 32, 64)
"""Numbers of secret functions; the last is the number of a carrier's slots."""


def functions_for(recipe: Recipe, secrets: int) -> int:
    """How many secret functions a recipe trains.

    Args:
        recipe: how functions are trained. With `functions=0` exactly the secrets are trained for.
        secrets: how many secrets there are.

    Returns:
        The smallest class that holds the secrets and the recipe's functions. More secrets than the
        largest class holds are returned as they are: a job refuses them.
    """
    if not recipe.functions:
        return secrets
    least = max(secrets, recipe.functions)
    return next((size for size in CLASSES if size >= least), least)
