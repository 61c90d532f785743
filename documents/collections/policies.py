"""How PostgreSQL itself lets people read what is in a collection that is shared with them, and nothing else.

Each policy (see accounts.tenancy.protection for the owner's) is for SELECT only, and named so that PostgreSQL asks it
after `owner`'s: for one's own rows it asks nothing here (tests/library/collections/test_policies.py looks).

A search looks at hundreds of thousands of rows, so what is readable is found once for each statement: collections as a
short list, versions as a set in which each row's version is looked up. A set, because a list would be gone through for
every row. Pages and passages are read one by one: there, one look at the version is less than making the set.

A version knows its document's collection, which a trigger keeps true whatever is written: one table less to ask.
"""

_ACTOR = "(SELECT nullif(nullif(current_setting('chatsite.actor', true), ''), 'system')::uuid)"
_COLLECTIONS = "ANY ((SELECT collections_readable())::uuid[])"

SQL = """
CREATE POLICY by_share ON collections_collectionshare FOR SELECT USING (
    (expires_at IS NULL OR expires_at > now())
    AND (
        viewer_id = (SELECT id FROM accounts_user WHERE id = ACTOR AND is_active)
        OR role = (SELECT role FROM accounts_user WHERE id = ACTOR AND is_active AND address_confirmed)
    )
    AND EXISTS (SELECT FROM accounts_user AS giver WHERE giver.id = owner_id AND giver.is_active)
);

CREATE FUNCTION collections_readable() RETURNS uuid[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
DECLARE
    actor uuid := nullif(nullif(current_setting('chatsite.actor', true), ''), 'system')::uuid;
BEGIN
    -- Whether a share is in force says the policy above, which binds this function like everybody.
    RETURN ARRAY(
        SELECT collection_id FROM collections_collectionshare WHERE viewer_id = actor
        UNION
        SELECT collection_id FROM collections_collectionshare
        WHERE role <> '' AND role = (SELECT role FROM accounts_user WHERE id = actor)
    );
END $$;

CREATE POLICY by_share ON documents_collection FOR SELECT USING (id = COLLECTIONS);
CREATE POLICY by_share ON documents_document FOR SELECT USING (collection_id = COLLECTIONS);
CREATE POLICY by_share ON documents_documentversion FOR SELECT USING (collection_id = COLLECTIONS);

CREATE FUNCTION collections_readable_versions() RETURNS uuid[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = public, pg_temp AS $$
DECLARE
    shared uuid[] := collections_readable();
BEGIN
    IF cardinality(shared) = 0 THEN
        RETURN shared;
    END IF;
    RETURN ARRAY(SELECT id FROM documents_documentversion WHERE collection_id = ANY(shared));
END $$;

CREATE FUNCTION collections_version_is_readable(version uuid) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM documents_documentversion WHERE id = version);
END $$;

CREATE POLICY by_share ON documents_page FOR SELECT USING (collections_version_is_readable(version_id));
CREATE POLICY by_share ON documents_chunk FOR SELECT USING (collections_version_is_readable(version_id));
CREATE POLICY by_share ON documents_posting FOR SELECT
    USING (version_id IN (SELECT unnest(collections_readable_versions())));
CREATE POLICY by_share ON documents_embedding FOR SELECT
    USING (version_id IN (SELECT unnest(collections_readable_versions())));

-- FOR SHARE: of a new version and a document being moved, the later one sees the earlier.
CREATE FUNCTION collections_of_document() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    SELECT collection_id INTO NEW.collection_id FROM documents_document WHERE id = NEW.document_id FOR SHARE;
    RETURN NEW;
END $$;
CREATE TRIGGER collections_of_document BEFORE INSERT OR UPDATE OF collection_id, document_id
    ON documents_documentversion FOR EACH ROW EXECUTE FUNCTION collections_of_document();

CREATE FUNCTION collections_moved() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE documents_documentversion SET collection_id = NEW.collection_id WHERE document_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER collections_moved AFTER UPDATE OF collection_id ON documents_document FOR EACH ROW
    WHEN (OLD.collection_id IS DISTINCT FROM NEW.collection_id) EXECUTE FUNCTION collections_moved();
""".replace("ACTOR", _ACTOR).replace("COLLECTIONS", _COLLECTIONS)

UNDO = """
DROP TRIGGER collections_moved ON documents_document;
DROP FUNCTION collections_moved();
DROP TRIGGER collections_of_document ON documents_documentversion;
DROP FUNCTION collections_of_document();
DROP POLICY by_share ON documents_embedding;
DROP POLICY by_share ON documents_posting;
DROP POLICY by_share ON documents_chunk;
DROP POLICY by_share ON documents_page;
DROP FUNCTION collections_version_is_readable(uuid);
DROP FUNCTION collections_readable_versions();
DROP POLICY by_share ON documents_documentversion;
DROP POLICY by_share ON documents_document;
DROP POLICY by_share ON documents_collection;
DROP FUNCTION collections_readable();
DROP POLICY by_share ON collections_collectionshare;
"""
