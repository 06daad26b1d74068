"""From raw text to training batches: ingest, tokenizer, sequences, batcher, and the embedded corpus."""
