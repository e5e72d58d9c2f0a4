//! What the pipeline does with the ports: the only place that knows the order of things.
