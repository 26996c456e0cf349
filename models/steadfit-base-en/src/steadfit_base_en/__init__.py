"""Model folders for Steadfit, `forward` and `backward`; nothing here is ever imported."""
