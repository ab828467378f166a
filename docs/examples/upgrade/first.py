"""The first deployment: workers understand both tasks, but producers still send the old one."""

from celery import Celery

app = Celery("shop")
app.config_from_object("settings")


@app.task(name="shop.shrink")
def shrink(image_id, box=(800, 600)):
    print(f"shrink {image_id} into {box[0]}x{box[1]}")


@app.task(name="shop.resize")
def resize(image_id, max_width=800, max_height=600):
    """The old name and arguments, for queued messages and for web processes that run the old code."""
    return shrink(image_id, box=(max_width, max_height))
