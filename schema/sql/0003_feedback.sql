-- Version 3: what comes back after sending. Applied by the Alembic migration 0003.

-- When a provider last said what became of a message that it had taken.
ALTER TABLE orderbell.delivery_history ADD COLUMN reported_at timestamptz;

-- Until when its deliveries may be sent, also when they are brought back; and whether preferences count.
ALTER TABLE orderbell.notification
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN critical boolean NOT NULL DEFAULT false;

-- Reports that came before the delivery they are about was written: matched within seconds, kept for some days.
CREATE TABLE orderbell.feedback (
    channel text NOT NULL,
    provider_id text NOT NULL,
    state text NOT NULL CHECK (state IN ('delivered', 'failed')),
    error text,
    suppress text,      -- the reason, where the address itself is to blame
    again boolean NOT NULL DEFAULT false,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (channel, provider_id)
);

-- What people chose: a row says it for a category and a channel. Without one, the configuration decides.
CREATE TABLE orderbell.preference (
    user_id text NOT NULL,
    category text NOT NULL,
    channel text NOT NULL,
    enabled boolean NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, category, channel)
);
