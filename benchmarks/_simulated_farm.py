"""A phone with some models, night after night, without a phone: simulated sessions through the real decisions."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from itertools import chain
from statistics import median

import numpy as np

from harness.domain import ComparisonVerdict, DatedOutcome, MetricChange, Night, PairOutcome
from harness.domain.comparisons import series_id_of
from harness.lab.night_history import NIGHTS_READ
from harness.measure.history import series_histories
from harness.measure.night import decide
from harness.measure.sentinel import NIGHTS, SentinelLevels
from harness.measure.simulator import SimulatedDevice, run_with_policy, simulate_session
from harness.measure.stopping import ScreenThenConfirm

YEAR, LAST_NIGHT_OF_STEP = 365, 10
MOST_BLOCKS = 36  # the screen and the last look after it
WILD_SHARE, WILD_SLOWER = 0.05, (0.10, 0.30)
UPDATE_EVERY, UPDATE = 120, 0.08
SEASON, SEASON_NIGHTS = 0.15, 120
WARMING_SPREAD = 0.01
SENTINEL_SD, DEVICE_ID = 0.004, "phone"
START = datetime(2026, 1, 1, 2, tzinfo=timezone.utc)


def upper_bound(count: int) -> float:
    """The upper end of the one-sided 95 % interval of the mean of a Poisson distribution that gave `count`."""
    from scipy.stats import chi2

    return float(chi2.ppf(0.95, 2 * (count + 1)) / 2)


def season(night: int) -> float:
    """How much slower than at its best a phone is at that time of the year."""
    return float(1.0 + SEASON / 2 * (1.0 - np.cos(2 * np.pi * night / SEASON_NIGHTS)))


@dataclass(frozen=True)
class Weather:
    """A night of one phone: how much slower it is than at first, and what its sessions are like. `is_usual` is False on
    wild nights, and on those that follow an update of the system until most of the level before is of its time."""

    level: float
    device: SimulatedDevice
    is_usual: bool


class Farm:
    """One phone. Counts are of nights and series: `paged` called somebody, `awaiting` would have by a second night."""

    def __init__(self, rng: np.random.Generator, models: Sequence[str], device: SimulatedDevice) -> None:
        self.paged = self.awaiting = self.changes = self.device_events = self.device_events_of_nothing = 0
        self.updates = self.updates_told = 0
        self._rng, self._models, self._device, self._night = rng, models, device, 0
        self._warming = float(rng.uniform(*device.drift))
        self._nights: list[list[DatedOutcome]] = []
        self._sentinel: deque[float] = deque(maxlen=NIGHTS)

    def quiet_year(self) -> None:
        """Nights on which no build changes."""
        for number in range(YEAR):
            night = self._make({})
            self.paged += _series(night, "REGRESSION")
            self.awaiting += _series(night, "AWAITING")
            told = sum(event.kind == "DEVICE" for event in night.events)
            self.device_events += told
            self.device_events_of_nothing += told * self._weather.is_usual
            if number and number % UPDATE_EVERY == 0:
                self.updates, self.updates_told = self.updates + 1, self.updates_told + told
        self.changes += sum(len(one.changes) for one in series_histories(list(chain(*self._nights))))

    def step(self, model: str, effect: float) -> int | None:
        """Make one model's candidate `effect` slower; the number of the night that calls somebody, from 1."""
        for number in range(1, LAST_NIGHT_OF_STEP + 1):
            night = self._make({model: effect})
            if any(event.kind == "REGRESSION" and _about(event.outcomes, model) for event in night.events):
                return number
        return None

    def _make(self, effects: Mapping[str, float]) -> Night:
        at, run_id = (START + timedelta(days=self._night)).isoformat(timespec="seconds"), f"night-{self._night}"
        weather = self._weather = self._next_weather()
        outcomes = [self._measured(model, weather, effects.get(model, 0.0)) for model in self._models]
        tonight_ms = weather.level * float(np.exp(weather.device.drift[0] + self._rng.normal(0.0, SENTINEL_SD)))
        night = decide(
            outcomes,
            run_id=run_id,
            name="farm",
            now=at,
            baseline="release",
            history=list(chain(*self._nights[-NIGHTS_READ:])),
            sentinel={DEVICE_ID: SentinelLevels(tonight_ms, tuple(self._sentinel))},
        )
        self._nights.append([DatedOutcome(run_id, at, outcome) for outcome in outcomes])
        self._sentinel.append(tonight_ms)
        self._night += 1
        return night

    def _next_weather(self) -> Weather:
        # One session for all models of a night; a phone in its place warms up much the same every night.
        drift = self._warming + float(self._rng.uniform(-WARMING_SPREAD, WARMING_SPREAD))
        device = replace(self._device, drift=(drift, drift))
        level = season(self._night) * (1.0 + UPDATE) ** (self._night // UPDATE_EVERY % 2)
        is_wild = bool(self._rng.random() < WILD_SHARE)
        if is_wild:
            level *= 1.0 + self._rng.uniform(*WILD_SLOWER)
            device = replace(device, process_sd=3 * device.process_sd)
        return Weather(level, device, is_usual=not is_wild and self._night % UPDATE_EVERY >= NIGHTS)

    def _measured(self, model: str, weather: Weather, effect: float) -> PairOutcome:
        session = simulate_session(self._rng, weather.device, MOST_BLOCKS, effect)
        found, stage, made = run_with_policy(session, ScreenThenConfirm())
        series = f"{model} float32 · cpu xnnpack 1 thread · adb serial={DEVICE_ID}"
        if found is None:
            raise AssertionError("a simulated session has all its blocks")
        base_ms = weather.level * median(entry.median_ms for entry in session.arm_a[:made])
        change = MetricChange(
            "latency",
            ComparisonVerdict(found.verdict),
            base_ms,
            base_ms * found.ratio,
            "ms",
            found.ratio,
            found.ci_low,
            found.ci_high,
            p=found.p,
            mde=found.mde,
            min_effect=found.min_effect,
            blocks=found.blocks,
        )
        return PairOutcome(
            series_id=series_id_of(series),
            series=series,
            model=model,
            variant="float32",
            backend="cpu xnnpack",
            device_id=DEVICE_ID,
            device_model="Simulated",
            base_case_id=f"{model} base",
            candidate_case_id=f"{model} candidate",
            changes=(change,),
            base_status="DONE",
            candidate_status="DONE",
            stage=stage,
        )


def _series(night: Night, kind: str) -> int:
    return sum(len(event.outcomes) for event in night.events if event.kind == kind)


def _about(outcomes: Sequence[PairOutcome], model: str) -> bool:
    return any(outcome.model == model for outcome in outcomes)
