"""Text: normalised forms, words, sentences, signs of personal data, and the format of numbers in reports."""
