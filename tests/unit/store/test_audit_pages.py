"""Pages of the audit trail look at a bounded number of records."""

from skyferry.ram.audit import AuditRecord
from skyferry.store import audit
from skyferry.store.audit import AuditFilter
from tests.support.rows import START, World, world

MINUTE = 60_000


def record(made: World, number: int, action: str) -> AuditRecord:
    return AuditRecord(
        account_id=made.instance.account_id,
        instance_id=made.instance.id,
        at=START + number * MINUTE,
        caller="root",
        access_key_id="",
        source_address="127.0.0.1",
        action=action,
        parameters={},
        request_id=f"request-{number}",
        outcome="OK" if number % 2 else "iot.prod.NotExistedProduct",
    )


def test_a_rare_record_is_found_page_by_page() -> None:
    with world() as made:
        actions = ["Rare" if number == 3 else "Common" for number in range(100)]
        audit.insert_records(made.tx, [record(made, number, action) for number, action in enumerate(actions)])
        wanted = AuditFilter(account_id=made.instance.account_id, action="Rare")
        found: list[audit.AuditLine] = []
        pages, before = 0, None
        while True:
            lines, before = audit.page(made.tx, wanted, before=before, limit=10, looked_at=30)
            found += lines
            pages += 1
            if before is None:
                break
        assert [line.request_id for line in found] == ["request-3"]
        assert pages == 4


def test_times_lead_to_their_records_without_those_after_them() -> None:
    with world() as made:
        audit.insert_records(made.tx, [record(made, number, "Common") for number in range(100)])
        wanted = AuditFilter(account_id=made.instance.account_id, since=START + 10 * MINUTE, until=START + 13 * MINUTE)
        lines, more = audit.page(made.tx, wanted, before=None, limit=10, looked_at=20)
        assert ([line.request_id for line in lines], more) == (["request-12", "request-11", "request-10"], None)


def test_what_did_not_end_well_is_told_alone() -> None:
    with world() as made:
        audit.insert_records(made.tx, [record(made, number, "Common") for number in range(4)])
        wanted = AuditFilter(account_id=made.instance.account_id, failed=True)
        lines, _more = audit.page(made.tx, wanted, before=None, limit=10, looked_at=20)
        assert [line.request_id for line in lines] == ["request-2", "request-0"]
