"""By which route a model of the suite is tuned, and how long it and the models on it last."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlsplit

from evalkit.decision.context import ComparedRun
from evalkit.economics.cash_flow import months_between
from evalkit.economics.lifetime import Lifetime, lifetime
from evalkit.economics.providers import Route, route
from evalkit.economics.triangular import exact
from evalkit.records.arm import ArmFacts
from evalkit.suite.models import GeminiModelConfig, HostedModelConfig, OpenAIModelConfig, TunedModelConfig
from evalkit.suite.schema import Suite

_HOSTS = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure",
    "aiplatform.googleapis.com": "vertex",  # regions stand before it with a hyphen
    "generativelanguage.googleapis.com": "gemini_developer_api",
    "api.mistral.ai": "mistral",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "api.together.xyz": "together",
    "api.together.ai": "together",
}
_TUNE = re.compile(r"ft:(?P<base>[^:]+)")


@dataclass(frozen=True, slots=True)
class TuningRoute:
    """The route by which a model is tuned, and the id of the base model on it.

    Attributes:
        route: None where the suite does not tell which provider it is.
        base_model: Id of the model that is tuned.
    """

    route: Route | None
    base_model: str


def route_of(suite: Suite, model: str) -> TuningRoute:
    """The route by which a model of the suite was tuned, or would be."""
    config = suite.models[model]
    if isinstance(config, TunedModelConfig):
        return TuningRoute(route("local"), config.base)
    base = config.tuned_from
    if config.type in ("embedded", "transformers"):
        return TuningRoute(route("local"), base or model)
    if isinstance(config, HostedModelConfig):
        provider = _provider(config)
        base_config = suite.models.get(base) if base is not None else None
        tune = _TUNE.match(config.model)
        named_base = base_config.model if isinstance(base_config, HostedModelConfig) else None
        base_id = named_base or (tune["base"] if tune else config.model)
        return TuningRoute(None if provider is None else route(provider), base_id)
    return TuningRoute(None, base or model)


def _provider(config: HostedModelConfig) -> str | None:
    """The route's name, from the configuration or the address; None where no known provider has the address."""
    if isinstance(config, GeminiModelConfig):
        return "vertex" if config.vertex is not None else "gemini_developer_api"
    if isinstance(config, OpenAIModelConfig) and config.azure is not None:
        return "azure"
    host = urlsplit(config.base_url or "https://api.openai.com").hostname or ""
    return next(
        (
            name
            for domain, name in _HOSTS.items()
            if host == domain or host.endswith((f".{domain}", f"-{domain}"))
        ),
        None,
    )


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last day.

    >>> months_later(date(2026, 11, 30), 3)
    datetime.date(2027, 2, 28)
    """
    year, month = divmod(day.month - 1 + months, 12)
    last = (date(day.year + year + (month + 1) // 12, (month + 1) % 12 + 1, 1) - date.resolution).day
    return date(day.year + year, month + 1, min(day.day, last))


def arm_life(suite: Suite, run: ComparedRun, arm: ArmFacts, today: date) -> Lifetime:
    """The life of an arm inside the horizon.

    Args:
        suite: Horizon, discount rate, and what takes the place of a model that shuts.
        run: What providers announced while it was answered.
        arm: Tuned or not.
        today: The day the run was started.

    Raises:
        ValueError: The suite declares no economics.
    """
    economics = suite.economics
    if economics is None:
        raise ValueError("a life needs a horizon: declare `economics` in the suite")
    shuts = shutdown_day(suite, run, arm)
    return lifetime(
        economics.horizon_months,
        exact(economics.discount_rate),
        shuts_after=None if shuts is None else months_between(today, shuts),
        successor=suite.models[arm.model].replaced_by is not None,
    )


def shutdown_day(suite: Suite, run: ComparedRun, arm: ArmFacts) -> date | None:
    """The first day on which the arm's model no longer answers: as announced, and as shipped with evalkit.

    A date of retirement that a provider only calls deprecation is none: the model goes on answering.
    """
    days = [
        date.fromisoformat(each.day)
        for each in run.observations.announced
        if each.model == arm.model and each.what == "shuts"
    ]
    tuning_route = route_of(suite, arm.model)
    if tuning_route.route is not None:
        shuts = tuning_route.route.shuts_on(tuning_route.base_model, tuned=arm.tuned)
        days += [] if shuts is None else [shuts]
    return min(days, default=None)
