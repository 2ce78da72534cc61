-- A small food shop. It knows nothing of Orderbell, and nothing in it will change when Orderbell is installed.

CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text UNIQUE,
    phone text UNIQUE,
    locale text NOT NULL DEFAULT 'en',
    time_zone text NOT NULL DEFAULT 'America/New_York'
);

CREATE TABLE vendors (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    owner_id bigint NOT NULL UNIQUE REFERENCES users
);

CREATE TABLE drivers (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL UNIQUE REFERENCES users,
    vehicle text NOT NULL,
    available boolean NOT NULL DEFAULT true
);

CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1042) PRIMARY KEY,
    number text GENERATED ALWAYS AS ('A-' || id) STORED,
    customer_id bigint NOT NULL REFERENCES users,
    vendor_id bigint NOT NULL REFERENCES vendors,
    driver_id bigint REFERENCES drivers,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN (
        'pending', 'confirmed', 'preparing', 'ready', 'picked_up', 'in_transit', 'delivered',
        'cancelled', 'rejected', 'refunded')),
    total numeric(10, 2) NOT NULL,
    note text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON orders (customer_id);
CREATE INDEX ON orders (vendor_id);

-- The telephone numbers are of those that are kept for fiction: 555-0100 to 555-0199.
INSERT INTO users (name, email, phone) VALUES
    ('Mia Sand', 'mia@example.com', '+12125550101'),
    ('Noor Field', 'kitchen@example.com', '+12125550102'),
    ('Leo Reed', 'leo@example.com', '+12125550103'),
    ('Ivy Stone', 'ivy@example.com', '+12125550104'),
    ('Sam Brook', 'sam@example.com', '+12125550105');
INSERT INTO vendors (name, owner_id) VALUES ('Basil & Thyme', 2);
INSERT INTO drivers (user_id, vehicle) VALUES (3, 'bicycle'), (4, 'scooter'), (5, 'car');
