"""From the commit of orders to deliveries that are sent and kept, beside job queues on PostgreSQL."""
