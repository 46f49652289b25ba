"""The stages of the pipeline that are more than a few lines: preparing, answering, and what is asked beside."""
