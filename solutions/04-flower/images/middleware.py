import time

PLACEHOLDER = b"<!--request-seconds-->"


def request_seconds(get_response):
    """Write into every page's footer how long the server took to create the page."""

    def middleware(request):
        started = time.perf_counter()
        response = get_response(request)
        seconds = time.perf_counter() - started
        response["Server-Timing"] = f"request;dur={seconds * 1000:.0f}"
        if not response.streaming and PLACEHOLDER in response.content:
            text = f"The server took {seconds:.2f} s for this request."
            response.content = response.content.replace(PLACEHOLDER, text.encode())
            response["Content-Length"] = str(len(response.content))
        return response

    return middleware
