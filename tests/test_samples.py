import hashlib
import re
import statistics
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO

import httpx
import pytest
from PIL import Image, ImageCms, ImageOps
from printed_text import Printed
from projects import Project

from workshop import paths
from workshop.errors import WorkshopError
from workshop.photos import concurrent_uploads, samples
from workshop.photos.visitor import Visitor
from workshop.runtime import up_state
from workshop.system.ports import free_port
from workshop.system.waiting import until


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos") / "samples"
    assert all(new for _, new in samples.make(folder))
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The address of solutions/01-sync, migrated and serving."""
    with Project(paths.SOLUTIONS / "01-sync", tmp_path_factory.mktemp("data")).serving() as address:
        yield address


@pytest.fixture
def serve():
    """serve(form, post, pages, after): start a small site, and return its address.

    form: its upload page. post: status and body of its response to an upload; None: it closes the connection.
    pages: how many pages have to be opened before the site responds to an upload. after: the status of its
    pages after the first upload.
    """
    servers = []

    def serve(form='<input name="csrfmiddlewaretoken" value="t0ken">', post=(200, ""), pages=0, after=200):
        uploads = []

        class Handler(BaseHTTPRequestHandler):
            opened = 0

            def answer(self, status, body):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body.encode())

            def do_GET(self):
                Handler.opened += 1
                self.answer(after if uploads else 200, form)

            def do_POST(self):
                uploads.append(self.rfile.read(int(self.headers["Content-Length"])))
                before = Handler.opened
                until(lambda: Handler.opened >= before + pages, 60)
                if post is None:
                    self.connection.close()
                else:
                    self.answer(*post)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://localhost:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_every_file_is_what_its_name_says(folder):
    found = {}
    for name in ("held-upright.jpg", "phone.jpg", "transparent.png", "web.webp", "print.jpg", "small.jpg"):
        with Image.open(folder / name) as picture:
            picture.load()
            found[name] = (picture.format, picture.mode, picture.size, getattr(picture, "n_frames", 1))
    assert found == {
        "held-upright.jpg": ("JPEG", "RGB", (4032, 3024), 1),
        "phone.jpg": ("MPO", "RGB", (4032, 3024), 2),
        "transparent.png": ("PNG", "RGBA", (1200, 900), 1),
        "web.webp": ("WEBP", "RGB", (2016, 1512), 1),
        "print.jpg": ("JPEG", "CMYK", (2016, 1512), 1),
        "small.jpg": ("JPEG", "RGB", (320, 240), 1),
    }


def test_phone_photo_has_place_profile_and_the_size_of_a_real_one(folder):
    with Image.open(folder / "held-upright.jpg") as picture:
        exif = picture.getexif()
        assert exif[0x0112] == 6
        place = exif.get_ifd(0x8825)
        assert (place[1], place[2]) == ("N", (51.0, 28.0, 40.0))
        profile = ImageCms.ImageCmsProfile(BytesIO(picture.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
    assert 3_000_000 <= (folder / "held-upright.jpg").stat().st_size <= 5_000_000


def test_transparent_corners_and_a_gif_that_moves(folder):
    with Image.open(folder / "transparent.png") as picture:
        assert (picture.getpixel((0, 0))[3], picture.getpixel((600, 450))[3]) == (0, 255)
    with Image.open(folder / "animated.gif") as picture:
        first = picture.convert("RGB")
        assert picture.n_frames == 7
        picture.seek(6)
        assert picture.convert("RGB").tobytes() != first.tobytes()


def test_damaged_files_fail_where_they_should(folder):
    with Image.open(folder / "cut-short.jpg") as picture, pytest.raises(OSError, match="truncated"):
        picture.load()
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(folder / "text.jpg")
    assert (folder / "bomb.png").stat().st_size < 200
    with pytest.raises(Image.DecompressionBombError, match="900000000 pixels"):
        Image.open(folder / "bomb.png")


@pytest.mark.parametrize("orientation", samples.STORED_AS)
def test_photo_is_upright_once_its_orientation_is_applied(orientation):
    with Image.open(BytesIO(samples.photo(400, 300, orientation=orientation))) as picture:
        assert picture.size == (400, 300)
        upright = ImageOps.exif_transpose(picture)
    assert upright.size == ((300, 400) if orientation >= 5 else (400, 300))
    width, height = upright.size
    sky, ground = upright.getpixel((width - 5, 5)), upright.getpixel((width - 5, height - 5))
    assert sky[2] > ground[2] + 60, "the sky is above"
    assert min(upright.getpixel((round(width * 0.25), round(height * 0.8)))) > 220, "the arrow is on the left"


def test_same_seed_same_photo():
    def fingerprint(seed):
        samples.photo.cache_clear()
        return hashlib.sha256(samples.photo(200, 150, seed=seed, gps=True, icc=True)).hexdigest()

    assert fingerprint(1) == fingerprint(1) != fingerprint(2)


def test_colour_profile_does_not_carry_the_time_of_its_making():
    with Image.open(BytesIO(samples.photo(16, 16, icc=True))) as picture:
        assert picture.info["icc_profile"][24:36] == bytes([7, 234, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0])


def test_files_that_are_there_stay(tmp_path, capsys):
    (tmp_path / "mine.jpg").write_bytes(b"mine")
    for sample in samples.SAMPLES:
        (tmp_path / sample.name).write_bytes(b"kept")
    (tmp_path / "small.jpg").unlink()
    assert samples.main(str(tmp_path), None, 1) == 0
    assert "1 written" in (out := Printed(capsys.readouterr().out))
    assert "9 already existed" in out
    assert all(sample.name in out and sample.purpose in out for sample in samples.SAMPLES)
    kept = {path.name for path in tmp_path.iterdir() if path.read_bytes() in (b"kept", b"mine")}
    assert kept == {sample.name for sample in samples.SAMPLES} - {"small.jpg"} | {"mine.jpg"}
    assert len(list(tmp_path.iterdir())) == len(samples.SAMPLES) + 1


def test_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkshopError, match=r"cannot be written to .*file/photos"):
        samples.main(str(tmp_path / "file/photos"), None, 1)


def test_the_folder_is_in_the_clone_whatever_folder_you_are_in(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "ROOT", tmp_path / "clone")
    monkeypatch.chdir(tmp_path)
    assert samples.main(None, None) == 0
    assert (tmp_path / "clone/samples/small.jpg").is_file()
    assert not (tmp_path / "samples").exists()


def test_site_does_with_each_sample_what_the_sample_says(site, folder):
    with Visitor(site) as visitor:
        for sample in samples.SAMPLES:
            answer = visitor.upload(sample.name, (folder / sample.name).read_bytes())
            assert (answer.refusal is not None) == (sample.outcome == "refused"), (
                sample.name,
                answer.refusal,
            )
            assert answer.seconds > 0
            if sample.outcome == "refused":
                assert answer.refusal.startswith(f"{sample.name}: ")
            else:
                failed = f"{sample.name}: This picture is damaged or cut short." in answer.page.text
                assert failed == (sample.outcome == "failed"), sample.name


def test_uploads_at_once_are_timed_beside_a_visitor(site, tmp_path, capsys):
    assert samples.main(str(tmp_path), 3, int(site.rsplit(":", 1)[1])) == 0
    out = Printed(capsys.readouterr().out)
    seconds = [float(found) for found in re.findall(r"photo-0[123]\.jpg +([\d.]+) s  uploaded", out)]
    assert len(seconds) == 3
    summary = re.search(r"Uploads: +median ([\d.]+) s, slowest ([\d.]+) s", out)
    assert [float(number) for number in summary.groups()] == [statistics.median(seconds), max(seconds)]
    assert re.search(r"Pages before the uploads: +median \d+ ms, slowest \d+ ms, 2\d pages", out)
    assert re.search(r"Pages during the uploads: +median \d+ ms, slowest \d+ ms, [1-9]\d* pages?", out)
    page = httpx.get(site).text
    assert all(f"photo-0{number}.jpg" in page for number in (1, 2, 3))
    assert [path.name for path in tmp_path.iterdir()] == ["held-upright.jpg"]


def test_upload_sends_the_photo_in_the_folder(site, tmp_path, capsys):
    (tmp_path / "held-upright.jpg").write_bytes(b"no photo")
    assert samples.main(str(tmp_path), 1, int(site.rsplit(":", 1)[1])) == 1
    assert "failed: photo-01.jpg: this is not a picture that can be read." in Printed(capsys.readouterr().out)


def test_upload_goes_to_the_site_of_the_running_up(site, tmp_path, capsys, monkeypatch):
    """On whatever port it is. But a port that is named has priority."""
    monkeypatch.setattr(paths, "STATE", tmp_path)
    assert samples._site(None) == "http://localhost:8000"
    up_state.write({"addresses": {"site": site}})
    assert samples._site(8123) == "http://localhost:8123"
    samples.main(str(tmp_path), 1, None)
    assert f"to {site}, all at once" in Printed(capsys.readouterr().out)


def test_nothing_answers():
    with pytest.raises(WorkshopError, match=r"another terminal: \./workshop up"):
        concurrent_uploads.main(f"http://localhost:{free_port()}", 2, b"photo")


@pytest.mark.parametrize("count", [0, -1, 201])
def test_count_out_of_range(count):
    with pytest.raises(WorkshopError, match="from 1 to 200"):
        concurrent_uploads.main("http://localhost:1", count, b"photo")


def test_other_program_on_the_port(serve):
    with Visitor(serve(form="hello")) as visitor, pytest.raises(WorkshopError, match="has no form .* --port"):
        visitor.open_form()


@pytest.mark.parametrize(
    ("post", "refusal"),
    [
        (
            (200, '<p class="message error" role="alert">Too <b>big</b> &amp; old</p><p>x</p>'),
            "Too big & old",
        ),
        (
            (200, '<div class="errors"><ul class="errorlist"><li>One.</li><li>Two.</li></ul></div>x'),
            "One. Two.",
        ),
        ((200, "<p>Photos</p>"), "the form was returned without an error message"),
        ((500, "<p class='error'>x</p>"), "the site failed (HTTP 500); the traceback is in the log"),
        ((403, ""), "the site responded with HTTP 403 (Forbidden)"),
        (None, "the connection was lost"),
    ],
)
def test_refusals_in_words(serve, post, refusal):
    with Visitor(serve(post=post)) as visitor:
        answer = visitor.upload("a.jpg", b"a")
        assert answer.refusal.startswith(refusal)
        assert (answer.page is None) == (post is None)


def test_failing_site_ends_with_exit_code_1(serve, capsys):
    assert concurrent_uploads.main(serve(post=(500, "")), 2, b"photo") == 1
    assert Printed(capsys.readouterr().out).count("failed: the site failed (HTTP 500)") == 2


def test_visitor_looks_until_the_last_upload_is_through_and_past_any_proxy(serve, capsys, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://localhost:1")
    concurrent_uploads.main(serve(post=(200, ""), pages=4), 2, b"photo")
    pages = int(re.search(r"Pages during the uploads: .* (\d+) pages?", Printed(capsys.readouterr().out))[1])
    assert pages > 3


def test_a_page_that_fails_during_the_uploads_is_reported(serve, capsys):
    with pytest.raises(WorkshopError, match="The other visitor could not open a page. .*site failed"):
        concurrent_uploads.main(serve(after=500), 2, b"photo")
    assert Printed(capsys.readouterr().out).count("photo-0") == 2, "the uploads are printed before the error"
