"""What may be asked of every model and embedder section, whatever its type."""

from __future__ import annotations

from decimal import Decimal


class EmbedderFacts:
    """What every embedder section answers; None where a section's type does not have the fact."""

    @property
    def price_id(self) -> str | None:
        """The id under which its tokens are priced; None where nothing names one."""
        return None

    @property
    def device_hour_price(self) -> Decimal | None:
        """Money for one hour of the machine that it runs on; None where it has none or declares no price."""
        return None


class ModelFacts(EmbedderFacts):
    """What every model section answers; None where a section's type does not have the fact."""

    @property
    def tuned_from_name(self) -> str | None:
        """Name of the model of this suite that this one is tuned from; None where it names none."""
        return None

    @property
    def declared_kind(self) -> str | None:
        """The kind of arm that the section says this model answers as; None where it does not say."""
        return None

    @property
    def model_id(self) -> str | None:
        """The provider's id, the hub id or the folder of the model; None for a model that has none."""
        return None

    @property
    def output_limit(self) -> int | None:
        """Tokens at which one answer stops; None where the section does not say."""
        return None

    @property
    def request_rate_limit(self) -> int | None:
        """Most requests in one minute; None where the section sets no limit."""
        return None

    @property
    def replaced_by(self) -> str | None:
        """What takes the model's place at its price and quality once it is shut; None where nothing is declared."""
        return None
