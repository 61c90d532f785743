from django.apps import AppConfig


class ImagesConfig(AppConfig):
    name = "chats.images"
    label = "images"

    def ready(self) -> None:
        from accounts.limits import quotas
        from accounts.rights import holdings
        from chats.images.holding import ImagesHolding
        from chats.images.keeping import stored_bytes

        holdings.register(ImagesHolding())
        quotas.count_storage("images", stored_bytes)
