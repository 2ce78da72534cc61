-- Integer codes that only the application can read.

CREATE TABLE auth_user (id integer PRIMARY KEY, username text NOT NULL, email text);
CREATE TABLE sales_order (
    id bigint PRIMARY KEY,
    status smallint NOT NULL CHECK (status >= 0),
    user_id integer NOT NULL REFERENCES auth_user
);
INSERT INTO auth_user VALUES (1, 'mia', 'mia@example.com');
INSERT INTO sales_order VALUES (1, 10, 1), (2, 2, 1), (3, 2, 1);
