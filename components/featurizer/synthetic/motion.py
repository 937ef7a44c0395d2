"""How an item is held up: brought in, held with a slight tremor, turned a little, taken away."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ENTER_S, LEAVE_S = 0.6, 0.5


@dataclass(frozen=True)
class Pose:
    """Where an item is: its middle and height in shares of the frame's height, its angles in degrees."""

    x: float
    y: float
    height: float
    roll: float
    pitch: float
    yaw: float
    speed: float
    """Pixels of smear, as a share of the frame's height; 0 at rest."""
    sideways: bool


@dataclass(frozen=True)
class Hold:
    """One time that an item is held up: drawn by lot once, then a function of time."""

    hold_s: float
    from_side: float
    """-1 in from the left, 1 from the right, 0 from below."""
    height: float
    roll: float
    pitch: float
    yaw: float
    drift: float
    phase: float
    offset: tuple[float, float]

    @property
    def total_s(self) -> float:
        """Seconds from the first sight to the last."""
        return ENTER_S + self.hold_s + LEAVE_S

    def at_rest(self, t: float) -> bool:
        """Whether the item is held still and fully in view ``t`` seconds after it began to come."""
        return ENTER_S <= t < ENTER_S + self.hold_s

    def pose(self, t: float) -> Pose:
        """Where the item is after ``t`` seconds."""
        away, speed = self._away(t)
        wave = math.sin(0.9 * t + self.phase)
        tremble = 0.0028
        dx = tremble * (math.sin(7.3 * t + self.phase) + 0.6 * math.sin(12.1 * t + 2 * self.phase))
        dy = tremble * (math.sin(6.1 * t + 1.7 * self.phase) + 0.6 * math.sin(10.7 * t))
        x = self.offset[0] + dx + 1.5 * away * self.from_side
        y = self.offset[1] + dy + 1.15 * away * (1 - abs(self.from_side))
        roll = self.roll + self.drift * wave + 14 * away * (self.from_side or 0.6)
        yaw = self.yaw + 1.6 * self.drift * math.sin(0.7 * t + 1.3 * self.phase)
        return Pose(x, y, self.height, roll, self.pitch, yaw, speed, self.from_side != 0)

    def _away(self, t: float) -> tuple[float, float]:
        """How far from its place (1: out of sight), and how fast."""
        if t < ENTER_S:
            left = 1 - t / ENTER_S
            return left**3, 0.11 * left**2
        if t < ENTER_S + self.hold_s:
            return 0.0, 0.0
        gone = min(1.0, (t - ENTER_S - self.hold_s) / LEAVE_S)
        return gone**2, 0.11 * gone


def draw_hold(hold_s: float, rng: np.random.Generator) -> Hold:
    """A new way of holding an item up."""
    return Hold(
        hold_s=hold_s,
        from_side=float(rng.choice([-1, 0, 0, 1])),
        height=float(rng.uniform(0.66, 0.77)),
        roll=float(rng.uniform(-8, 8)),
        pitch=float(rng.uniform(-8, 8)),
        yaw=float(rng.uniform(-12, 12)),
        drift=float(rng.uniform(1.0, 2.4)),
        phase=float(rng.uniform(0, 6.28)),
        offset=(float(rng.uniform(-0.03, 0.03)), float(rng.uniform(-0.04, -0.01))),
    )


def corners(pose: Pose, width: float, height: float, frame: tuple[int, int], middle: float) -> npt.NDArray[np.float32]:
    """Pixels of the corners (clockwise from the top left) of a flat picture of ``width`` x ``height`` item heights.

    ``middle`` is how far below its upper edge, in item heights, the point lies that the pose speaks of.
    """
    unit = pose.height * frame[1]
    flat = np.array(
        [(-width / 2, -middle), (width / 2, -middle), (width / 2, height - middle), (-width / 2, height - middle)]
    )
    a, b, c = (math.radians(angle) for angle in (pose.roll, pose.pitch, pose.yaw))
    x, y = flat[:, 0] * math.cos(c), flat[:, 1]
    z = flat[:, 0] * math.sin(c) + y * math.sin(b)
    y = y * math.cos(b)
    x, y = x * math.cos(a) - y * math.sin(a), x * math.sin(a) + y * math.cos(a)
    k = unit * 3.0 / (3.0 + z)
    center_x, center_y = frame[0] / 2 + pose.x * frame[1], (0.5 + pose.y) * frame[1]
    return np.stack([center_x + k * x, center_y + k * y], axis=1).astype(np.float32)
