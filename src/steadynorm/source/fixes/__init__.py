"""Fixes of source code: what each code's fix is, and the tools that edit text in the style of what is around it."""
