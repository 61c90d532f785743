"""Pictures in questions: taken in, drawn anew, kept sealed, shown to who may read, and given to models that see."""
