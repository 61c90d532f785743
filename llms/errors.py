"""What can go wrong with a model, in words for the person who asked."""


class ModelError(Exception):
    """A model could not answer. `text` is shown to the person; `code` is stable, for tests, logs and the API.

    Before the first token it leads to the next model of the fallback chain; later, what was written is kept.
    """

    code = "model_failed"
    text = "The model could not answer. Try again, or choose another model."
    retryable = True

    def __init__(self, text: str = "", *, detail: str = "") -> None:
        # `detail` is the upstream's own wording: for the log, never for the page.
        self.text = text or self.text
        self.detail = detail
        super().__init__(f"{self.code}: {detail or self.text}")


class ServerUnreachable(ModelError):
    code = "model_server_unreachable"
    text = "The model server does not answer. Your question is kept: try again once the server runs."


class ModelMissing(ModelError):
    code = "model_missing"
    text = "This model is not installed on the model server. Choose another model, or ask an administrator to pull it."
    retryable = False


class ServerBusy(ModelError):
    code = "model_server_busy"
    text = "The model server is busy. Your question is kept: try again in a moment."


class TooSlow(ModelError):
    code = "model_too_slow"
    text = "The model took too long. What it wrote is kept: continue, or choose a smaller model."


class AnswerCut(ModelError):
    code = "answer_cut"
    text = "The connection to the model broke in the middle of the answer. What it wrote is kept: you can continue it."


class PromptTooLong(ModelError):
    code = "prompt_too_long"
    text = "The question is longer than this model can read. Shorten it, or choose a model with a longer context."
    retryable = False


class LoadFailed(ModelError):
    code = "model_load_failed"
    text = "The model server could not load this model: it may lack memory. Try again, or choose a smaller model."


class Unsuitable(ModelError):
    code = "model_unsuitable"
    text = "This model cannot do what was asked. Choose another model."
    retryable = False


class CannotSee(Unsuitable):
    code = "model_cannot_see"
    text = (
        "This model cannot see pictures, so it was not asked. Your question and its pictures are kept: answer again "
        "with a model that sees."
    )
