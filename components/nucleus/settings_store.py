"""The configuration of the deployed components: read, merged, and watched."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Watcher = Callable[[str, tuple[str, ...]], None]


class SettingsStore:
    """One map per component; a watcher hears of every leaf that changes, with its component and its path."""

    def __init__(self) -> None:
        self._settings: dict[str, dict[str, Any]] = {}
        self._watchers: list[Watcher] = []

    def put(self, component: str, settings: Mapping[str, Any]) -> None:
        """Set the whole configuration of ``component``; nobody is told."""
        self._settings[component] = copy.deepcopy(dict(settings))

    def watch(self, watcher: Watcher) -> None:
        """Call ``watcher(component, path)`` for every leaf that changes from now on."""
        self._watchers.append(watcher)

    def read(self, component: str, path: Sequence[str] = ()) -> Any:
        """What lies at ``path``; raises KeyError where there is nothing."""
        value: Any = self._settings[component]
        for key in path:
            if not isinstance(value, dict):
                raise KeyError(key)
            value = value[key]
        return value

    def merge(self, component: str, path: Sequence[str], changes: Mapping[str, Any]) -> list[tuple[str, ...]]:
        """Merge ``changes`` into the map at ``path``, made where it lacks; gives the paths of the leaves that changed.

        Raises KeyError for an unknown component and ValueError where ``path`` leads to something that is no map.
        """
        target = self._settings[component]
        for key in path:
            target = target.setdefault(key, {})
            if not isinstance(target, dict):
                raise ValueError(f"{'/'.join(path)} is no map")
        changed = _merge(target, changes, tuple(path))
        for leaf in changed:
            for watcher in self._watchers:
                watcher(component, leaf)
        return changed


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``base`` with ``changes`` merged into it: maps key by key, anything else replaced."""
    result = copy.deepcopy(dict(base))
    _merge(result, changes, ())
    return result


def _merge(target: dict[str, Any], changes: Mapping[str, Any], at: tuple[str, ...]) -> list[tuple[str, ...]]:
    changed = []
    for key, value in changes.items():
        existing = target.get(key)
        if isinstance(value, Mapping) and isinstance(existing, dict):
            changed += _merge(existing, value, (*at, key))
        elif key not in target or existing != value:
            target[key] = copy.deepcopy(value)
            changed.append((*at, key))
    return changed
