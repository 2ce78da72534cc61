-- Which of our mails came back.

-- name: written_to
-- Deliveries by their ids: where they went, when they were made (Unix time, as their Message-ID says it), and whether
-- their sending is written already. What was sent a moment ago may come back before it is.
SELECT h.id, h.address, floor(extract(epoch FROM n.created_at))::bigint, true
FROM orderbell.delivery_history h LEFT JOIN orderbell.notification n ON n.id = h.notification_id
WHERE h.id = ANY(%(ids)s) AND h.channel = 'email' AND h.address IS NOT NULL
UNION ALL
SELECT d.id, d.address, floor(extract(epoch FROM n.created_at))::bigint, false
FROM orderbell.delivery d LEFT JOIN orderbell.notification n ON n.id = d.notification_id
WHERE d.id = ANY(%(ids)s) AND d.channel = 'email';
