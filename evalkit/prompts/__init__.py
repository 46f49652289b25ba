"""From a case to messages: templates, demonstrations, passages."""
