"""What an archive declares about itself, which some rules ask for. Nothing is presumed."""

from dataclasses import dataclass, field

from phonotheque.model.archive import DEFAULT_TERRITORIES, RightsSettings
from phonotheque.model.errors import FormatError
from phonotheque.rights.rules import rule_book
from phonotheque.rights.term_rules import term_rules
from phonotheque.rights.territories import DEFAULT, jurisdiction_of


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's choices. `accepted_rules` are rules marked K that the operator relies on.

    `eu_chi`: a publicly accessible library, museum, archive or heritage institution;
    `us_108_library`: a library or archives in the sense of 17 USC 108.
    """

    noncommercial: bool = False
    eu_chi: bool = False
    us_108_library: bool = False
    research_org: bool = False
    accepted_rules: frozenset[str] = field(default=frozenset())
    territories: tuple[str, ...] = DEFAULT_TERRITORIES
    seat: str = DEFAULT
    keep_withdrawn: bool = True


def policy_of(settings: RightsSettings, seat: str = DEFAULT) -> Policy:
    """The policy that `archive.toml` states; `seat` is the publisher's country.

    Raises:
        FormatError: an accepted rule is not known.
        InputError: a territory is no code of two letters.
    """
    known = rule_book().keys() | term_rules().keys() | _kept_ids()
    for name in settings.accepted_rules:
        if name not in known:
            raise FormatError(
                f"archive.toml: rights.accepted_rules names {name}, which is no rule; "
                "`phonotheque rights rules` lists them"
            )
    for territory in settings.territories:
        jurisdiction_of(territory)
    return Policy(
        noncommercial=settings.noncommercial,
        eu_chi=settings.eu_chi,
        us_108_library=settings.us_108_library,
        research_org=settings.research_org,
        accepted_rules=frozenset(settings.accepted_rules),
        territories=settings.territories,
        seat=seat,
        keep_withdrawn=settings.withdrawn_audio == "keep",
    )


def _kept_ids() -> set[str]:
    return {one.rule.kept_free.id for one in term_rules().values() if one.rule.kept_free}
