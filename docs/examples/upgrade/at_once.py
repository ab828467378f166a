"""The arguments are changed at once: `box` in the place of width and height."""

from celery import Celery

app = Celery("shop")
app.config_from_object("settings")


@app.task(name="shop.resize")
def resize(image_id, box=(800, 600)):
    print(f"resize {image_id} into {box[0]}x{box[1]}")
