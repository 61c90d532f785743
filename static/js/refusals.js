// Words for a request that failed. A refusal comes with its reason, as one escaped sentence; anything else gets our own.
// `isText`: somebody wrote something, which still stands in its field.

export function said(text, status, isText = true) {
  if (![409, 422, 429].includes(status)) return why(status, isText);
  return new DOMParser().parseFromString(text, "text/html").body.textContent.trim() || why(status, isText);
}

export function why(status, isText = true) {
  const kept = isText ? "Your text is kept: " : "Nothing was changed: ";
  const again = isText ? "send it again" : "try again";
  if (status === 0) return `The server could not be reached. ${kept}${again} in a moment.`;
  if (status === 403) return `Your sign-in may have ended. ${kept}reload the page and ${again}.`;
  if (status === 404 && isText) return "This chat is gone. Your text is kept here: copy it into a new chat.";
  if (status === 404) return "This is gone. Reload the page to see what is there.";
  if (status === 413) return "This text is longer than the server takes. It is kept: shorten it, or add it as a document.";
  if (status === 429) return `That was a lot in a short time. ${kept}${again} in a minute.`;
  return `The server could not take this. ${kept}${again} in a moment.`;
}
