"""Ollama: what is installed, the streamed answer, embeddings. LlamaIndex is not needed here (see llms.llamaindex)."""
