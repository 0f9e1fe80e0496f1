import re

from playwright.sync_api import expect

from dashboard.installation import new_setup_token
from dashboard.models import Session, User
from tests import factories


def menu_button(page):
    return page.get_by_role("button", name="User menu")


def menu(page):
    return page.get_by_role("navigation", name="User menu")


def test_somebody_logs_in_with_the_keyboard_alone(page, live, cast):
    page.goto(f"{live}/login")
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type(cast.alice.email)
    page.keyboard.press("Tab")
    page.keyboard.type(factories.PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live}/u/daily/w/ws-one")


def test_a_wrong_password_says_so_and_the_cursor_waits_in_the_field(page, live, cast):
    page.goto(f"{live}/login")
    page.get_by_label("Email").fill(cast.alice.email)
    page.get_by_label("Password").fill("wrong horse")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_text("do not belong together")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(cast.alice.email)
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.get_by_label("Password")).to_have_value("")


def test_the_menu_is_at_the_top_right_and_admin_settings_at_its_bottom(page, log_in, cast):
    log_in(page, cast.alice)
    box = menu_button(page).bounding_box()
    assert box["x"] + box["width"] > 1200
    assert box["y"] < 60
    menu_button(page).click()
    expect(menu(page)).to_be_visible()
    bottoms = {
        item.inner_text().strip(): item.bounding_box()["y"]
        for item in menu(page).locator("a, button").all()
    }
    assert max(bottoms, key=bottoms.get) == "Admin settings"
    page.get_by_role("link", name="Admin settings").click()
    expect(page).to_have_url(re.compile(r"/u/daily/admin/backup$"))


def test_the_menu_opens_moves_and_closes_by_keyboard(page, log_in, cast):
    log_in(page, cast.alice)
    menu_button(page).focus()
    page.keyboard.press("Enter")
    expect(menu(page)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Switch unit")).to_be_focused()
    page.keyboard.press("Escape")
    expect(menu(page)).to_be_hidden()
    expect(menu_button(page)).to_be_focused()


def test_a_click_beside_the_menu_closes_it(page, log_in, cast):
    log_in(page, cast.alice)
    menu_button(page).click()
    page.mouse.click(300, 400)
    expect(menu(page)).to_be_hidden()


def test_the_theme_changes_and_stays(page, log_in, cast):
    log_in(page, cast.ursula)
    color = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(color)
    menu_button(page).click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate(color) != light
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert User.get_by_id(cast.ursula.id).theme == "dark"


def test_choosing_a_profile_changes_the_left_bar(page, log_in, cast):
    log_in(page, cast.alice)
    menu_button(page).click()
    page.get_by_role("button", name="Everything").click()
    menu_button(page).click()
    expect(page.get_by_role("button", name="Everything")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Show all")).to_have_attribute("aria-pressed", "false")


def test_the_skip_link_is_the_first_stop(page, log_in, live, cast):
    log_in(page, cast.alice)
    page.goto(f"{live}/u/daily/w/ws-one")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()


def test_without_javascript_one_can_log_in_open_the_menu_and_leave(browser, live, cast):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live}/login")
    page.get_by_label("Email").fill(cast.alice.email)
    page.get_by_label("Password").fill(factories.PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url("**/u/daily/w/ws-one?plain=1", wait_until="networkidle")
    menu_button(page).click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page).to_have_url(re.compile("/u/daily/w/ws-one"))
    menu_button(page).click()
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{live}/login")
    expect(page.get_by_text("You are logged out.")).to_be_visible()
    context.close()


def test_a_refused_fragment_becomes_a_message(page, log_in, cast):
    log_in(page, cast.rita)
    page.evaluate("htmx.ajax('GET', '/u/daily/admin/audit', {target: 'main'})")
    expect(page.locator("#toast").get_by_role("alert")).to_contain_text("Your role in this unit")
    expect(page.locator("main")).to_be_visible()
    page.locator("#toast").click()
    expect(page.locator("#toast").get_by_role("alert")).to_have_count(0)


def test_a_page_that_refuses_what_was_sent_becomes_a_message_and_no_part_of_the_page(
    page, log_in, cast
):
    log_in(page, cast.rita)
    expect(page.locator("main")).not_to_contain_text("Loading")  # the applications come later
    shown = page.locator("main").inner_text()
    page.evaluate(
        "htmx.ajax('POST', '/u/daily/profile', {target: 'main', values: {profile: 'gone'}})"
    )
    told = page.locator("#toast").get_by_role("alert")
    expect(told).to_have_text("This profile is not offered to you any more. Choose another.")
    assert page.locator("main").inner_text() == shown


def test_a_message_that_is_clicked_away_at_once_does_not_come_back(page, log_in, cast):
    log_in(page, cast.rita)
    page.evaluate(
        """() => {
            const toast = document.getElementById("toast");
            new MutationObserver((_, once) => {
                once.disconnect();
                toast.click();
            }).observe(toast, { childList: true });
            return htmx.ajax("GET", "/u/daily/admin/audit", { target: "main" });
        }"""
    )
    page.wait_for_timeout(500)  # what would bring it back does so after 100 ms
    expect(page.locator("#toast").get_by_role("alert")).to_have_count(0)


def test_a_foreign_error_page_becomes_a_fixed_sentence(page, log_in, cast):
    log_in(page, cast.rita)
    page.route("**/units", lambda route: route.fulfill(status=502, body="<h1>nginx</h1>"))
    page.evaluate("htmx.ajax('GET', '/units', {target: 'main'})")
    expect(page.locator("#toast")).to_contain_text("This did not work")
    expect(page.get_by_text("nginx")).to_have_count(0)


def test_no_answer_at_all_is_told(page, log_in, cast, complaints):
    log_in(page, cast.rita)
    page.route("**/units", lambda route: route.abort())
    page.evaluate("htmx.ajax('GET', '/units', {target: 'main'}).catch(() => {})")
    expect(page.locator("#toast")).to_contain_text("The server did not answer")
    complaints.clear()  # that the network failed is the point here


def test_a_fragment_of_somebody_who_was_logged_out_leads_to_the_login_page(
    page, log_in, cast, live
):
    log_in(page, cast.rita)
    # A page that fetches nothing by itself: that would be led to the log-in page first.
    page.goto(f"{live}/units")
    page.evaluate(
        """() => {
          const button = document.createElement("button");
          button.setAttribute("hx-get", "/u/daily/");
          button.setAttribute("hx-target", "main");
          button.textContent = "Fetch";
          document.querySelector("main").replaceChildren(button);
          htmx.process(button);
        }"""
    )
    Session.delete().execute()
    page.get_by_role("button", name="Fetch").click()
    expect(page).to_have_url(re.compile(r"/login\?next=/units$"))


def test_htmx_sends_the_token_and_a_form_is_busy_meanwhile(page, log_in, cast):
    log_in(page, cast.rita)
    page.evaluate(
        """() => {
          const make = (name, attributes, ...inside) => {
            const made = document.createElement(name);
            for (const key in attributes) made.setAttribute(key, attributes[key]);
            made.append(...inside);
            return made;
          };
          const main = document.querySelector("main");
          main.replaceChildren(make("form", {id: "f", "hx-post": "/theme", "hx-target": "#f"},
            make("input", {name: "theme", value: "dark"}),
            make("button", {type: "submit"}, "Send")));
          htmx.process(main);
        }"""
    )
    with page.expect_request("**/theme") as sent:
        page.get_by_role("button", name="Send").click()
    assert sent.value.headers["x-csrftoken"]
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_download_that_arrives_in_a_fragment_starts_by_itself(page, log_in, cast):
    log_in(page, cast.rita)
    link = '<a href="/static/img/favicon.svg" download data-autoclick>Get</a>'
    page.route("**/fragment", lambda route: route.fulfill(body=f"<main>{link}</main>"))
    with page.expect_download() as started:
        page.evaluate("htmx.ajax('GET', '/fragment', {target: 'main', swap: 'outerHTML'})")
    assert started.value.suggested_filename == "favicon.svg"
    expect(page.locator("[data-autoclick]")).to_have_count(0)


def test_the_short_name_follows_the_name_of_the_unit(page, live):
    page.goto(f"{live}/setup/{new_setup_token()}")
    page.get_by_label("Name of the first unit").type("Zeitung für Ärzte!")
    slug = page.get_by_label("Short name in addresses")
    expect(slug).to_have_value("zeitung-fur-arzte")
    slug.fill("own")
    page.get_by_label("Name of the first unit").fill("Another")
    expect(slug).to_have_value("own")
