"""One conversation with one peer, good manners or not: every answer is classed, nothing leaves in
clear, and only a 250 after the dot is a yes.
"""

import pytest

from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.peers.servers import ScriptedPeer
from tests.pki.handshake import peer_context
from webmail.outbound.smtp import Letter, TransportError, connect

CONTENT = b"Subject: Avis\r\n\r\n.\r\n..\r\n.fin\r\nBonjour.\r\n"
FIRST, SECOND = "un@peer.example", "deux@peer.example"
BIG = b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * 200_000


def identity_of(space, key):
    folder = space.root / "operators" / key
    return {"certificate": folder / "cert.pem", "key": folder / "key.pem"}


@pytest.fixture
def start(toy_space):
    peers = []

    def start(**script):
        context = peer_context("server", **identity_of(toy_space, PRACTICE.key))
        peers.append(ScriptedPeer(context, **script))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()


@pytest.fixture
def reach(toy_space):
    conversations = []

    def reach(peer, *, timeout=5, allow=lambda _address: True):
        conversation = connect(
            "127.0.0.1",
            peer.port,
            context=peer_context("client", **identity_of(toy_space, HOSPITAL.key)),
            ehlo_name="mss.ch-valbrune.example",
            connect_timeout=timeout,
            timeout=timeout,
            allow_address=allow,
        )
        conversations.append(conversation)
        return conversation

    yield reach
    for conversation in conversations:
        conversation.__exit__()


def letter(*recipients, content=CONTENT):
    return Letter(sender="nous@ch.example", recipients=recipients or (FIRST,), content=content)


def never():
    raise AssertionError("the dot must not leave")


def hand_over(conversation, what=None, *, before_dot=lambda: None):
    return conversation.send(what or letter(), before_dot=before_dot)


def broken(conversation, what=None, *, before_dot=lambda: None):
    with pytest.raises(TransportError) as caught:
        hand_over(conversation, what, before_dot=before_dot)
    assert not caught.value.permanent
    return caught.value


def test_content_arrives_byte_for_byte_through_dot_stuffing(start, reach):
    peer = start()
    replies = hand_over(reach(peer))
    assert replies[FIRST].is_ok
    assert replies[FIRST].enhanced == "2.0.0"
    ((_sender, recipients, wire, is_tls),) = peer.letters
    assert is_tls
    assert recipients == [f"RCPT TO:<{FIRST}>"]
    assert wire.replace(b"\r\n..", b"\r\n.") == CONTENT


def test_size_is_announced_when_offered_and_nothing_is_said_in_clear(start, reach):
    peer = start()
    hand_over(reach(peer))
    assert peer.commands[:2] == ["ehlo mss.ch-valbrune.example", "STARTTLS"]
    assert f"MAIL FROM:<nous@ch.example> SIZE={len(CONTENT)}" in peer.commands


def test_dot_is_announced_before_it_leaves(start, reach):
    peer = start()
    seen = []
    hand_over(reach(peer), before_dot=lambda: seen.append(len(peer.letters)))
    assert seen == [0]


def test_caller_who_forbids_the_dot_is_obeyed(start, reach):
    peer = start()
    conversation = reach(peer)
    with pytest.raises(AssertionError, match="must not leave"):
        hand_over(conversation, before_dot=never)
    conversation.__exit__()
    assert peer.letters == []
    assert "QUIT" not in [command.upper() for command in peer.commands]


@pytest.mark.parametrize(
    ("offers", "replies"),
    [
        (("SIZE 1000",), {}),
        (("STARTTLS",), {"STARTTLS": ["454 4.7.0 not now"]}),
        (("STARTTLS",), {"STARTTLS": ["250 sure, go ahead"]}),
        (("STARTTLS",), {"STARTTLS": ["220 go|cut"]}),
        (("STARTTLS",), {"STARTTLS": ["502 5.5.1 what?"]}),
    ],
)
def test_peer_without_tls_gets_not_a_word_of_a_letter(start, reach, offers, replies):
    peer = start(offers=offers, replies=replies)
    with pytest.raises(TransportError) as caught:
        reach(peer)
    assert not caught.value.permanent
    assert not any(command.upper().startswith("MAIL") for command in peer.commands)


def test_address_that_is_not_allowed_is_never_connected_to(start, reach):
    peer = start()
    asked: list[str] = []
    with pytest.raises(TransportError, match="unreachable"):
        reach(peer, allow=asked.append)
    assert asked == ["127.0.0.1"]
    assert peer.connections == 0


def test_peer_that_is_down_is_unreachable(start, reach):
    peer = start()
    peer.close()
    peer.port = 1
    with pytest.raises(TransportError, match="unreachable"):
        reach(peer)


@pytest.mark.parametrize("verb", ["greeting", "EHLO", "MAIL", "RCPT", "DATA"])
def test_silence_is_a_time_out_and_leaves_no_doubt(start, reach, verb):
    peer = start(replies={verb: ["silence"]})
    with pytest.raises(TransportError) as caught:
        hand_over(reach(peer, timeout=0.2), before_dot=never)
    assert caught.value.reason == "timeout"
    assert not caught.value.after_dot
    assert not caught.value.permanent


@pytest.mark.parametrize(("answer", "reason"), [("silence", "timeout"), (None, "connection_lost")])
def test_no_answer_after_the_dot_is_doubt(start, reach, answer, reason):
    peer = start(replies={"dot": [answer]})
    error = broken(reach(peer, timeout=0.5))
    assert (error.reason, error.after_dot) == (reason, True)


def test_cut_in_the_middle_of_a_letter_leaves_no_doubt(start, reach):
    peer = start(replies={"content": [None]})
    error = broken(reach(peer), letter(content=BIG), before_dot=never)
    assert (error.reason, error.after_dot) == ("connection_lost", False)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_cut_before_the_letter_leaves_no_doubt(start, reach, verb):
    error = broken(reach(start(replies={verb: [None]})), before_dot=never)
    assert (error.reason, error.after_dot) == ("connection_lost", False)


@pytest.mark.parametrize("verb", ["greeting", "MAIL", "RCPT", "DATA", "dot"])
@pytest.mark.parametrize(
    "answer",
    ["garbage", "999 what", "100 wait", "2 ok", "\xff\xfe\x00", "250-ok\r\n250-\r\nnonsense"],
)
def test_garbage_is_never_a_yes(start, reach, verb, answer):
    peer = start(replies={verb: [answer]})
    with pytest.raises(TransportError) as caught:
        hand_over(reach(peer, timeout=1))
    assert not caught.value.permanent
    assert caught.value.after_dot == (verb == "dot")


@pytest.mark.parametrize("verb", ["greeting", "MAIL", "dot"])
def test_reply_line_of_ten_megabytes_is_refused(start, reach, verb):
    peer = start(replies={verb: ["250 " + "x" * 10_000_000]})
    with pytest.raises(TransportError) as caught:
        hand_over(reach(peer, timeout=2))
    assert not caught.value.permanent


def test_reply_without_end_is_refused(start, reach):
    peer = start(replies={"MAIL": ["250-" + "\r\n250-".join(["x" * 500] * 20_000)]})
    assert broken(reach(peer, timeout=2), before_dot=never).reason == "protocol"


@pytest.mark.parametrize(
    ("verb", "answer"),
    [
        ("MAIL", "354 go"),
        ("RCPT", "354 go"),
        ("DATA", "250 2.0.0 taken"),
        ("DATA", "221 bye"),
        ("dot", "354 go"),
    ],
)
def test_answer_out_of_place_is_never_a_yes(start, reach, verb, answer):
    peer = start(replies={verb: [answer]})
    error = broken(reach(peer))
    assert error.reason == "protocol"
    assert error.after_dot == (verb == "dot")
    assert bool(peer.letters) == (verb == "dot")


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "dot"])
def test_421_means_closing_and_not_taken(start, reach, verb):
    error = broken(reach(start(replies={verb: ["421 4.3.2 shutting down|cut"]})))
    assert (error.reason, error.after_dot, error.reply.code) == ("peer_closing", False, 421)


@pytest.mark.parametrize("verb", ["MAIL", "DATA", "dot"])
def test_refusal_of_the_letter_is_the_answer_for_every_recipient(start, reach, verb):
    peer = start(replies={verb: ["554 5.7.1 not from you"]})
    replies = hand_over(reach(peer), letter(FIRST, SECOND))
    assert {one.code for one in replies.values()} == {554}
    assert all(one.is_permanent for one in replies.values())
    assert set(replies) == {FIRST, SECOND}


def test_refusal_of_one_recipient_is_its_own(start, reach):
    peer = start(replies={"RCPT": ["550 5.1.1 unknown", "250 ok"]})
    replies = hand_over(reach(peer), letter(FIRST, SECOND))
    assert (replies[FIRST].code, replies[SECOND].code) == (550, 250)
    assert peer.letters[0][1] == [f"RCPT TO:<{SECOND}>"]


def test_no_data_when_nobody_is_taken(start, reach):
    peer = start(replies={"RCPT": ["550 5.1.1 unknown", "452 4.2.2 full"]})
    replies = hand_over(reach(peer), letter(FIRST, SECOND), before_dot=never)
    assert replies[FIRST].is_permanent
    assert not replies[SECOND].is_permanent
    assert "DATA" not in peer.commands


@pytest.mark.parametrize("verb", ["MAIL", "RCPT"])
def test_peer_that_hangs_up_after_its_refusal_has_refused(start, reach, verb):
    conversation = reach(start(replies={verb: ["554 5.7.1 no|cut"]}))
    assert hand_over(conversation, before_dot=never)[FIRST].is_permanent
    assert not conversation.is_open


def test_line_serves_the_next_letter_after_a_refusal(start, reach):
    peer = start(replies={"RCPT": ["550 5.1.1 unknown", "250 ok"]})
    conversation = reach(peer)
    assert hand_over(conversation)[FIRST].is_permanent
    assert hand_over(conversation)[FIRST].is_ok
    assert peer.connections == 1


def test_no_unprintable_character_of_a_reply_comes_through(start, reach):
    reply = hand_over(reach(start(replies={"dot": ["250 2.0.0 ta\x00ken\x1b[31m \xe9"]})))[FIRST]
    assert reply.is_ok
    assert reply.text.isprintable()


@pytest.mark.parametrize("answer", ["garbage", "-1 what", "\xe9\xe9\xe9 what"])
def test_code_that_is_none_is_zero(start, reach, answer):
    error = broken(reach(start(replies={"MAIL": [answer]})))
    assert (error.reason, error.reply.code) == ("protocol", 0)


def test_peers_words_are_one_bounded_line(start, reach):
    long = "\r\n".join([f"550-5.1.1 {'mot ' * 200}"] * 5 + ["550 5.1.1 fin"])
    reply = hand_over(reach(start(replies={"RCPT": [long]})))[FIRST]
    assert reply.enhanced == "5.1.1"
    assert "\n" not in reply.text
    assert len(reply.text) <= 1000
