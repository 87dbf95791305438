"""The page as a reader has it: in Chromium, from a file, without a network."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

WIDTHS = (1440, 800, 390)


@pytest.fixture(scope="module")
def report(tmp_path_factory, browser, report_of):
    """A board of 8 methods over 5 images by two protocols, with a failed and an unsupported method; made once."""
    failed = "broken", "failed", "ValueError: <b>no</b> " + "such luck " * 40
    unsupported = "only-x2", "unsupported", "does not do x4"
    folder = tmp_path_factory.mktemp("browser") / "run"
    return report_of(folder, failed, unsupported, size=(320, 240), protocols=("y", "rgb"))


def size(browser, width, height=900, dark=False):
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    calm = {"name": "prefers-reduced-motion", "value": "reduce"}  # no smooth scrolling between two clicks
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, calm]})


SETTLED = """
const done = arguments[0];
const settled = () => {
  const images = [...document.querySelectorAll("#stage img")];
  return images.length && images.every((image) => image.complete);
};
const look = () => settled() ? requestAnimationFrame(() => done()) : setTimeout(look, 20);
look();
"""


@pytest.fixture
def opened(browser, report):
    """The page, freshly opened on a desktop; what the console said is checked in the end."""
    size(browser, 1440)
    browser.get_log("browser")
    browser.get(report.as_uri())
    browser.execute_async_script(SETTLED)
    yield browser
    assert browser.get_log("browser") == []


def find(browser, selector):
    return browser.find_element("css selector", selector)


def settle(browser):
    browser.execute_async_script(SETTLED)


def shown(browser, ranking=0):
    return browser.execute_script(
        "return [...document.querySelectorAll('.ranking')][arguments[0]].querySelectorAll('tbody tr:not([hidden])')"
        ".values().map((row) => row.cells[0].textContent.trim()).toArray()",
        ranking,
    )


KEYS = ["method", "psnr", "interval", "ssim", "lpips", "params", "macs", "latency_ms", "images_per_s", "mpix_per_s"]


@pytest.mark.parametrize("key", [*KEYS, "peak_mem_mib"])
def test_each_column_sorts_best_first_and_then_the_other_way(opened, report, key):
    board = pd.read_csv(report.parent / "leaderboard.csv")
    board = board[(board.protocol == "y") & (board.status == "ok")]
    column = {"interval": "psnr_low"}.get(key, key)
    rises = key in ("method", "lpips", "params", "macs", "latency_ms", "peak_mem_mib")
    button = find(opened, f".ranking .sort[data-key={key}]")
    head = button.find_element("xpath", "..")
    for ascending in (rises, not rises):
        wanted = "ascending" if ascending else "descending"
        if head.get_attribute("aria-sort") != wanted:  # the board comes sorted by PSNR
            button.click()
        assert head.get_attribute("aria-sort") == wanted
        order = shown(opened)
        assert order[-2:] == ["broken", "only-x2"]
        values = board.set_index("method")[column] if key != "method" else pd.Series(board.method.values, board.method)
        expected = values.sort_values(ascending=ascending)
        assert [values[m] for m in order[:-2]] == expected.tolist()


def test_filters_leave_what_fits(opened):
    def choose(key, value):
        select = find(opened, f"[data-filter={key}]")
        opened.execute_script(
            "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('change'))", select, value
        )

    choose("family", "interpolation")
    assert shown(opened) == ["bicubic", "nearest"]
    choose("protocol", "rgb")
    assert [r.is_displayed() for r in opened.find_elements("css selector", ".ranking")] == [False, True]
    find(opened, "[data-copy=csv]").click()
    wait_for(opened, "document.getElementById('copied').textContent.includes('2 rows')")
    choose("family", "")
    choose("protocol", "")
    assert len(shown(opened)) == 10


def wait_for(browser, condition):
    browser.execute_async_script(
        f"const done = arguments[0]; const look = () => ({condition}) ? done() : setTimeout(look, 20); look();"
    )


@pytest.mark.parametrize(("style", "file"), [("csv", "leaderboard.csv"), ("markdown", "leaderboard.md"), ("latex", "")])
def test_copies_equal_the_exports(opened, report, style, file, here):
    grant = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    opened.execute_cdp_cmd("Browser.grantPermissions", grant)
    find(opened, f"[data-copy={style}]").click()
    wait_for(opened, "document.getElementById('copied').textContent.startsWith('20 rows copied')")
    copied = opened.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    if file:
        assert copied == (report.parent / file).read_text()
    else:
        assert copied == here("leaderboard", report.parent, "--format", style).stdout


def test_what_is_copied_follows_the_order_that_is_shown(opened, report):
    opened.execute_cdp_cmd(
        "Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    )
    find(opened, ".sort[data-key=lpips]").click()
    find(opened, "[data-copy=csv]").click()
    wait_for(opened, "document.getElementById('copied').textContent.startsWith('20 rows copied')")
    copied = opened.execute_async_script("navigator.clipboard.readText().then(arguments[0])").splitlines()
    assert sorted(copied) == sorted((report.parent / "leaderboard.csv").read_text().splitlines())
    assert [line.split(",")[0] for line in copied[1:11]] == shown(opened)


def test_each_column_says_what_it_means(opened):
    for button in opened.find_elements("css selector", ".ranking:first-of-type .sort"):
        opened.execute_script("arguments[0].focus()", button)
        assert find(opened, "#meaning").text == f"{button.text}: {button.get_attribute('data-meaning')}"
        assert len(button.get_attribute("data-meaning")) > 15


STATE = """
const views = [...document.querySelectorAll("#stage .view")];
return views.map((view) => [...view.querySelectorAll("img, canvas")].map((i) => new DOMMatrix(i.style.transform))
  .map((m) => [m.a, m.e, m.f]));
"""


def transforms(browser):
    found = {tuple(map(float, t)) for view in browser.execute_script(STATE) for t in view}
    assert len(found) == 1, "all pictures move together"
    return found.pop()


def test_zoom_and_pan_move_all_pictures_together(opened):
    from selenium.webdriver import ActionChains

    start, _, _ = transforms(opened)
    find(opened, "#in").click()
    zoomed, left, top = transforms(opened)
    assert zoomed == pytest.approx(start * 1.5, rel=1e-4)
    view = find(opened, "#stage .view")
    ActionChains(opened).drag_and_drop_by_offset(view, -20, -10).perform()
    assert transforms(opened) == pytest.approx((zoomed, left - 20, top - 10), rel=1e-4)
    stage = find(opened, "#stage")
    stage.send_keys("0")
    fitted, _, _ = transforms(opened)
    assert fitted == pytest.approx(view.size["width"] / 320, rel=1e-2)
    stage.send_keys("+")
    assert transforms(opened)[0] == pytest.approx(fitted * 1.5, rel=1e-4)
    assert find(opened, "#zoom").text == f"{round(150 * fitted)} %"


def test_the_point_under_the_cursor_stays_when_zooming(opened):
    view = find(opened, "#stage .view")
    dispatch = """
    const [view, x, y, deltaY] = arguments, box = view.getBoundingClientRect();
    const where = { clientX: box.left + x, clientY: box.top + y };
    view.dispatchEvent(new WheelEvent("wheel", { ...where, deltaY, ctrlKey: true, bubbles: true, cancelable: true }));
    """

    def wheel(x, y, delta):
        opened.execute_script(dispatch, view, x, y, delta)

    find(opened, "#stage").send_keys("0")
    wheel(100, 100, -600)
    zoom, left, top = transforms(opened)
    before = (60 - left) / zoom, (130 - top) / zoom
    wheel(60, 130, -150)
    zoom, left, top = transforms(opened)
    assert ((60 - left) / zoom, (130 - top) / zoom) == pytest.approx(before, abs=0.3)  # events have whole pixels


def test_slider_shows_more_of_one_by_keyboard_and_by_mouse(opened):
    from selenium.webdriver import ActionChains, Keys

    find(opened, "#slider").click()
    settle(opened)

    def clips():
        return opened.execute_script(
            "return [...document.querySelectorAll('.layer')].map((l) => getComputedStyle(l).clipPath)"
        )

    assert clips() == ["inset(0px 50% 0px 0px)", "inset(0px 0px 0px 50%)"]
    find(opened, "#split").send_keys(Keys.ARROW_RIGHT)
    assert clips() == ["inset(0px 49.5% 0px 0px)", "inset(0px 0px 0px 50.5%)"]
    view = find(opened, "#stage .view")
    ActionChains(opened).drag_and_drop_by_offset(view, -160, 0).perform()  # from its middle, beside the divider
    assert float(find(opened, "#split").get_attribute("value")) == pytest.approx(25, abs=1)
    transforms(opened)
    tags = [tag.text for tag in opened.find_elements("css selector", ".tag")]
    find(opened, "#stage").send_keys(" ")
    settle(opened)
    assert [tag.text for tag in opened.find_elements("css selector", ".tag")] == tags[::-1]


def test_scores_stand_under_each_picture(opened, report):
    rows = [json.loads(line) for line in (report.parent / "results.jsonl").read_text().splitlines()]
    find(opened, "#stage").send_keys("n")
    settle(opened)
    assert find(opened, "#image").get_attribute("value") == "1"
    for pane in opened.find_elements("css selector", ".pane"):
        method = pane.find_element("css selector", "b").text
        values = {
            row["metric"]: row["value"]
            for row in rows
            if row["kind"] == "score" and (row["method"], row["image"]) == (method, "b") and row["protocol"] != "rgb/1"
        }
        expected = (
            f"PSNR {values['psnr/1']:.2f} · SSIM {values['ssim/1']:.4f} · LPIPS {values['lpips/1']:.4f}"
            if values
            else ""
        )
        assert pane.find_element("css selector", ".scores").text == expected
    titles = [b.text for b in opened.find_elements("css selector", ".pane b")]
    assert titles == ["LR (nearest)", "m6", "m5", "m4", "m3", "m2", "m1", "bicubic", "nearest", "HR"]


def test_error_map_is_the_difference_from_hr(opened, report):
    find(opened, "#errors").click()
    wait_for(opened, "document.querySelectorAll('#stage canvas').length === 8")
    folder = report.parent / "images" / "set5_x4"
    expected = np.abs(
        np.asarray(Image.open(folder / "m6" / "a.png")).astype(int) - np.asarray(Image.open(folder / "HR" / "a.png"))
    ).mean(axis=2)
    drawn = opened.execute_script(
        "const c = document.querySelectorAll('#stage .pane')[1].querySelector('canvas');"
        "return [c.width, c.height, ...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    width, height = drawn[:2]
    assert (width, height) == (320, 240)
    red = np.array(drawn[2:]).reshape(height, width, 4)[..., 0]
    assert {int(value) for value in np.unique(expected)} == {0, 22}
    assert len(np.unique(red[expected > 0])) == 1
    assert red[expected > 0].min() > 100 > 5 > red[expected == 0].max()
    assert find(opened, "#legend").is_displayed()


def test_whole_images_come_from_the_runs_folder_and_their_absence_is_said(opened, report):
    find(opened, "#whole").click()
    wait_for(opened, "[...document.querySelectorAll('#stage img')].every((i) => i.src.startsWith('file:'))")
    settle(opened)
    hr = report.parent / "images" / "set5_x4" / "HR" / "b.png"
    hr.rename(hr.with_suffix(".away"))
    try:
        find(opened, "#next").click()
        wait_for(opened, "document.getElementById('said').textContent.includes('cannot be opened')")
        settle(opened)
        assert not find(opened, "#whole").is_selected()
        assert find(opened, "#stage img").get_attribute("src").startswith("data:")
    finally:
        hr.with_suffix(".away").rename(hr)
    log = opened.get_log("browser")
    assert all("ERR_FILE_NOT_FOUND" in entry["message"] for entry in log)


def test_scores_of_every_image_sort_and_open(opened):
    find(opened, "#table summary").click()
    wait_for(opened, "document.querySelectorAll('#every tbody tr').length === 5")
    find(opened, "#every thead th:nth-child(2) button").click()
    values = [float(cell.text) for cell in opened.find_elements("css selector", "#every tbody td:nth-child(2)")]
    assert values == sorted(values)
    row = find(opened, "#every tbody tr:nth-child(3) button")
    name = row.text
    row.click()
    settle(opened)
    assert find(opened, "#image option:checked").text == name


def test_colours_follow_the_system_and_the_button(opened):
    def paper():
        return opened.execute_script("return getComputedStyle(document.body).backgroundColor")

    light = paper()
    size(opened, 1440, dark=True)
    dark = paper()
    assert dark != light
    find(opened, "#theme").click()
    assert paper() == light
    find(opened, "#theme").click()
    size(opened, 1440)
    assert paper() == dark
    find(opened, "#theme").click()
    assert find(opened, "#theme").text == "Colours: auto"
    assert paper() == light


TEXTS = """
const small = [], cut = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; (node = walker.nextNode());) {
  const element = node.parentElement, text = node.textContent.trim().slice(0, 30);
  if (!text || !element.checkVisibility() || element.closest("script, style, option, title")) continue;
  const svg = element.closest("svg");
  const pixels = parseFloat(getComputedStyle(element).fontSize) * (svg ? svg.getScreenCTM().a : 1);
  if (pixels < 11.9) small.push([text, pixels]);
  const range = document.createRange();
  range.selectNode(node);
  const box = range.getBoundingClientRect();
  const scrolls = element.closest(".scroll, .chips, .view, svg");
  if (!scrolls && (box.right > innerWidth + 1 || box.left < -1)) cut.push(text);
}
return { small, cut, wide: Math.max(0, document.documentElement.scrollWidth - innerWidth) };
"""

OVERLAPS = """
const found = [];
const compare = (elements, deep) => {
  const boxes = elements.filter((e) => e.checkVisibility()).map((e) => [e, e.getBoundingClientRect()]);
  boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
    const width = Math.min(p.right, q.right) - Math.max(p.left, q.left);
    const height = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
    if (width <= 1 || height <= deep || a.contains(b) || b.contains(a)) return;
    found.push([a, b].map((e) => e.id || e.textContent.slice(0, 20)));
  }));
};
for (const svg of document.querySelectorAll(".plot svg")) compare([...svg.querySelectorAll("text")], 4);
const controls = [...document.querySelectorAll("button, select, input, h1, h2, h3, .pane")];
compare(controls.filter((e) => !e.closest(".scroll, .chips, .save")), 1);
return found;
"""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("mode", ["grid", "slider"])
def test_nothing_is_cut_overlaps_or_is_too_small_to_read(opened, width, mode):
    size(opened, width)
    find(opened, f"#{mode}").click()
    settle(opened)
    found = opened.execute_script(TEXTS)
    assert found == {"small": [], "cut": [], "wide": 0}
    assert opened.execute_script(OVERLAPS) == []


@pytest.mark.parametrize("width", [1440, 390])
def test_nothing_moves_while_the_page_opens(browser, report, width):
    size(browser, width)
    browser.get(report.as_uri())
    settle(browser)
    shift = browser.execute_async_script(
        "const done = arguments[0]; let sum = 0;"
        "new PerformanceObserver((l) => { for (const e of l.getEntries()) sum += e.value; })"
        ".observe({ type: 'layout-shift', buffered: true }); setTimeout(() => done(sum), 300);"
    )
    assert shift < 0.02


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1440, 390])
def test_no_serious_fault_of_accessibility(opened, width, dark):
    axe = pytest.importorskip("axe_core_python.selenium", reason="needs axe-core-python")
    size(opened, width, dark=dark)
    find(opened, "#table summary").click()
    wait_for(opened, "document.querySelectorAll('#every tbody tr').length === 5")
    for details in opened.find_elements("css selector", "details:not([open]) > summary"):
        opened.execute_script("arguments[0].parentElement.open = true", details)
    result = axe.Axe().run(opened)
    serious = [v for v in result["violations"] if v["impact"] in ("serious", "critical")]
    assert [(v["id"], [n["html"][:120] for n in v["nodes"][:3]]) for v in serious] == []
    assert len(result["passes"]) > 20


def test_names_with_html_in_them_show_as_text(browser, tmp_path, report_of):
    name = "<script>alert(1)<\N{DIVISION SLASH}script>.png"
    summary = "<img src=x onerror=alert(1)>"
    path = report_of(tmp_path / "run", images=("a", name), summary=summary, dataset="<i>s</i>")
    size(browser, 1440)
    browser.get_log("browser")
    browser.get(path.as_uri())
    settle(browser)
    find(browser, "#next").click()
    settle(browser)
    assert find(browser, "#image option:checked").text == name
    assert name in find(browser, "#said").text
    assert summary in find(browser, "#provenance").text
    assert find(browser, "h1").text == "<i>s</i> x4"
    assert browser.get_log("browser") == []


FOUR_MORE = """
from functools import partial
from srbench import ModelSpec, hookimpl

def build(amount, scale):
    import torch
    from srbench.resize import imresize
    class Sharpened(torch.nn.Module):
        def forward(self, lr):
            sr = imresize(lr, (lr.shape[-2] * scale, lr.shape[-1] * scale))
            return sr + amount * (sr - torch.nn.functional.avg_pool2d(sr, 5, 1, 2, count_include_pad=False))
    return Sharpened()

@hookimpl
def srbench_models():
    return [ModelSpec(name=f"up{i}", summary="s", scales={4}, build=partial(build, i / 4)) for i in range(4)]
"""


def test_a_board_of_8_methods_on_set5_from_the_run_to_the_clipboard(browser, here, mirror, tmp_path):
    (tmp_path / "up.py").write_text(FOUR_MORE)
    methods = "nearest,bilinear,bicubic,lanczos,up0,up1,up2,up3"
    options = ["--plugin", "up.py", "--dataset", "set5", "--speed-seconds", 0.1, "--speed-size", 32]
    done = here("run", "--methods", methods, *options, "--out", "out", "--report")
    assert done.returncode == 0, done.stderr
    size(browser, 1440)
    browser.get_log("browser")
    browser.get((tmp_path / "out" / "report.html").as_uri())
    settle(browser)
    assert len(shown(browser)) == 8
    assert find(browser, "#image option:checked").text == "img_001"
    transforms(browser)
    grant = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    browser.execute_cdp_cmd("Browser.grantPermissions", grant)
    find(browser, "[data-copy=csv]").click()
    wait_for(browser, "document.getElementById('copied').textContent.startsWith('8 rows copied')")
    copied = browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
    assert copied == (tmp_path / "out" / "leaderboard.csv").read_text()
    assert browser.execute_script(OVERLAPS) == []
    assert browser.get_log("browser") == []
