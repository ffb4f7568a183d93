"""The policy of an archive, under rules that answer their own test vectors."""

from phonotheque.model.archive import ArchiveSettings
from phonotheque.rights import Policy, check_rules, policy_of


def archive_policy(settings: ArchiveSettings) -> Policy:
    """What `archive.toml` declares to the rights room.

    Raises:
        FormatError: a rule does not answer its vectors, or a rule that is accepted does not exist.
        InputError: a territory is no code of two letters.
    """
    check_rules()
    return policy_of(settings.rights, settings.seat)
