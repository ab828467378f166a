"""The old code: the width and the height are two arguments."""

from celery import Celery

app = Celery("shop")
app.config_from_object("settings")


@app.task(name="shop.resize")
def resize(image_id, max_width=800, max_height=600):
    print(f"resize {image_id} into {max_width}x{max_height}")
