-- The application of this example: it writes orders and knows nothing of Orderbell.
CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    email text,
    phone text,
    available boolean NOT NULL DEFAULT false
);
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    status text NOT NULL DEFAULT 'pending',
    customer_id bigint NOT NULL REFERENCES users,
    vendor_id bigint NOT NULL REFERENCES users,
    driver_id bigint REFERENCES users
);
INSERT INTO users (name, email, available) VALUES
    ('Cora', 'cora@example.com', false), ('Vic''s Kitchen', 'vic@example.com', false), ('Dee', 'dee@example.com', true);
