"""Makes the embedded model from nothing: corpus, tokenizer, starting weights, training, files.

Run `python -m evalkit.models.embedded.pretrain --out FOLDER`. Needs torch and transformers.
"""
