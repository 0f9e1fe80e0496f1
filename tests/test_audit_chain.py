"""The audit log is a chain: whatever is done to it behind the server's back is noticed."""

import threading
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from dashboard import db
from dashboard.models import AuditEvent, Installation, audit, chain
from dashboard.models.chain import Fault, verify

COLUMNS = [field.name for field in AuditEvent._meta.sorted_fields]
LENGTH = 6


def add(count: int = LENGTH, *, by: str = "maja@harbour.example", unit=None) -> None:
    for number in range(count):
        audit("key.create", by=by, unit=unit, subject=f"K{number}", reason=f"say {number} ü")


def sql(text: str, *values: object) -> int:
    """Do what only somebody does who has the database file."""
    return db.database.rows_affected(db.database.execute_sql(text, values))


def rows() -> list[tuple]:
    return sql_rows("SELECT * FROM audit_event ORDER BY id")


def sql_rows(text: str) -> list[tuple]:
    return db.database.execute_sql(text).fetchall()


def drop_triggers() -> None:
    for (name,) in sql_rows("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        sql(f"DROP TRIGGER {name}")


@pytest.fixture
def tampered(folders):
    """A log of `LENGTH` events without the triggers."""
    add()
    drop_triggers()


@pytest.fixture
def undone(tampered):
    """Such a log; `with undone() as transaction: ...; transaction.rollback()` puts it back."""
    return db.database.atomic


def test_an_empty_log_is_whole(folders):
    found = verify()
    assert (found.events, found.head, found.fault, found.sentence) == (0, "", None, "")


def test_a_log_is_whole_and_its_head_is_the_last_tag(folders):
    add()
    found = verify()
    assert (found.events, found.fault, found.head) == (LENGTH, None, rows()[-1][-1])


def test_events_are_numbered_and_each_carries_the_tag_of_the_one_before(folders):
    add()
    events = list(AuditEvent.select().order_by(AuditEvent.id))
    assert [event.id for event in events] == [1, 2, 3, 4, 5, 6]
    assert events[0].previous == ""
    assert all(after.previous == before.tag for before, after in pairwise(events))
    assert len({event.tag for event in events}) == LENGTH


def test_the_tag_covers_every_column_but_the_number_and_itself():
    assert {field.name for field in chain.TAGGED} == set(COLUMNS) - {"id", "tag"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_event SET subject = 'x' WHERE id = 3",
        "UPDATE audit_event SET id = 99 WHERE id = 3",
        "DELETE FROM audit_event WHERE id = 3",
        "DELETE FROM audit_event",
        "REPLACE INTO audit_event SELECT * FROM audit_event WHERE id = 3",
        "INSERT INTO audit_event SELECT 0, at, unit_uid, unit_name, user_email, action, subject, "
        "outcome, detail, previous, tag FROM audit_event WHERE id = 3",
    ],
)
def test_the_table_refuses_everything_but_a_row_at_the_end(folders, statement):
    add()
    before = rows()
    with pytest.raises(db.DatabaseError, match="append-only"):
        sql(statement)
    assert rows() == before
    assert verify().fault is None


def test_the_models_of_peewee_are_refused_too(folders):
    add(1)
    with pytest.raises(db.DatabaseError, match="append-only"):
        AuditEvent.delete().execute()
    with pytest.raises(db.DatabaseError, match="append-only"):
        AuditEvent.update(outcome="done").execute()


def other(value: object) -> object:
    """Something else of the same type."""
    return value + 1 if isinstance(value, int) else f"{value}x"


@pytest.mark.parametrize("column", [name for name in COLUMNS if name != "id"])
@pytest.mark.parametrize("change", [other, lambda _: "", lambda _: b"bytes", lambda _: "\udcff"])
def test_a_change_of_any_column_of_any_event_is_noticed(undone, column, change):
    for number in range(1, LENGTH + 1):
        with undone() as transaction:
            (value,) = sql_rows(f"SELECT {column} FROM audit_event WHERE id = {number}")[0]
            new = change(value)
            if new == "\udcff":  # bytes that are no text, in a column of text
                sql(f"UPDATE audit_event SET {column} = CAST(X'FF' AS TEXT) WHERE id = ?", number)
            else:
                sql(f"UPDATE audit_event SET {column} = ? WHERE id = ?", new, number)
            found = verify()
            if new == value:
                assert found.fault is None
            else:
                assert (found.fault, found.row, found.events) == (
                    Fault.CHANGED,
                    number,
                    number - 1,
                )
            transaction.rollback()
    assert verify().fault is None


@pytest.mark.parametrize("value", ["5.5", "'text'", "X'01'"])
def test_a_time_of_another_type_is_noticed(undone, value):
    sql(f"UPDATE audit_event SET at = {value} WHERE id = 2")
    assert (verify().fault, verify().row) == (Fault.CHANGED, 2)


def test_a_deleted_event_is_noticed(undone):
    for number in range(1, LENGTH + 1):
        with undone() as transaction:
            sql("DELETE FROM audit_event WHERE id = ?", number)
            expected = Fault.CUT_OFF if number == LENGTH else Fault.MISSING
            assert (verify().fault, verify().row) == (expected, number)
            transaction.rollback()


def test_a_deleted_event_is_noticed_when_the_rest_moves_up(undone):
    for number in range(1, LENGTH):
        with undone() as transaction:
            sql("DELETE FROM audit_event WHERE id = ?", number)
            for later in range(number + 1, LENGTH + 1):
                sql("UPDATE audit_event SET id = ? WHERE id = ?", later - 1, later)
            sql("UPDATE installation SET audit_events = audit_events - 1")
            assert (verify().fault, verify().row) == (Fault.REORDERED, number)
            transaction.rollback()


def test_two_events_that_changed_places_are_noticed(undone):
    pairs = [(a, b) for a in range(1, LENGTH + 1) for b in range(a + 1, LENGTH + 1)]
    for first, second in pairs:
        with undone() as transaction:
            for source, target in ((first, 99), (second, first), (99, second)):
                sql("UPDATE audit_event SET id = ? WHERE id = ?", target, source)
            assert (verify().fault, verify().row) == (Fault.REORDERED, first)
            transaction.rollback()


@pytest.mark.parametrize("number", [-5, 0, LENGTH + 1])
@pytest.mark.parametrize("model", range(1, LENGTH + 1))
def test_a_copy_of_an_event_put_in_is_noticed(undone, number, model):
    rest = ", ".join(COLUMNS[1:])
    sql(f"INSERT INTO audit_event SELECT ?, {rest} FROM audit_event WHERE id = ?", number, model)
    assert verify().fault in (Fault.CHANGED, Fault.REORDERED)
    assert verify().row == number


@pytest.mark.parametrize("kept", range(LENGTH))
def test_an_end_cut_off_is_noticed(undone, kept):
    sql("DELETE FROM audit_event WHERE id > ?", kept)
    assert (verify().fault, verify().row) == (Fault.CUT_OFF, kept + 1)
    add(1)  # going on does not hide it
    assert (verify().fault, verify().row) == (Fault.MISSING, kept + 1)


@pytest.mark.parametrize("kept", range(LENGTH))
def test_an_end_cut_off_is_noticed_with_the_head_moved_to_it(undone, kept):
    sql("DELETE FROM audit_event WHERE id > ?", kept)
    tag = rows()[-1][-1] if kept else ""
    sql("UPDATE installation SET audit_events = ?, audit_tag = ?", kept, tag)
    assert (verify().fault, verify().row) == (Fault.HEAD, kept)
    add(3)  # going on does not hide it
    assert (verify().fault, verify().events) == (Fault.HEAD, kept + 3)


@pytest.mark.parametrize("column", ["audit_events", "audit_tag", "audit_seal"])
def test_a_change_of_the_head_is_noticed(undone, column):
    (value,) = sql_rows(f"SELECT {column} FROM installation")[0]
    sql(f"UPDATE installation SET {column} = ?", other(value))
    assert verify().fault is Fault.HEAD


def test_an_older_head_with_its_seal_is_noticed(folders):
    add(3)
    ((events, tag, seal),) = sql_rows(
        "SELECT audit_events, audit_tag, audit_seal FROM installation"
    )
    add(2)
    sql(
        "UPDATE installation SET audit_events = ?, audit_tag = ?, audit_seal = ?", events, tag, seal
    )
    assert verify().fault is Fault.HEAD


def test_who_has_another_key_can_make_no_event(undone):
    """The whole tail written anew, tags and head included, by somebody without the server key."""
    own = chain.vault._key
    head = sql_rows("SELECT audit_events, audit_tag FROM installation")[0]
    try:
        chain.vault.open(bytes(32))
        sql("DELETE FROM audit_event WHERE id > 3")
        seal = chain.seal_of(3, rows()[-1][-1])
        sql(
            "UPDATE installation SET audit_events = 3, audit_tag = ?, audit_seal = ?",
            rows()[-1][-1],
            seal,
        )
        add(3)
        assert sql_rows("SELECT audit_events FROM installation")[0][0] == head[0]
    finally:
        chain.vault.open(own)
    assert (verify().fault, verify().row) == (Fault.CHANGED, 4)


@st.composite
def a_tampering(draw) -> list[tuple[str, tuple]]:
    """One to three statements of somebody who has the file."""
    number = st.integers(-1, LENGTH + 2)
    one = st.one_of(
        st.tuples(st.just("DELETE FROM audit_event WHERE id = ?"), st.tuples(number)),
        st.tuples(
            st.sampled_from(COLUMNS[1:]).map(
                lambda name: f"UPDATE audit_event SET {name} = ? WHERE id = ?"
            ),
            st.tuples(st.one_of(st.integers(0, 9), st.text(max_size=3), st.binary()), number),
        ),
        st.tuples(
            st.sampled_from(COLUMNS[1:]).map(
                lambda name: (
                    f"UPDATE audit_event SET {name} = (SELECT {name} FROM audit_event "
                    "WHERE id = ?) WHERE id = ?"
                )
            ),
            st.tuples(st.integers(1, LENGTH), st.integers(1, LENGTH)),
        ),
        st.tuples(
            st.just(
                f"INSERT OR REPLACE INTO audit_event SELECT ?, {', '.join(COLUMNS[1:])} "
                "FROM audit_event WHERE id = ?"
            ),
            st.tuples(number, number),
        ),
        st.tuples(
            st.just("UPDATE OR REPLACE audit_event SET id = ? WHERE id = ?"),
            st.tuples(number, number),
        ),
        st.tuples(
            st.just(
                "UPDATE installation SET audit_events = ?, audit_tag = coalesce((SELECT tag FROM "
                "audit_event WHERE id = ?), '')"
            ),
            number.map(lambda n: (n, n)),
        ),
    )
    return draw(st.lists(one, min_size=1, max_size=3))


@pytest.mark.slow
@hypothesis(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(statements=a_tampering())
def test_whatever_leaves_another_log_is_noticed(undone, statements):
    look = (
        "SELECT * FROM audit_event ORDER BY id",
        "SELECT audit_events, audit_tag FROM installation",
    )
    # As text and type: b"" and "" are not the same log.
    before = [repr(sql_rows(text)) for text in look]
    with undone() as transaction:
        for text, values in statements:
            try:
                sql(text, *values)
            except db.DatabaseError:
                continue  # a NULL where none may be
        is_same = [repr(sql_rows(text)) for text in look] == before
        assert (verify().fault is None) == is_same
        transaction.rollback()


def test_concurrent_writers_make_one_whole_chain(folders, cast):
    threads, each = 8, 25
    start, trouble = threading.Barrier(threads), []

    def write(name: int) -> None:
        try:
            with db.database.connection_context():
                start.wait()
                add(each, by=f"thread {name}", unit=cast.daily if name % 2 else None)
        except BaseException as error:
            trouble.append(error)

    workers = [threading.Thread(target=write, args=(name,)) for name in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not trouble
    found = verify()
    assert (found.fault, found.events) == (None, threads * each)
    for name in range(threads):
        own = AuditEvent.select().where(AuditEvent.user_email == f"thread {name}")
        subjects = [event.subject for event in own.order_by(AuditEvent.id)]
        assert subjects == [f"K{number}" for number in range(each)]


def test_an_event_goes_with_the_transaction_that_it_is_part_of(folders):
    add(2)
    before = rows(), sql_rows("SELECT * FROM installation")

    def fail() -> None:
        with db.write_transaction():
            add(3)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert (rows(), sql_rows("SELECT * FROM installation")) == before
    add(1)
    assert (verify().events, verify().fault) == (3, None)


@pytest.mark.slow
def test_an_event_costs_the_same_in_a_long_log(folders, monkeypatch):
    execute, seen = db.database.obj.execute_sql, []
    monkeypatch.setattr(
        db.database.obj,
        "execute_sql",
        lambda sql, *args, **more: (seen.append(sql), execute(sql, *args, **more))[1],
    )

    def plan_of_one() -> list[str]:
        seen.clear()
        add(1)
        return list(seen)

    first = plan_of_one()
    add(500)
    assert plan_of_one() == first
    assert len(first) == 3
    # The trigger asks for this: it must be one look at the end of the table.
    assert "SEARCH" in str(sql_rows("EXPLAIN QUERY PLAN SELECT MAX(id) FROM audit_event"))


def test_batches_make_no_difference(folders, monkeypatch):
    add(7)
    for size in (1, 2, 3, 7, 100):
        monkeypatch.setattr(chain, "BATCH_EVENTS", size)
        assert (verify().events, verify().fault) == (7, None)


def test_the_seal_is_of_the_installation_row(folders):
    add(2)
    row = Installation.get()
    assert row.audit_seal == chain.seal_of(2, row.audit_tag)
