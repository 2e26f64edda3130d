"""The facts scripts rely on: keys, absolute paths, null where there is no mailbox."""

from mssante.demo.facts import demo_facts


def test_facts_have_their_stable_shape(toy_space, tmp_path):
    facts = demo_facts(tmp_path, toy_space, 9000)
    assert set(facts) == {"operators", "whitelist", "pki_dir", "stand_ins"}
    hospital, practice = facts["operators"]
    assert set(hospital) == {
        "name", "domain", "url", "login_url", "inbox_url", "compose_url", "portal_url", "smtp",
        "ca", "client_cert", "client_key", "users",
    }  # fmt: skip
    assert hospital["url"] == "http://localhost:9000/"
    assert practice["smtp"] == {"host": "127.0.0.1", "port": 9026}
    for path in (facts["whitelist"], facts["pki_dir"], hospital["client_cert"], hospital["ca"]):
        assert path.startswith("/")


def test_people_without_a_mailbox_have_null(toy_space, tmp_path):
    users = demo_facts(tmp_path, toy_space, 9000)["operators"][0]["users"]
    boxes = {user["role"]: user["mailbox"] for user in users}
    assert boxes["patient"] is None
    assert boxes["admin"] is None
    assert boxes["doctor"] == "camille.martin@ch-valbrune.mssante.example"
    assert {"doctor", "nurse", "secretary", "biologist", "patient", "admin"} == set(boxes)
