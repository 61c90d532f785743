"""How PostgreSQL itself lets a viewer read what is shared with them, and nothing else.

Each policy (see accounts.tenancy.protection for the owner's) is for SELECT only: a row of somebody else can be read,
never written.

The name matters. PostgreSQL joins policies by OR against the order of their names, so `by_share` is asked after
`owner`, and for one's own rows never (tests/chats/sharing/test_policies.py looks). The other way round each citation of
an owner cost 0.04 ms. For rows of others the list of readable conversations is made once for a statement, by functions
whose plans the session keeps; joins written out in a policy would be planned anew with every statement of every owner.
"""

_ACTOR = "(SELECT nullif(nullif(current_setting('chatsite.actor', true), ''), 'system')::uuid)"

SQL = """
CREATE POLICY by_share ON sharing_share FOR SELECT USING (
    NOT is_paused
    AND (expires_at IS NULL OR expires_at > now())
    AND (
        viewer_id = (SELECT id FROM accounts_user WHERE id = ACTOR AND is_active)
        OR role = (SELECT role FROM accounts_user WHERE id = ACTOR AND is_active AND address_confirmed)
        OR (kind = 'link' AND id = ACTOR)
    )
    AND EXISTS (SELECT FROM accounts_user AS giver WHERE giver.id = owner_id AND giver.is_active)
);

CREATE FUNCTION sharing_readable() RETURNS uuid[]
    LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
DECLARE
    actor uuid := nullif(nullif(current_setting('chatsite.actor', true), ''), 'system')::uuid;
BEGIN
    -- Whether a share is in force says the policy above, which binds this function like everybody.
    RETURN ARRAY(
        SELECT conversation_id FROM sharing_share WHERE viewer_id = actor
        UNION ALL
        SELECT conversation_id FROM sharing_share WHERE id = actor AND kind = 'link'
        UNION ALL
        SELECT conversation_id FROM sharing_share
        WHERE role <> '' AND role = (SELECT role FROM accounts_user WHERE id = actor)
    );
END $$;

CREATE FUNCTION sharing_message_is_readable(message uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE COST 1000 SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM chats_message WHERE id = message);
END $$;

CREATE POLICY by_share ON chats_conversation FOR SELECT
    USING (deleted_at IS NULL AND id = ANY ((SELECT sharing_readable())::uuid[]));
CREATE POLICY by_share ON chats_message FOR SELECT
    USING (conversation_id = ANY ((SELECT sharing_readable())::uuid[]));
CREATE POLICY by_share ON chats_citation FOR SELECT
    USING (sharing_message_is_readable(message_id));

CREATE FUNCTION sharing_pause() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE sharing_share SET is_paused = NEW.deleted_at IS NOT NULL WHERE conversation_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER sharing_pause AFTER UPDATE OF deleted_at ON chats_conversation FOR EACH ROW
    WHEN (OLD.deleted_at IS DISTINCT FROM NEW.deleted_at) EXECUTE FUNCTION sharing_pause();
""".replace("ACTOR", _ACTOR)

UNDO = """
DROP TRIGGER sharing_pause ON chats_conversation;
DROP FUNCTION sharing_pause();
DROP POLICY by_share ON chats_citation;
DROP POLICY by_share ON chats_message;
DROP POLICY by_share ON chats_conversation;
DROP FUNCTION sharing_message_is_readable(uuid);
DROP FUNCTION sharing_readable();
DROP POLICY by_share ON sharing_share;
"""
