"""The arguments change in a single deployment: `box` replaces the width and the height."""

from celery import Celery

app = Celery("shop")
app.config_from_object("settings")


@app.task(name="shop.resize")
def resize(image_id, box=(800, 600)):
    print(f"resize {image_id} into {box[0]}x{box[1]}")
