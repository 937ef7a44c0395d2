"""Every route says who may use it; a route that says nothing does not exist."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask

from dashboard.security import ROLES

View = Callable[..., Any]


def route(blueprint: Blueprint, rule: str, *, role: str, methods: tuple[str, ...] = ("GET",)) -> Callable[[View], View]:
    """Serve ``rule`` with the decorated view, for ``role``."""
    if role not in ROLES:
        raise ValueError(f"Role {role!r} is none of {', '.join(ROLES)}.")

    def register(view: View) -> View:
        view.role = role  # type: ignore[attr-defined]  # read by roles()
        blueprint.add_url_rule(rule, view_func=view, methods=list(methods))
        return view

    return register


def roles(app: Flask) -> dict[str, str | None]:
    """Method and rule -> role, for the inventory; None where a route declares none."""
    return {
        f"{method} {rule.rule}": getattr(app.view_functions[rule.endpoint], "role", None)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
