"""How well passages are found and answers kept to them: question sets with known answers, runs kept and compared."""
