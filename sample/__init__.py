"""The bundled class: a catalogue of grade 6 to 8 mathematics."""
