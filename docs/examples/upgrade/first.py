"""First deployment: workers understand both. Nobody sends the new one yet."""

from celery import Celery

app = Celery("shop")
app.config_from_object("settings")


@app.task(name="shop.shrink")
def shrink(image_id, box=(800, 600)):
    print(f"shrink {image_id} into {box[0]}x{box[1]}")


@app.task(name="shop.resize")
def resize(image_id, max_width=800, max_height=600):
    """The old name with the old arguments, for messages in flight and for web processes of yesterday."""
    return shrink(image_id, box=(max_width, max_height))
