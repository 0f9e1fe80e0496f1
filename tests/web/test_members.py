def test_people_are_listed_by_role(client, cast, login):
    page = login(client, cast.alice).get("/u/daily/admin/members").text
    order = [
        page.index(f"{name}@harbour.example</td>") for name in ("alice", "bob", "ursula", "rita")
    ]
    assert order == sorted(order)
    assert "mallory@" not in page


def test_somebody_who_cannot_log_in_is_marked(client, cast, login):
    cast.rita.is_active = False
    cast.rita.save()
    assert "cannot log in" in login(client, cast.alice).get("/u/daily/admin/members").text
