"""Makes the embedded model from nothing: corpus, tokenizer, starting weights, training, files.

Run `python -m tests.embedded_model --out FOLDER`. Needs torch and transformers.
"""
