"""What is where, under ASGI."""

from django.urls import path

from . import async_views as views

handler400 = f"{__package__}.answers.bad_request"
handler404 = f"{__package__}.answers.page_not_found"
handler500 = f"{__package__}.answers.server_error"

urlpatterns = [
    path("", views.home),
    path("items/<int:item_id>", views.item_page),
    path("api/items", views.items),
    path("api/items/<int:item_id>", views.item),
    path("api/orders", views.create_order),
    path("json", views.best_seller_list),
    path("wait", views.wait),
    path("cpu", views.cpu),
    path("blocking", views.blocking),
    path("threads", views.threads),
    path("upstream", views.upstream),
    path("fan-out", views.fan_out),
    path("upload", views.upload),
    path("stream", views.stream),
]
