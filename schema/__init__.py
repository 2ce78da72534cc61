"""What Orderbell keeps in PostgreSQL: tables, migrations, capture triggers and the queries of the hot path."""
