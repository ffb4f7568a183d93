"""Rights: what may be done with a recording, and why.

Licences as people write them become values (`parse_licence`); evidence becomes a verdict for each
use (`decide`), by rules that are data (rules.toml) and are named in every verdict. Nothing here
reads a file of the archive: evidence comes in, a verdict goes out.
"""

from phonotheque.rights.agreed import agreed_licences, attribution, licence_text
from phonotheque.rights.bulk import (
    ATTESTED,
    BITS,
    POSSIBLE,
    SURE,
    TIMED,
    YEAR_PARTS,
    Situation,
    cut_years,
    dated,
    level_in,
    levels_of,
    mask_of,
)
from phonotheque.rights.business_days import (
    BusinessCalendar,
    Window,
    calendar_of,
    put_back_window,
)
from phonotheque.rights.cases import (
    DECISIONS,
    HOLDING,
    CaseState,
    Ground,
    Standing,
    check_move,
    complaints_until,
    is_late,
)
from phonotheque.rights.checking import check_rules
from phonotheque.rights.deals import parse_deal
from phonotheque.rights.decide import (
    EVERYWHERE,
    Argument,
    LayerArgument,
    argue,
    decide,
    format_day,
    term_reason,
)
from phonotheque.rights.explain import (
    RuleView,
    VerdictView,
    explain_verdict,
    rule_ids,
    view_rule,
)
from phonotheque.rights.expressions import expression_by_id, licences_in, parse_expression
from phonotheque.rights.facts import Facts, Years, facts_of
from phonotheque.rights.legal import legal_text
from phonotheque.rights.licences import Family, Licence, licence_by_id
from phonotheque.rights.notices import (
    Answer,
    Contact,
    CounterNotice,
    Lack,
    Law,
    Material,
    Notice,
    Statements,
    answer_notice,
    check_counter,
    check_notice,
)
from phonotheque.rights.parse import parse_licence, says_public_domain
from phonotheque.rights.policy import Policy, policy_of
from phonotheque.rights.redaction import (
    NOT_HERE,
    published_lacks,
    published_sender,
    published_works,
    redact,
)
from phonotheque.rights.rules import Mark, Rule, rule_book
from phonotheque.rights.signals import signal_evidence, tag_signal_evidence
from phonotheque.rights.statements_org import RightsStatement, parse_rights_statement
from phonotheque.rights.telling import lines_of, lines_of_evidence, lines_of_rules
from phonotheque.rights.term_rules import TermRule, as_day, term_rules
from phonotheque.rights.term_sql import term_query, year_columns
from phonotheque.rights.terms import OPEN
from phonotheque.rights.territories import Jurisdiction, jurisdiction_of, jurisdictions
from phonotheque.rights.years import FOREVER, NEVER, Known, Span

__all__ = [
    "ATTESTED",
    "BITS",
    "DECISIONS",
    "EVERYWHERE",
    "FOREVER",
    "HOLDING",
    "NEVER",
    "NOT_HERE",
    "OPEN",
    "POSSIBLE",
    "SURE",
    "TIMED",
    "YEAR_PARTS",
    "Answer",
    "Argument",
    "BusinessCalendar",
    "CaseState",
    "Contact",
    "CounterNotice",
    "Facts",
    "Family",
    "Ground",
    "Jurisdiction",
    "Known",
    "Lack",
    "Law",
    "LayerArgument",
    "Licence",
    "Mark",
    "Material",
    "Notice",
    "Policy",
    "RightsStatement",
    "Rule",
    "RuleView",
    "Situation",
    "Span",
    "Standing",
    "Statements",
    "TermRule",
    "VerdictView",
    "Window",
    "Years",
    "agreed_licences",
    "answer_notice",
    "argue",
    "as_day",
    "attribution",
    "calendar_of",
    "check_counter",
    "check_move",
    "check_notice",
    "check_rules",
    "complaints_until",
    "cut_years",
    "dated",
    "decide",
    "explain_verdict",
    "expression_by_id",
    "facts_of",
    "format_day",
    "is_late",
    "jurisdiction_of",
    "jurisdictions",
    "legal_text",
    "level_in",
    "levels_of",
    "licence_by_id",
    "licence_text",
    "licences_in",
    "lines_of",
    "lines_of_evidence",
    "lines_of_rules",
    "mask_of",
    "parse_deal",
    "parse_expression",
    "parse_licence",
    "parse_rights_statement",
    "policy_of",
    "published_lacks",
    "published_sender",
    "published_works",
    "put_back_window",
    "redact",
    "rule_book",
    "rule_ids",
    "says_public_domain",
    "signal_evidence",
    "tag_signal_evidence",
    "term_query",
    "term_reason",
    "term_rules",
    "view_rule",
    "year_columns",
]
