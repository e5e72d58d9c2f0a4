//! RabbitMQ: jobs in, events out.
