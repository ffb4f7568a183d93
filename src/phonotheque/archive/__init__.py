"""The operator's side of an archive: init, ingest, build, publish, withdraw, keep fresh.

Each operation is a plan that only reads and an execution that writes under the archive's lock.
"""

from phonotheque.archive.arguing import RightsExplanation, explain_rights
from phonotheque.archive.build import BuildPlan, BuildReport, execute_build, plan_build
from phonotheque.archive.cases import Case, read_case, read_cases
from phonotheque.archive.ceremony import (
    CeremonyReport,
    KeysStatus,
    commit_keys,
    drop_proposals,
    key_status,
    renew_keys,
    rotate_keys,
)
from phonotheque.archive.claim_values import KINDS
from phonotheque.archive.claims import (
    ClaimPlan,
    ClaimView,
    execute_claim,
    plan_claim,
    plan_take_back,
    read_claims,
)
from phonotheque.archive.counters import CounterPlan, execute_counter, plan_counter
from phonotheque.archive.deriving import (
    DerivePlan,
    DeriveReport,
    TierCopies,
    execute_derive,
    plan_derive,
)
from phonotheque.archive.estimate import IngestEstimate, InputEstimate, estimate_ingest
from phonotheque.archive.explaining import explain
from phonotheque.archive.foreseeing import NextReport, ReviewReport, next_year, work_list
from phonotheque.archive.freshness import Freshness, FreshnessReport, keep_fresh
from phonotheque.archive.identifying import (
    Answer,
    Identification,
    identify_file,
    identify_fingerprint,
)
from phonotheque.archive.ingest import IngestReport, execute_ingest
from phonotheque.archive.ingest_plan import IngestPlan, plan_ingest
from phonotheque.archive.init import InitPlan, InitReport, execute_init, plan_init
from phonotheque.archive.keeping import (
    VaultStatus,
    VaultVerification,
    repair_vault,
    vault_status,
    verify_vault,
)
from phonotheque.archive.ledger import check_ledger
from phonotheque.archive.letters import Letter, read_letter
from phonotheque.archive.notices import (
    ReceivePlan,
    execute_receive,
    execute_step,
    plan_receive,
    plan_step,
)
from phonotheque.archive.orphaning import OrphanReport, keep_orphans
from phonotheque.archive.publish import PublishReport, execute_publish, plan_publish
from phonotheque.archive.publish_plan import PublishPlan
from phonotheque.archive.quarantining import (
    find_quarantined,
    quarantine_object,
    read_quarantine,
    release_quarantined,
)
from phonotheque.archive.restoring import RestorePlan, RestoreReport, execute_restore, plan_restore
from phonotheque.archive.steps import StepReport
from phonotheque.archive.vaults import open_vault
from phonotheque.archive.withdraw import (
    WithdrawPlan,
    WithdrawReport,
    execute_withdraw,
    plan_withdraw,
)
from phonotheque.archive.withdrawals import Withdrawal, read_withdrawals

__all__ = [
    "KINDS",
    "Answer",
    "BuildPlan",
    "BuildReport",
    "Case",
    "CeremonyReport",
    "ClaimPlan",
    "ClaimView",
    "CounterPlan",
    "DerivePlan",
    "DeriveReport",
    "Freshness",
    "FreshnessReport",
    "Identification",
    "IngestEstimate",
    "IngestPlan",
    "IngestReport",
    "InitPlan",
    "InitReport",
    "InputEstimate",
    "KeysStatus",
    "Letter",
    "NextReport",
    "OrphanReport",
    "PublishPlan",
    "PublishReport",
    "ReceivePlan",
    "RestorePlan",
    "RestoreReport",
    "ReviewReport",
    "RightsExplanation",
    "StepReport",
    "TierCopies",
    "VaultStatus",
    "VaultVerification",
    "WithdrawPlan",
    "WithdrawReport",
    "Withdrawal",
    "check_ledger",
    "commit_keys",
    "drop_proposals",
    "estimate_ingest",
    "execute_build",
    "execute_claim",
    "execute_counter",
    "execute_derive",
    "execute_ingest",
    "execute_init",
    "execute_publish",
    "execute_receive",
    "execute_restore",
    "execute_step",
    "execute_withdraw",
    "explain",
    "explain_rights",
    "find_quarantined",
    "identify_file",
    "identify_fingerprint",
    "keep_fresh",
    "keep_orphans",
    "key_status",
    "next_year",
    "open_vault",
    "plan_build",
    "plan_claim",
    "plan_counter",
    "plan_derive",
    "plan_ingest",
    "plan_init",
    "plan_publish",
    "plan_receive",
    "plan_restore",
    "plan_step",
    "plan_take_back",
    "plan_withdraw",
    "quarantine_object",
    "read_case",
    "read_cases",
    "read_claims",
    "read_letter",
    "read_quarantine",
    "read_withdrawals",
    "release_quarantined",
    "renew_keys",
    "repair_vault",
    "rotate_keys",
    "vault_status",
    "verify_vault",
    "work_list",
]
