from django.urls import path

from documents import bulk_views, library_views, version_views, views

app_name = "documents"
urlpatterns = [
    path("", library_views.library, name="library"),
    path("several", bulk_views.several, name="several"),
    path("tags/<uuid:document_tag_id>/rename", library_views.rename_tag, name="rename_tag"),
    path("tags/<uuid:document_tag_id>/delete", library_views.delete_tag, name="delete_tag"),
    path("upload", views.upload, name="upload"),
    path("versions", version_views.join, name="join"),
    path("<uuid:document_id>", views.detail, name="detail"),
    path("<uuid:document_id>/preview", library_views.preview, name="preview"),
    path("<uuid:document_id>/row", views.row, name="row"),
    path("<uuid:document_id>/retry", views.retry, name="retry"),
    path("<uuid:document_id>/password", views.unlock, name="unlock"),
    path("<uuid:document_id>/rename", views.rename, name="rename"),
    path("<uuid:document_id>/delete", views.delete, name="delete"),
    path("<uuid:document_id>/file", views.download, name="download"),
    path("<uuid:document_id>/versions/drop", version_views.drop, name="drop_version"),
    path("<uuid:document_id>/versions/<int:version>/file", version_views.download, name="version_file"),
    path("<uuid:document_id>/versions/<int:version>/pages/<int:number>", views.page, name="page"),
    path("<uuid:document_id>/versions/<int:version>/pages/<int:number>/image.png", views.page_image, name="page_image"),
]
