"""The name changes in a single deployment: shop.shrink replaces shop.resize."""

from celery import Celery

app = Celery("shop")
app.config_from_object("settings")


@app.task(name="shop.shrink")
def shrink(image_id, max_width=800, max_height=600):
    print(f"shrink {image_id} into {max_width}x{max_height}")
