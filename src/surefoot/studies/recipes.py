"""Recipe sets: files of recipes, and the two that ship."""

from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal, TypeVar

import yaml
from attrs import evolve, field, frozen

from surefoot.core.errors import RecipeError, UsageError, did_you_mean
from surefoot.core.recipe import Recipe
from surefoot.core.text import number_of
from surefoot.optimizers import parse as parse_rule
from surefoot.optimizers.scopes import base
from surefoot.schedules import parse as parse_schedule

Curves = Literal["validation", "test"]
_CURVES: dict[str, Curves] = {"validation": "validation", "test": "test"}
Made = TypeVar("Made")
SETS = files("surefoot.studies") / "sets"


def _recipes(given: Iterable[Recipe]) -> tuple[Recipe, ...]:
    recipes = tuple(given) if isinstance(given, Iterable) else (given,)
    for recipe in recipes:
        if not isinstance(recipe, Recipe):
            remedy = "give Recipes, the name of a set, or a recipe file"
            raise RecipeError("this is not a recipe", received=recipe, remedy=remedy)
    return recipes


@frozen
class RecipeSet:
    """Recipes, and what a set may fix about how they are compared (None: as the task says)."""

    recipes: tuple[Recipe, ...] = field(converter=_recipes)
    batch_size: int | None = None
    epochs: int | None = None
    curves: Curves = "validation"

    def __attrs_post_init__(self) -> None:
        names = [recipe.name for recipe in self.recipes]
        if not names:
            raise RecipeError("there are no recipes to compare")
        for name in names:
            if names.count(name) > 1:
                raise RecipeError("two recipes have the same name", received=name, remedy="give each its own")

    def at_rates(self, rates: Sequence[float]) -> "RecipeSet":
        """Every recipe at the given rate; at several, one recipe a rate."""
        if not rates:
            return self
        many = len(rates) > 1
        return evolve(
            self,
            recipes=[
                evolve(recipe, lr=rate, name=f"{recipe.name}, lr {rate:g}" if many else recipe.name)
                for recipe in self.recipes
                for rate in rates
            ],
        )


def recipe_sets() -> list[str]:
    """The names of the sets that ship."""
    return sorted(entry.name.removesuffix(".yaml") for entry in SETS.iterdir() if entry.name.endswith(".yaml"))


def load_recipes(given: "str | Path | RecipeSet | Recipe | Sequence[Recipe]") -> RecipeSet:
    """A recipe set from the name of one that ships, a YAML file, or recipes.

    Raises RecipeError for an unknown name and for a file that makes no sense, with its line and column.
    """
    if isinstance(given, RecipeSet):
        return given
    if isinstance(given, Recipe):
        return RecipeSet([given])
    if not isinstance(given, str | Path):
        return RecipeSet(given)
    if str(given) in recipe_sets():
        return read((SETS / f"{given}.yaml").read_text(encoding="utf-8"), f"{given}.yaml")
    path = Path(given)
    if path.suffix not in (".yaml", ".yml"):
        raise RecipeError(
            f"no recipe set {str(given)!r}", remedy=f"{did_you_mean(str(given), recipe_sets())}, or a .yaml file"
        )
    try:
        return read(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as wrong:
        raise RecipeError(f"cannot read the recipe file {path}: {wrong}") from None


def read(text: str, name: str) -> RecipeSet:
    """A recipe set from YAML text; `name` is for messages."""
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError:
        raise RecipeError(f"{name}: this is not a recipe file: it is nested too deeply") from None
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise RecipeError(f"{place}: this is not YAML: {getattr(wrong, 'problem', None) or wrong}") from None
    return _File(name).whole(tree)


@frozen
class _File:
    """A file being read: every complaint names its line and column."""

    name: str

    def whole(self, node: yaml.Node | None) -> RecipeSet:
        if node is None:
            raise RecipeError(f"{self.name}: the file is empty", remedy="see docs/recipes.md")
        if isinstance(node, yaml.SequenceNode):
            return self._made(node, lambda: RecipeSet(self._recipes(node)))
        parts = self._mapping(node, {"recipes", "batch_size", "epochs", "curves"}, "a recipe file")
        if "recipes" not in parts:
            raise self._wrong(node, "the file has no list named recipes")
        curves: Curves | None
        batch_size, epochs = (self._whole(parts[key]) if key in parts else None for key in ("batch_size", "epochs"))
        curves = _CURVES.get(self._text(parts["curves"])) if "curves" in parts else "validation"
        if curves is None:
            raise self._wrong(parts["curves"], "curves must be validation or test", parts["curves"].value)
        return self._made(node, lambda: RecipeSet(self._recipes(parts["recipes"]), batch_size, epochs, curves))

    def _recipes(self, node: yaml.Node) -> list[Recipe]:
        if not isinstance(node, yaml.SequenceNode):
            raise self._wrong(node, "recipes must be a list")
        return [self._recipe(item) for item in node.value]

    def _recipe(self, node: yaml.Node) -> Recipe:
        parts = self._mapping(node, None, "a recipe")
        for needed in ("name", "optimizer"):
            if needed not in parts:
                raise self._wrong(node, f"the recipe has no {needed}")
        texts = {key: self._text(value) for key, value in parts.items()}
        rule = self._made(parts["optimizer"], lambda: parse_rule(texts["optimizer"]))
        if "schedule" in parts and self._made(parts["schedule"], lambda: parse_schedule(texts["schedule"])).is_rate:
            remedy = "give the number as lr and the shape as schedule"
            raise self._wrong(
                parts["schedule"], "a schedule is a shape, which multiplies lr", texts["schedule"], remedy
            )
        rate = self._number(parts["lr"]) if "lr" in parts else None
        other = {key: value for key, value in texts.items() if key not in ("name", "optimizer", "lr", "schedule")}
        for key, value in other.items():
            if base(key) not in rule.hyper:
                known = {"name", "optimizer", "schedule", *rule.hyper}
                raise self._wrong(
                    parts[key], f"a recipe of {rule.name} has no {key!r}", remedy=did_you_mean(key, known)
                )
            if (fixed := number_of(value)) is None:
                self._made(parts[key], lambda text=value: parse_schedule(text))  # type: ignore[misc]
            else:
                self._made(parts[key], lambda key=key, fixed=fixed: rule.check(base(key), fixed))  # type: ignore[misc]
        schedule = texts.get("schedule", "constant()")
        return self._made(
            parts.get("lr", node), lambda: Recipe(texts["name"], texts["optimizer"], rate, schedule, other)
        )

    def _mapping(self, node: yaml.Node, known: set[str] | None, what: str) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self._wrong(node, f"{what} must be a mapping of names to values", remedy="see docs/recipes.md")
        parts: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._wrong(key, f"the names in {what} are plain texts")
            if key.value in parts:
                raise self._wrong(key, f"{key.value!r} is given twice")
            if known is not None and key.value not in known:
                raise self._wrong(key, f"{what} has no {key.value!r}", remedy=did_you_mean(str(key.value), known))
            parts[key.value] = value
        return parts

    def _text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            raise self._wrong(node, "this must be a text or a number")
        return str(node.value)

    def _number(self, node: yaml.Node) -> float:
        value = number_of(self._text(node))
        if value is None:
            raise self._wrong(node, "this must be a finite number", node.value)
        return value

    def _whole(self, node: yaml.Node) -> int:
        value = self._number(node)
        if value < 1 or value != int(value):
            raise self._wrong(node, "this must be a whole number above 0", node.value)
        return int(value)

    def _made(self, node: yaml.Node, make: Callable[[], Made]) -> Made:
        try:
            return make()
        except UsageError as wrong:
            if str(wrong).startswith(f"{self.name}:"):
                raise
            raise self._wrong(node, str(wrong)) from None

    def _wrong(self, node: yaml.Node, what: str, received: object = None, remedy: str = "") -> RecipeError:
        place = f"{self.name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
        return RecipeError(f"{place}: {what}", received=received, remedy=remedy)
