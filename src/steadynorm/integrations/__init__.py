"""What other tools take steadynorm in by. Each module belongs to one tool and is imported by it alone."""
