"""The database's own guard over the audit log: triggers, which bind the owner of the tables too, and policies."""

from django.db import migrations

# Nobody can date an event back or write it as sealed. Sealing may fill in the two columns for it, once. Rows go only
# after their time: with their whole batch, whose seal says so, and by the role that owns the tables (audit_prune).
_SQL = """
CREATE FUNCTION audit_owner(relation oid) RETURNS name LANGUAGE sql STABLE AS $$
    SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = relation
$$;

CREATE FUNCTION audit_event_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.at := clock_timestamp();
        NEW.seal := NULL;
        NEW.digest := NULL;
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF OLD.seal IS NULL AND OLD.digest IS NULL AND NEW.seal IS NOT NULL AND NEW.digest IS NOT NULL
            AND (NEW.id, NEW.at, NEW.action, NEW.user_id, NEW.resource_kind, NEW.resource_id, NEW.address, NEW.agent,
                 NEW.request_id, NEW.details)
            IS NOT DISTINCT FROM
                (OLD.id, OLD.at, OLD.action, OLD.user_id, OLD.resource_kind, OLD.resource_id, OLD.address, OLD.agent,
                 OLD.request_id, OLD.details)
        THEN
            RETURN NEW;
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF current_user = audit_owner(TG_RELID)
            AND EXISTS (SELECT FROM audit_seal WHERE number = OLD.seal AND pruned_at IS NOT NULL)
        THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'The audit log is append-only.' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION audit_seal_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND current_user = audit_owner(TG_RELID)
        AND OLD.pruned_at IS NULL AND NEW.pruned_at IS NOT NULL AND NEW.pruned_mark IS NOT NULL
        AND OLD.sealed_at < now() - interval '1 day'
        AND (NEW.number, NEW.event_ids, NEW.count, NEW.content, NEW.previous, NEW.hash, NEW.sealed_at)
        IS NOT DISTINCT FROM
            (OLD.number, OLD.event_ids, OLD.count, OLD.content, OLD.previous, OLD.hash, OLD.sealed_at)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'The audit log is append-only.' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER audit_event_row BEFORE INSERT OR UPDATE OR DELETE ON audit_event
    FOR EACH ROW EXECUTE FUNCTION audit_event_guard();
CREATE TRIGGER audit_event_truncate BEFORE TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION audit_event_guard();
CREATE TRIGGER audit_seal_row BEFORE UPDATE OR DELETE ON audit_seal
    FOR EACH ROW EXECUTE FUNCTION audit_seal_guard();
CREATE TRIGGER audit_seal_truncate BEFORE TRUNCATE ON audit_seal
    FOR EACH STATEMENT EXECUTE FUNCTION audit_seal_guard();

ALTER TABLE audit_event ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_event FORCE ROW LEVEL SECURITY;
CREATE POLICY anybody_writes ON audit_event FOR INSERT WITH CHECK (true);
CREATE POLICY system_reads ON audit_event FOR SELECT
    USING ((SELECT current_setting('chatsite.actor', true) = 'system'));
CREATE POLICY system_seals ON audit_event FOR UPDATE
    USING ((SELECT current_setting('chatsite.actor', true) = 'system'));
CREATE POLICY system_prunes ON audit_event FOR DELETE
    USING ((SELECT current_setting('chatsite.actor', true) = 'system'));
ALTER TABLE audit_seal ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_seal FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON audit_seal
    USING ((SELECT current_setting('chatsite.actor', true) = 'system'));

-- Marks the seals and deletes their events. Returns how many events.
CREATE FUNCTION audit_prune(numbers bigint[], marks bytea[]) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    deleted bigint;
BEGIN
    UPDATE audit_seal SET pruned_at = now(), pruned_mark = marked.mark
        FROM unnest(numbers, marks) AS marked (number, mark) WHERE audit_seal.number = marked.number;
    DELETE FROM audit_event WHERE seal = ANY (numbers);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    RETURN deleted;
END $$;
-- The application's role is let by `manage.py migrate` (accounts.tenancy.protection).
REVOKE EXECUTE ON FUNCTION audit_prune(bigint[], bytea[]) FROM PUBLIC;
"""
_UNDO = """
DROP FUNCTION audit_prune(bigint[], bytea[]);
DROP POLICY system ON audit_seal;
DROP POLICY anybody_writes ON audit_event;
DROP POLICY system_reads ON audit_event;
DROP POLICY system_seals ON audit_event;
DROP POLICY system_prunes ON audit_event;
DROP TRIGGER audit_event_row ON audit_event;
DROP TRIGGER audit_event_truncate ON audit_event;
DROP TRIGGER audit_seal_row ON audit_seal;
DROP TRIGGER audit_seal_truncate ON audit_seal;
DROP FUNCTION audit_event_guard();
DROP FUNCTION audit_seal_guard();
DROP FUNCTION audit_owner(oid);
"""


class AppendOnly(migrations.RunSQL):
    """Events are added by anybody, read and sealed by the system, and changed by nobody (accounts.tenancy)."""

    def __init__(self) -> None:
        super().__init__(_SQL, _UNDO)

    def deconstruct(self) -> tuple[str, list[object], dict[str, object]]:
        return (self.__class__.__name__, [], {})
