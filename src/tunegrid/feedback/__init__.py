"""A policy that goes on learning from what people say of its answers."""
