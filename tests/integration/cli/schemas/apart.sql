-- Customers and drivers are tables of their own: number 1 is somebody in each. Names need quotes, as Prisma leaves them.

CREATE TABLE "Customer" (
    "id" integer PRIMARY KEY, "firstName" text NOT NULL, "lastName" text NOT NULL, "email" text, "phone" text,
    "language" text
);
CREATE TABLE "Driver" (
    "id" integer PRIMARY KEY, "name" text NOT NULL, "email" text, "phoneNumber" text, "isAvailable" boolean NOT NULL
);
CREATE TABLE "Restaurant" ("id" integer PRIMARY KEY, "title" text);
CREATE TABLE "Order" (
    "id" integer PRIMARY KEY,
    "orderStatus" text NOT NULL DEFAULT 'NEW',
    "customerId" integer NOT NULL REFERENCES "Customer",
    "driverId" integer REFERENCES "Driver",
    "restaurantId" integer REFERENCES "Restaurant"
);
INSERT INTO "Customer" VALUES (1, 'Mia', 'Sand', 'mia@example.com', '+12125550101', 'en');
INSERT INTO "Driver" VALUES (1, 'Leo Reed', 'leo@example.com', '+12125550103', true), (2, 'Ivy', NULL, NULL, false);
INSERT INTO "Order" VALUES (1, 'NEW', 1, NULL), (2, 'DELIVERED', 1, 1), (3, 'PICKED_UP', 1, 1);
