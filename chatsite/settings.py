"""All settings. Every one that a person may set comes from the environment and is described in docs/settings.md."""

import hashlib
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from chatsite import addresses, carried, env, single_sign_on

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Where things are -------------------------------------------------------------------------------------------

DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "data"))).expanduser().resolve()
DEBUG = env.flag("DEBUG", default=False)
LISTEN_HOST = env.text("HOST", "127.0.0.1")
LISTEN_PORT = env.integer("PORT", 8000, at_least=1, at_most=65535)


def _secret(name: str) -> str:
    """From the environment, else made once and kept in the data folder, readable by its owner only."""
    given = env.text(name)
    if given:
        if len(given) < 32:
            raise ImproperlyConfigured(f"{name} is shorter than 32 characters. Make one with: openssl rand -hex 32")
        return given
    try:
        return carried.kept_secret(DATA_DIR, name.lower(), make=lambda: secrets.token_urlsafe(48))
    except OSError as error:
        raise ImproperlyConfigured(
            f"The data folder {DATA_DIR} cannot be written: {error.strerror}. Choose another with --data-dir."
        ) from error


SECRET_KEY = _secret("SECRET_KEY")
# The root of every other key: it wraps those in KEYS_DIR (docs/security.md).
ENCRYPTION_KEY = _secret("ENCRYPTION_KEY")
ENCRYPTION_KEY_PREVIOUS = env.words("ENCRYPTION_KEY_PREVIOUS")
KEYS_DIR = Path(env.text("KEYS_DIR", str(DATA_DIR / "keys"))).expanduser().resolve()

# --- Network ------------------------------------------------------------------------------------------------------

# The address people type, when it differs from where the server listens (a proxy). Used in links in mail.
BASE_URL = env.text("BASE_URL").rstrip("/")
BASE_URL_IS_GIVEN = bool(BASE_URL)
BASE_URL = BASE_URL or addresses.site(LISTEN_HOST, LISTEN_PORT)
HTTPS = BASE_URL.startswith("https://")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or addresses.own_names(LISTEN_HOST)
if (_host := urlsplit(BASE_URL).hostname) and _host not in ALLOWED_HOSTS:
    ALLOWED_HOSTS.append(_host)
ALLOWED_ORIGINS = env.words("ALLOWED_ORIGINS")
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS + ([BASE_URL] if HTTPS else [])
TRUST_PROXY = env.flag("TRUST_PROXY", default=False)
if TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health$", r"^ready$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
# With such a name a browser takes a cookie only from this very host, by https: no neighbour can plant one.
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
# Pages carry the token themselves. (Lax, not Strict: a link in a mail would else renew it under all open pages.)
CSRF_COOKIE_HTTPONLY = True
# Static files are for our own pages; WhiteNoise would open them to every site.
WHITENOISE_ALLOW_ALL_ORIGINS = False
SESSION_COOKIE_AGE = 60 * 60 * 24 * 14
# A stolen copy of the database signs nobody in.
SESSION_ENGINE = "accounts.sessions.engine"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

# --- Applications -------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "chatsite.apps.ChatsiteConfig",
    "accounts",
    "accounts.audit",
    "accounts.invitations",
    "accounts.limits",
    "accounts.lock_out",
    "accounts.rights",
    "accounts.second_factor",
    "accounts.sessions",
    "llms",
    "documents",
    "documents.collections",
    "documents.sources",
    "chats",
    "chats.evaluation",
    "chats.exchange",
    "chats.prompting",
    "chats.searching",
    "chats.sharing",
    "chats.images",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "channels",
    "django_htmx",
    "django_otp",
    "chatsite.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "chatsite.middleware.request_id",
    "chatsite.middleware.protection",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "chatsite.middleware.cors",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "accounts.audit.middleware.remember_origin",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    # Before anything asks who it is: nobody, until the second factor was given.
    "accounts.second_factor.gate.Gate",
    "accounts.tenancy.middleware.acting",
    "accounts.encryption.middleware.Unreadable",
    "accounts.sessions.middleware.noted",
    "accounts.rights.gate.ConsentGate",
    "accounts.rights.gate.HeldGate",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "chatsite.costs.Limits",
    # Deny by default: a page without a sign-in says so itself, with @login_not_required.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "chatsite.middleware.htmx",
]

ROOT_URLCONF = "chatsite.urls"
ASGI_APPLICATION = "chatsite.asgi.application"
SILENCED_SYSTEM_CHECKS: list[str] = []

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "chatsite.context_processors.chatsite",
            ],
            "builtins": ["chatsite.templatetags.settled"],
        },
    },
]

# --- Database, broker, live state -----------------------------------------------------------------------------------


def _database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ImproperlyConfigured("DATABASE_URL must look like postgresql://user:password@host:5432/name.")
    query = dict(parse_qsl(parts.query))
    return {
        # Django's own, which also tells PostgreSQL who acts (docs/security.md).
        "ENGINE": "accounts.tenancy.postgresql",
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", "") or (parts.hostname or ""),
        "PORT": str(parts.port or ""),
        # A pool: under ASGI every request runs in a thread of its own, so without one each request would connect. What
        # it holds of a server that went is found before a request gets it (accounts/tenancy/postgresql/base.py).
        "OPTIONS": {
            **query,
            "pool": {"min_size": 1, "max_size": env.integer("DATABASE_POOL", 10, at_least=2), "timeout": 10},
        },
    }


def _owning(database: dict[str, Any]) -> dict[str, Any]:
    """Used now and then, to migrate and to make an index: no pool that would hold a connection for it."""
    return {**database, "OPTIONS": {k: v for k, v in database["OPTIONS"].items() if k != "pool"}}


DATABASE_URL = env.text("DATABASE_URL")
CARRIES_DATABASE = not DATABASE_URL
# The role that owns the tables. With a server of one's own the two may be the same; row-level security is forced.
DATABASE_OWNER_URL = env.text("DATABASE_OWNER_URL") or DATABASE_URL
DATABASES = {
    "default": _database(DATABASE_URL or carried.database_url(DATA_DIR)),
    "owner": _owning(_database(DATABASE_OWNER_URL or carried.database_url(DATA_DIR, role=carried.OWNER_ROLE))),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.url("REDIS_URL", ["redis", "rediss", "unix"])
CARRIES_REDIS = not REDIS_URL
if CARRIES_REDIS:
    REDIS_URL = carried.redis_url(DATA_DIR)

CACHES = {
    "default": {
        "BACKEND": "chatsite.cache.ForgetfulRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "chatsite:cache",
        "OPTIONS": {
            "serializer": "chatsite.cache.JSONSerializer",
            "socket_timeout": 1,
            "socket_connect_timeout": 1,
        },
    }
}

CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        # Best effort, like the default layer, and five times cheaper; sequence numbers make loss harmless.
        "BACKEND": "chatsite.channel_layer.SealedChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "chatsite"},
    }
}

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1) if REDIS_URL.startswith("unix://") else REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
# A worker takes one job beyond those it works on; what waits in Redis can go to another.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
# Publishing must fail fast: the row is written already, and the beat task finds it (jobs.leases.overdue).
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 2}
CELERY_TASK_ROUTES = {
    "chats.tasks.*": {"queue": "answers"},
    "chats.exchange.tasks.*": {"queue": "documents"},
    "chats.images.tasks.*": {"queue": "documents"},
    "documents.tasks.*": {"queue": "documents"},
    "accounts.audit.tasks.*": {"queue": "answers"},
    "accounts.invitations.tasks.*": {"queue": "answers"},
    "accounts.sessions.tasks.*": {"queue": "answers"},
    "accounts.rights.tasks.*": {"queue": "documents"},
}
CELERY_BEAT_SCHEDULE = {
    "requeue-answers": {"task": "chats.tasks.requeue_overdue", "schedule": 5.0, "options": {"expires": 5}},
    "requeue-documents": {"task": "documents.tasks.requeue_overdue", "schedule": 5.0, "options": {"expires": 5}},
    "requeue-rights": {"task": "accounts.rights.tasks.requeue_overdue", "schedule": 15.0, "options": {"expires": 15}},
    "requeue-exchange": {"task": "chats.exchange.tasks.requeue_overdue", "schedule": 15.0, "options": {"expires": 15}},
    "sweep-images": {"task": "chats.images.tasks.sweep", "schedule": 7_200.0, "options": {"expires": 600}},
    "sweep-exchange": {"task": "chats.exchange.tasks.sweep", "schedule": 7_200.0, "options": {"expires": 600}},
    "sweep-archives": {
        "task": "accounts.rights.tasks.sweep_archives",
        "schedule": 21_600.0,
        "options": {"expires": 600},
    },
    "retention": {"task": "accounts.rights.tasks.apply_retention", "schedule": 21_600.0, "options": {"expires": 600}},
    "index-vectors": {"task": "documents.tasks.index_vectors", "schedule": 3600.0, "options": {"expires": 600}},
    # More than daily: a schedule in memory begins anew with every start.
    "sweep-blobs": {"task": "documents.tasks.sweep_blobs", "schedule": 21_600.0, "options": {"expires": 600}},
    "seal-audit": {"task": "accounts.audit.tasks.seal", "schedule": 3.0, "options": {"expires": 3}},
    "old-invitations": {
        "task": "accounts.invitations.tasks.forget_over",
        "schedule": 21_600.0,
        "options": {"expires": 600},
    },
    "old-sessions": {"task": "accounts.sessions.tasks.forget_ended", "schedule": 7_200.0, "options": {"expires": 600}},
    "prune-audit": {"task": "accounts.audit.tasks.prune", "schedule": 21_600.0, "options": {"expires": 600}},
}

# --- Sign-in --------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.RoleBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.sign_in_forms.SignInForm",
    "signup": "accounts.sign_in_forms.SignUpForm",
    "change_password": "accounts.sign_in_forms.ChangePasswordForm",
    "set_password": "accounts.sign_in_forms.SetPasswordForm",
    "reset_password": "accounts.sign_in_forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.sign_in_forms.ResetPasswordKeyForm",
}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
# Nobody can make this server write to strangers by asking for the password of an address without an account.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "accounts.password_links.Tokens"  # noqa: S105 - a class
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
# Added to allauth's own limits, which cover sign-in, failures, sign-up and reset.
ACCOUNT_RATE_LIMITS = {"set_up": "20/m/ip", "invitation": "20/m/ip", "invite": "30/h/user"}
ALLAUTH_TRUSTED_PROXY_COUNT = 1 if TRUST_PROXY else 0
# Who may get an account: whom an administrator invited; anybody; or nobody, so that accounts come from elsewhere.
SIGN_UP = env.choice("SIGN_UP", "invitation", ["closed", "invitation", "open"])
# Who must sign in with a second factor. Others may.
TOTP_REQUIRED_ROLES = env.choices("TOTP_REQUIRED_ROLES", ["super_admin", "admin", "user", "viewer"])
TOTP_ISSUER = env.text("TOTP_ISSUER", "Chatsite")
# Failures, by account and by address, that close the way in, and for how long (docs/security.md).
LOCK_OUT_AFTER = env.integer("LOCK_OUT_AFTER", 5, at_least=2, at_most=100)
LOCK_OUT_MINUTES = env.integer("LOCK_OUT_MINUTES", 15, at_least=1, at_most=1440)
ADMIN_EMAIL = env.text("ADMIN_EMAIL")
ADMIN_PASSWORD = env.text("ADMIN_PASSWORD")

# Signing in with other providers. Nothing of it is loaded where nothing is configured.
SSO = single_sign_on.read(base_url=BASE_URL, data_dir=DATA_DIR, sign_up=SIGN_UP)
if SSO.ldap:
    AUTHENTICATION_BACKENDS.append("accounts.sso.directory.DirectoryBackend")
SOCIALACCOUNT_ADAPTER = "accounts.sso.adapter.SocialAccountAdapter"
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_REQUESTS_TIMEOUT = 10

EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, at_least=1, at_most=65535)
EMAIL_HOST_USER = env.text("EMAIL_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_PASSWORD")
EMAIL_USE_TLS = EMAIL_PORT == 587
EMAIL_USE_SSL = EMAIL_PORT == 465
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "chatsite@localhost")
# Whoever signs up by themselves comes in when the address is confirmed, if a mail can ask for it.
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if SIGN_UP == "open" and EMAIL_HOST else "optional"
# Mails hold links that open accounts: without a mail server they go nowhere, and least of all into the log.
_without_server = "console" if DEBUG else "dummy"
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else _without_server}.EmailBackend"

# --- Models -----------------------------------------------------------------------------------------------------------

LLM_PROVIDER = env.choice("LLM_PROVIDER", "auto", ["auto", "ollama", "builtin"])
OLLAMA_BASE_URL = env.text("OLLAMA_BASE_URL", "http://127.0.0.1:11434").rstrip("/")
DEFAULT_MODEL = env.text("DEFAULT_MODEL")
FAST_MODEL = env.text("FAST_MODEL")
VISION_MODEL = env.text("VISION_MODEL")
EMBEDDING_MODEL = env.text("EMBEDDING_MODEL")
FALLBACK_MODELS = env.words("FALLBACK_MODELS")
# The most context to ask a model for, in tokens. One value per model: a changed value makes Ollama load it again.
CONTEXT_LENGTH_LIMIT = env.integer("CONTEXT_LENGTH_LIMIT", 16_384, at_least=2_048)
# Seconds. A model may first have to be loaded from disk and read a long prompt, in silence.
FIRST_TOKEN_TIMEOUT = env.decimal("FIRST_TOKEN_TIMEOUT", 300.0, at_least=0.1)
NEXT_TOKEN_TIMEOUT = env.decimal("NEXT_TOKEN_TIMEOUT", 60.0, at_least=0.1)
MAX_PARALLEL_ANSWERS = env.integer("MAX_PARALLEL_ANSWERS", 256, at_least=1)
SYSTEM_PROMPT = env.text(
    "SYSTEM_PROMPT", "You are a helpful, careful assistant. Answer in the language of the question, in Markdown."
)
# Models that can think before they answer do so; on a slow machine that may take longer than it is worth.
MODELS_THINK = env.flag("MODELS_THINK", default=True)

# --- Documents --------------------------------------------------------------------------------------------------------

UPLOAD_MAX_SIZE_MB = env.integer("UPLOAD_MAX_SIZE_MB", 100, at_least=1)
UPLOAD_MAX_SIZE = UPLOAD_MAX_SIZE_MB * 1024 * 1024
# For all files of one upload together. The largest file and the form around it always pass.
UPLOAD_MAX_REQUEST_MB = env.integer("UPLOAD_MAX_REQUEST_MB", 512, at_least=1)
UPLOAD_MAX_REQUEST = max(UPLOAD_MAX_REQUEST_MB, UPLOAD_MAX_SIZE_MB + 1) * 1024 * 1024
FILE_UPLOAD_HANDLERS = ["documents.uploads.SealedHandler"]
# Requests above this size are spooled to disk while they arrive, sealed.
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# Also the most that any other request may send, or one without a session.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
MESSAGE_MAX_LENGTH = env.integer("MESSAGE_MAX_LENGTH", 100_000, at_least=1_000)
CHUNK_SIZE = env.integer("CHUNK_SIZE", 1000, at_least=200, at_most=8000)
CHUNK_OVERLAP = env.integer("CHUNK_OVERLAP", 200, at_least=0, at_most=2000)
MAX_PARALLEL_DOCUMENTS = env.integer("MAX_PARALLEL_DOCUMENTS", 2, at_least=1, at_most=64)
RAG_TOP_K = env.integer("RAG_TOP_K", 5, at_least=1, at_most=50)
RAG_RELEVANCE_THRESHOLD = env.decimal("RAG_RELEVANCE_THRESHOLD", 0.36, at_most=1.0)
# Seconds that the fast model may take to write a question anew that leans on the one before; 0: it is not asked.
RAG_REWRITE_SECONDS = env.decimal("RAG_REWRITE_SECONDS", 3.0, at_most=60.0)
# Reading question and passages together (chats/answering/reranking.py): by a cross-encoder in this folder, else by the
# fast model, and for so many seconds at most.
RAG_RERANK = env.flag("RAG_RERANK", default=False)
RAG_RERANK_PATH = env.text("RAG_RERANK_PATH")
RAG_RERANK_SECONDS = env.decimal("RAG_RERANK_SECONDS", 4.0, at_least=0.1, at_most=60.0)
OCR_LANGUAGES = env.text("OCR_LANGUAGES", "eng")
# Passages that look as if they were written for the assistant (chats/answering/suspicion.py).
SUSPICIOUS_PASSAGES = env.choice("SUSPICIOUS_PASSAGES", "mark", ["mark", "leave_out"])

# --- Pictures in chats ------------------------------------------------------------------------------------------------

IMAGE_MAX_SIZE_MB = env.integer("IMAGE_MAX_SIZE_MB", 20, at_least=1)
IMAGE_MAX_SIZE = IMAGE_MAX_SIZE_MB * 1024 * 1024
# What a file unpacks to: a small one may hold a huge picture.
IMAGE_MAX_MEGAPIXELS = env.integer("IMAGE_MAX_MEGAPIXELS", 60, at_least=1, at_most=200)
IMAGES_PER_MESSAGE = env.integer("IMAGES_PER_MESSAGE", 10, at_least=1, at_most=50)
# Added to a question that was never sent.
IMAGE_UNSENT_HOURS = env.integer("IMAGE_UNSENT_HOURS", 48, at_least=1)

# --- Sharing ----------------------------------------------------------------------------------------------------------

# Who may open the link of a shared chat: people with an account, anybody who has the link, or nobody.
SHARE_LINKS = env.choice("SHARE_LINKS", "accounts", ["off", "accounts", "anybody"])

# --- Limits -----------------------------------------------------------------------------------------------------------

# Of one person; what is counted, and how much one address has, stands in chatsite/costs.py. 0: nothing is counted.
RATE_LIMIT_PER_MINUTE = env.integer("RATE_LIMIT_PER_MINUTE", 60)
RATE_LIMIT_BURST = env.integer("RATE_LIMIT_BURST", 10, at_least=1)
_ROLES = ["super_admin", "admin", "user", "viewer"]
QUOTA_TOKENS_PER_DAY = env.amounts("QUOTA_TOKENS_PER_DAY", _ROLES)
QUOTA_STORAGE_MB = env.amounts("QUOTA_STORAGE_MB", _ROLES)

# --- Rights over one's data -----------------------------------------------------------------------------------------

# Days; 0: for ever.
RETENTION_DAYS = env.amounts("RETENTION_DAYS", ["chats", "deleted_chats", "documents"], "deleted_chats=30")
EXPORT_DAYS = env.integer("EXPORT_DAYS", 7, at_least=1)
CONSENT_TEXT = env.text("CONSENT_NOTICE")
CONSENT_VERSION = hashlib.sha256(CONSENT_TEXT.encode()).hexdigest()[:16] if CONSENT_TEXT else ""

# --- Audit ------------------------------------------------------------------------------------------------------------

# Days; 0: for ever.
AUDIT_RETENTION_DAYS = env.integer("AUDIT_RETENTION_DAYS", 365, at_least=0)
AUDIT_LEGAL_HOLD = env.flag("AUDIT_LEGAL_HOLD", default=False)

# --- Files, languages, logs -------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": DATA_DIR / "files"}},
    "staticfiles": {"BACKEND": "chatsite.static_files.StaticFiles"},
}
LANGUAGE_CODE = "en"
TIME_ZONE = env.time_zone("TIME_ZONE", "UTC")
USE_TZ = True

LOG_FORMAT = env.choice("LOG_FORMAT", "json", ["json", "text"])
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR"])
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "chatsite.logs.JSONFormatter"}, "text": {"()": "chatsite.logs.TextFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "httpx": {"level": "WARNING"},
        "daphne": {"level": "WARNING"},
        "celery": {"level": "INFO" if LOG_LEVEL == "DEBUG" else "WARNING"},
        "django.channels.server": {"level": "WARNING"},
    },
}
