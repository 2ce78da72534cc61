-- Words that staff have written: what the planner reads of them, and what the command line does with them.

-- name: published_ids
-- Every two seconds while the planner is awake. What is published does not change, so these ids say everything.
SELECT coalesce(array_agg(id), '{}') FROM orderbell.template WHERE state = 'published';

-- name: templates
SELECT id, event, audience, channel, locale, version, title, body, text, action FROM orderbell.template
WHERE id = ANY(%(ids)s);

-- name: published
SELECT id, event, audience, channel, locale, version, title, body, text, action FROM orderbell.template
WHERE state = 'published' ORDER BY event, audience, channel, locale;

-- name: list
SELECT id, event, audience, channel, locale, version, state, coalesce(author, ''), created_at, published_at
FROM orderbell.template
WHERE (%(event)s::text IS NULL OR event = %(event)s)
  AND (%(audience)s::text IS NULL OR audience = %(audience)s)
  AND (%(channel)s::text IS NULL OR channel = %(channel)s)
  AND (%(locale)s::text IS NULL OR locale = %(locale)s)
  AND (%(state)s::text IS NULL OR state = %(state)s)
ORDER BY event, audience, channel, locale, version DESC
LIMIT %(limit)s;

-- name: lock
-- Of those who write templates, one after the other; readers are not held up.
LOCK TABLE orderbell.template IN SHARE ROW EXCLUSIVE MODE;

-- name: draft
INSERT INTO orderbell.template (event, audience, channel, locale, version, title, body, text, action, author)
SELECT %(event)s, %(audience)s, %(channel)s, %(locale)s, coalesce(max(version), 0) + 1,
       %(title)s, %(body)s, %(text)s, %(action)s, %(author)s
FROM orderbell.template
WHERE event = %(event)s AND audience = %(audience)s AND channel = %(channel)s AND locale = %(locale)s
RETURNING id, version;

-- name: state_of
SELECT state, published_at IS NOT NULL,
       (SELECT p.version FROM orderbell.template p
        WHERE p.event = t.event AND p.audience = t.audience AND p.channel = t.channel AND p.locale = t.locale
          AND p.state = 'published')
FROM orderbell.template t WHERE id = %(id)s;

-- name: set_state
-- A trigger retires the version before, and keeps the words of both as they are (0004_telling.sql).
UPDATE orderbell.template SET state = %(state)s WHERE id = %(id)s;

-- name: newest_event
-- Of this name, among the newest: a row to try words with.
SELECT subject, watch, key, label, data FROM (
    SELECT id, name, subject, watch, key, label, data FROM orderbell.event ORDER BY id DESC LIMIT 100000) newest
WHERE name = %(event)s ORDER BY id DESC LIMIT 1;

-- name: event_of
-- About this row: the newest of this name, else the newest there is.
SELECT subject, watch, key, label, data FROM orderbell.event
WHERE subject = %(subject)s ORDER BY (name = %(event)s) DESC, id DESC LIMIT 1;
