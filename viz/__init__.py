"""Pictures of the computation graph: reads a Trace, never the engine's insides."""
