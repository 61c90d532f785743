// Words for a request that failed. A refusal comes with its reason, as one escaped sentence; anything else gets our own.

export function said(text, status) {
  if (![409, 422, 429].includes(status)) return why(status);
  return new DOMParser().parseFromString(text, "text/html").body.textContent.trim() || why(status);
}

export function why(status) {
  if (status === 0) return "The server could not be reached. Your text is kept: send it again in a moment.";
  if (status === 403) return "Your sign-in may have ended. Your text is kept: reload the page and send it again.";
  if (status === 404) return "This chat is gone. Your text is kept here: copy it into a new chat.";
  if (status === 413) return "This text is longer than the server takes. It is kept: shorten it, or add it as a document.";
  if (status === 429) return "That was a lot in a short time. Your text is kept: send it again in a minute.";
  return "The server could not take this. Your text is kept: send it again in a moment.";
}
