"""Check exercises about how long uploads take if the photos are resized during the requests."""

from workshop.checkkit import expect
from workshop.photos.concurrent_uploads import Load

from .answers import expect_close, expect_number, expect_type


def share_of_resizing(share, request_seconds, photo) -> str:
    """Check exercise 1.3: the share of the visitor's waiting time that was spent on resizing."""
    expect_number("share", share, "a number between 0 and 1")
    expect(
        photo.resize_seconds is not None,
        "The photo was not resized, because this project's view doesn't resize photos yet (step 1.4).",
    )
    right = photo.resize_seconds / request_seconds
    mistakes = (
        (100 * right, f"Your share is a percentage. As a fraction, {share:.0f} % is {right:.2f}."),
        (
            1 / right,
            f"{share:.2f} is the request time divided by the resize time. Swap the two numbers.",
        ),
        (
            1 - right,
            "You computed the share of everything else: the transfer, the form, the file, the row and the "
            "response.",
        ),
        (
            1,
            "The resize is only part of the request, because the photo also has to be sent, checked and "
            "stored. timed.resize_seconds is only the resize time.",
        ),
    )
    otherwise = (
        f"Your share is {share:.3f}. According to the database row, the resize took "
        f"{photo.resize_seconds:.3f} s, and the visitor waited {request_seconds:.3f} s."
    )
    expect_close(share, right, mistakes, otherwise)
    return (
        f"The resize took {100 * right:.0f} % of the waiting time. The response is a redirect, which doesn't "
        "need the resized photo."
    )


def uploads_per_minute(per_minute, measured) -> str:
    """Check exercise 1.4: how many photos the web process can handle per minute."""
    expect_type("measured", measured, Load, "the value that `upload_at_once()` returned")
    expect_number("per_minute", per_minute)
    count, seconds = len(measured.uploads), sorted(upload.seconds for upload in measured.uploads)
    right = 60 * count / measured.seconds
    overlap = "The process handles several uploads at once, so each time includes waiting for the others."
    mistakes = (
        (60 * count / sum(seconds), f"You divided 60 s by the average time of an upload. {overlap}"),
        (60 / seconds[count // 2], f"You divided 60 s by the median time. {overlap}"),
        (60 / max(seconds), f"You divided 60 s by the time of the slowest upload. {overlap}"),
        (60 / sum(seconds), f"You divided by the sum of all times. {overlap}"),
        (count / measured.seconds, "You computed the number of photos per second."),
        (
            60 * measured.seconds / count,
            "You multiplied 60 by the number of seconds per photo. Divide 60 by this number instead.",
        ),
    )
    otherwise = (
        f"per_minute is {per_minute:.0f}, but the process handled {count} photos in {measured.seconds:.2f} "
        "s, from the start of the first upload to the last response."
    )
    expect_close(per_minute, right, mistakes, otherwise)
    return (
        f"The process can resize {right:.0f} photos per minute, but then it has no time for anything else. "
        "If more photos arrive, all visitors have to wait, even those who upload nothing."
    )
