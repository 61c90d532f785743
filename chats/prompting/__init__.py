"""What a model is told beside the question: instructions, parameters, templates of questions, personas."""
