"""One conversation with one peer, good manners or not: every answer is classed, nothing leaves in
clear, and only a 250 after the dot is a yes.
"""

import dataclasses
import itertools
import tracemalloc

import pytest

from mssante.demo.operators import HOSPITAL, PRACTICE
from tests.peers.servers import MANNERS, PLAIN, ScriptedPeer
from tests.pki.handshake import peer_context
from webmail.outbound.letters import Letter
from webmail.outbound.replies import TransportError
from webmail.outbound.smtp import connect

CONTENT = b"Subject: Avis\r\n\r\n.\r\n..\r\n.fin\r\nBonjour.\r\n"
FIRST, SECOND = "un@peer.example", "deux@peer.example"
BIG = b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * 200_000


every_manner = pytest.mark.parametrize("manner", MANNERS)
chunking = pytest.mark.parametrize("manner", ["chunked", "both"])


def at(*verbs):
    """Each verb in each manner that has it."""
    pairs = [
        (manner, verb)
        for manner in MANNERS
        for verb in verbs
        if verb != "DATA" or manner in {"data", "pipelined"}
    ]
    return pytest.mark.parametrize(("manner", "verb"), pairs)


def identity_of(space, key):
    folder = space.root / "operators" / key
    return {"certificate": folder / "cert.pem", "key": folder / "key.pem"}


@pytest.fixture
def start(toy_space):
    peers = []

    def start(manner="data", **script):
        script.setdefault("offers", MANNERS[manner])
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
    pieces = [content[i : i + (1 << 20)] for i in range(0, len(content), 1 << 20)]
    return Letter("nous@ch.example", recipients or (FIRST,), len(content), lambda: iter(pieces))


def never():
    raise AssertionError("the dot must not leave")


def hand_over(conversation, what=None, *, before_dot=lambda: None):
    return conversation.send(what or letter(), before_dot=before_dot)


def broken(conversation, what=None, *, before_dot=lambda: None):
    with pytest.raises(TransportError) as caught:
        hand_over(conversation, what, before_dot=before_dot)
    assert not caught.value.permanent
    return caught.value


@every_manner
def test_content_arrives_byte_for_byte_through_dot_stuffing(start, reach, manner):
    peer = start(manner)
    replies = hand_over(reach(peer))
    assert replies[FIRST].is_ok
    assert replies[FIRST].enhanced == "2.0.0"
    ((_sender, recipients, wire, is_tls),) = peer.letters
    assert is_tls
    assert recipients == [f"RCPT TO:<{FIRST}>"]
    if manner in {"data", "pipelined"}:
        wire = wire.replace(b"\r\n..", b"\r\n.")
    assert wire == CONTENT


def test_size_is_announced_when_offered_and_nothing_is_said_in_clear(start, reach):
    peer = start()
    hand_over(reach(peer))
    assert peer.commands[:2] == ["ehlo mss.ch-valbrune.example", "STARTTLS"]
    assert f"MAIL FROM:<nous@ch.example> SIZE={len(CONTENT)}" in peer.commands


def asking(**fields):
    plain = letter(FIRST, "de+ux@peer.example")
    asked = {"notify": ("SUCCESS", "FAILURE"), "envelope_id": "12.ab+c", **fields}
    return dataclasses.replace(plain, **asked)


@every_manner
def test_reports_are_asked_of_a_peer_that_offers_them(start, reach, manner):
    peer = start(manner, offers=(*MANNERS[manner], "DSN"))
    replies = hand_over(reach(peer), asking())
    assert all(reply.is_ok for reply in replies.values())
    ((sender, recipients, _wire, _tls),) = peer.letters
    assert sender.endswith(" RET=HDRS ENVID=12.ab+2Bc")
    assert recipients == [
        f"RCPT TO:<{FIRST}> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;{FIRST}",
        "RCPT TO:<de+ux@peer.example> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;de+2Bux@peer.example",
    ]


def test_nothing_is_asked_of_a_peer_that_does_not(start, reach):
    peer = start()
    hand_over(reach(peer), asking())
    said = " ".join(peer.commands)
    assert not [word for word in ("RET=", "ENVID=", "NOTIFY=", "ORCPT=") if word in said]


def test_letter_without_sender_asks_for_silence(start, reach):
    peer = start(offers=(*PLAIN, "DSN"))
    hand_over(reach(peer), asking(sender="", notify=("NEVER",), envelope_id=""))
    ((sender, recipients, _wire, _tls),) = peer.letters
    assert sender == f"MAIL FROM:<> SIZE={len(CONTENT)}"
    assert recipients[0] == f"RCPT TO:<{FIRST}> NOTIFY=NEVER"


@every_manner
def test_dot_is_announced_before_it_leaves(start, reach, manner):
    peer = start(manner)
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


@at("greeting", "EHLO", "MAIL", "RCPT", "DATA")
def test_silence_is_a_time_out_and_leaves_no_doubt(start, reach, manner, verb):
    peer = start(manner, replies={verb: ["silence"]})
    with pytest.raises(TransportError) as caught:
        hand_over(reach(peer, timeout=0.2), before_dot=never)
    assert caught.value.reason == "timeout"
    assert not caught.value.after_dot
    assert not caught.value.permanent


@every_manner
@pytest.mark.parametrize(("answer", "reason"), [("silence", "timeout"), (None, "connection_lost")])
def test_no_answer_after_the_dot_is_doubt(start, reach, manner, answer, reason):
    peer = start(manner, replies={"dot": [answer]})
    error = broken(reach(peer, timeout=0.5))
    assert (error.reason, error.after_dot) == (reason, True)


@every_manner
def test_cut_in_the_middle_of_a_letter_leaves_no_doubt(start, reach, manner):
    peer = start(manner, replies={"content": [None]})
    error = broken(reach(peer), letter(content=BIG), before_dot=never)
    assert (error.reason, error.after_dot) == ("connection_lost", False)


@at("MAIL", "RCPT", "DATA")
def test_cut_before_the_letter_leaves_no_doubt(start, reach, manner, verb):
    error = broken(reach(start(manner, replies={verb: [None]})), before_dot=never)
    assert (error.reason, error.after_dot) == ("connection_lost", False)


@at("greeting", "MAIL", "RCPT", "DATA", "dot")
@pytest.mark.parametrize(
    "answer",
    ["garbage", "999 what", "100 wait", "2 ok", "\xff\xfe\x00", "250-ok\r\n250-\r\nnonsense"],
)
def test_garbage_is_never_a_yes(start, reach, manner, verb, answer):
    peer = start(manner, replies={verb: [answer]})
    with pytest.raises(TransportError) as caught:
        hand_over(reach(peer, timeout=1))
    assert not caught.value.permanent
    assert caught.value.after_dot == (verb == "dot")


@at("greeting", "MAIL", "dot")
def test_reply_line_of_ten_megabytes_is_refused(start, reach, manner, verb):
    peer = start(manner, replies={verb: ["250 " + "x" * 10_000_000]})
    with pytest.raises(TransportError) as caught:
        hand_over(reach(peer, timeout=2))
    assert not caught.value.permanent


@every_manner
def test_reply_without_end_is_refused(start, reach, manner):
    peer = start(manner, replies={"MAIL": ["250-" + "\r\n250-".join(["x" * 500] * 20_000)]})
    assert broken(reach(peer, timeout=2), before_dot=never).reason == "protocol"


@pytest.mark.parametrize(
    ("manner", "verb", "answer"),
    [
        *itertools.product(MANNERS, ["MAIL", "RCPT", "dot"], ["354 go"]),
        *itertools.product(["data", "pipelined"], ["DATA"], ["250 2.0.0 taken", "221 bye"]),
    ],
)
def test_answer_out_of_place_is_never_a_yes(start, reach, manner, verb, answer):
    peer = start(manner, replies={verb: [answer]})
    error = broken(reach(peer))
    assert error.reason == "protocol"
    assert error.after_dot == (verb == "dot")
    assert bool(peer.letters) == (verb == "dot")


@at("MAIL", "RCPT", "DATA", "dot")
def test_421_means_closing_and_not_taken(start, reach, manner, verb):
    error = broken(reach(start(manner, replies={verb: ["421 4.3.2 shutting down|cut"]})))
    assert (error.reason, error.after_dot, error.reply.code) == ("peer_closing", False, 421)


@at("MAIL", "DATA", "dot")
def test_refusal_of_the_letter_is_the_answer_for_every_recipient(start, reach, manner, verb):
    peer = start(manner, replies={verb: ["554 5.7.1 not from you"]})
    replies = hand_over(reach(peer), letter(FIRST, SECOND))
    assert {one.code for one in replies.values()} == {554}
    assert all(one.is_permanent for one in replies.values())
    assert set(replies) == {FIRST, SECOND}


@every_manner
def test_refusal_of_one_recipient_is_its_own(start, reach, manner):
    peer = start(manner, replies={"RCPT": ["550 5.1.1 unknown", "250 ok"]})
    replies = hand_over(reach(peer), letter(FIRST, SECOND))
    assert (replies[FIRST].code, replies[SECOND].code) == (550, 250)
    assert peer.letters[0][1] == [f"RCPT TO:<{SECOND}>"]


@every_manner
def test_no_data_when_nobody_is_taken(start, reach, manner):
    peer = start(manner, replies={"RCPT": ["550 5.1.1 unknown", "452 4.2.2 full"]})
    replies = hand_over(reach(peer), letter(FIRST, SECOND), before_dot=never)
    assert replies[FIRST].is_permanent
    assert not replies[SECOND].is_permanent
    assert not any(one.startswith(("DATA", "BDAT")) for one in peer.commands)


@at("MAIL", "RCPT")
def test_peer_that_hangs_up_after_its_refusal_has_refused(start, reach, manner, verb):
    conversation = reach(start(manner, replies={verb: ["554 5.7.1 no|cut"]}))
    assert hand_over(conversation, before_dot=never)[FIRST].is_permanent
    assert not conversation.is_open


@every_manner
def test_line_serves_the_next_letter_after_a_refusal(start, reach, manner):
    peer = start(manner, replies={"RCPT": ["550 5.1.1 unknown", "250 ok"]})
    conversation = reach(peer)
    assert hand_over(conversation)[FIRST].is_permanent
    assert hand_over(conversation)[FIRST].is_ok
    assert peer.connections == 1


@every_manner
def test_no_unprintable_character_of_a_reply_comes_through(start, reach, manner):
    reply = hand_over(reach(start(manner, replies={"dot": ["250 2.0.0 ta\x00ken\x1b[31m \xe9"]})))[
        FIRST
    ]
    assert reply.is_ok
    assert reply.text.isprintable()


@pytest.mark.parametrize("answer", ["garbage", "-1 what", "\xe9\xe9\xe9 what"])
def test_code_that_is_none_is_zero(start, reach, answer):
    error = broken(reach(start(replies={"MAIL": [answer]})))
    assert (error.reason, error.reply.code) == ("protocol", 0)


@every_manner
def test_peers_words_are_one_bounded_line(start, reach, manner):
    long = "\r\n".join([f"550-5.1.1 {'mot ' * 200}"] * 5 + ["550 5.1.1 fin"])
    reply = hand_over(reach(start(manner, replies={"RCPT": [long]})))[FIRST]
    assert reply.enhanced == "5.1.1"
    assert "\n" not in reply.text
    assert len(reply.text) <= 1000


@every_manner
def test_large_letter_arrives_byte_for_byte(start, reach, manner):
    peer = start(manner)
    assert hand_over(reach(peer), letter(content=BIG))[FIRST].is_ok
    assert peer.letters[0][2] == BIG
    chunks = [one for one in peer.commands if one.startswith("BDAT")]
    assert len(chunks) == (14 if manner in {"chunked", "both"} else 0)
    assert [one for one in chunks if one.endswith(" LAST")] == chunks[-1:]


@chunking
def test_empty_letter_is_one_empty_chunk(start, reach, manner):
    peer = start(manner)
    assert hand_over(reach(peer), letter(content=b""))[FIRST].is_ok
    assert peer.letters[0][2] == b""
    assert peer.commands[-1] == "BDAT 0 LAST"


@chunking
def test_chunk_refused_in_the_middle_is_the_answer_and_the_line_serves_on(start, reach, manner):
    peer = start(manner, replies={"chunk": ["552 5.3.4 too big", "250 ok"]})
    conversation = reach(peer)
    replies = hand_over(conversation, letter(content=BIG), before_dot=never)
    assert replies[FIRST].code == 552
    assert hand_over(conversation, letter(content=BIG))[FIRST].is_ok
    assert [len(one[2]) for one in peer.letters] == [len(BIG)]


@chunking
@pytest.mark.parametrize("answer", ["354 go", "garbage"])
def test_nonsense_after_a_chunk_is_no_yes_and_no_doubt(start, reach, manner, answer):
    peer = start(manner, replies={"chunk": [answer]})
    error = broken(reach(peer), letter(content=BIG), before_dot=never)
    assert (error.reason, error.after_dot) == ("protocol", False)


def test_envelope_of_a_pipeline_is_one_packet(start, reach):
    """The peer has both commands before it answers the first."""
    peer = start("both", replies={"MAIL": ["250 ok"], "RCPT": ["550 5.1.1 no", "250 ok", "451 no"]})
    third = "trois@peer.example"
    replies = hand_over(reach(peer), letter(FIRST, SECOND, third))
    assert [replies[one].code for one in (FIRST, SECOND, third)] == [550, 250, 451]
    assert peer.letters[0][1] == [f"RCPT TO:<{SECOND}>"]


def test_letters_of_one_line_are_counted(start, reach):
    conversation = reach(start("both"))
    for expected in range(1, 4):
        hand_over(conversation)
        assert conversation.letters == expected


THREE = (FIRST, SECOND, "trois@peer.example")
REFUSALS = {
    "mail refused": ({"MAIL": ["550 5.7.1 no"]}, [550, 550, 550]),
    "mail refused, recipients taken all the same": ({"MAIL": ["451 later"]}, [451, 451, 451]),
    "mail refused, recipients out of sequence": (
        {"MAIL": ["550 5.7.1 no"], "RCPT": ["503 5.5.1 MAIL first"]},
        [550, 550, 550],
    ),
    "mail refused and cut": ({"MAIL": ["550 5.7.1 no|cut"]}, [550, 550, 550]),
    "mail refused, then closing": (
        {"MAIL": ["550 5.7.1 no"], "RCPT": ["421 4.3.2 closing|cut"]},
        [550, 550, 550],
    ),
    "mail refused, then nonsense": ({"MAIL": ["550 no"], "RCPT": ["what?"]}, [550, 550, 550]),
    "first refused": ({"RCPT": ["550 no", "250 ok"]}, [550, 250, 250]),
    "middle refused": ({"RCPT": ["250 ok", "452 full", "250 ok"]}, [250, 452, 250]),
    "last refused": ({"RCPT": ["250 ok", "250 ok", "553 no"]}, [250, 250, 553]),
    "all refused": ({"RCPT": ["550 no", "551 no", "450 no"]}, [550, 551, 450]),
    "all refused and cut": ({"RCPT": ["550 no", "551 no", "450 no|cut"]}, [550, 551, 450]),
    "letter refused": ({"RCPT": ["550 no", "250 ok"], "dot": ["554 no"]}, [550, 554, 554]),
    "letter put off": ({"RCPT": ["250 ok"], "dot": ["452 no room"]}, [452, 452, 452]),
}


@every_manner
@pytest.mark.parametrize("mix", REFUSALS)
def test_every_mix_of_refusals_gives_each_recipient_its_own(start, reach, manner, mix):
    replies, codes = REFUSALS[mix]
    peer = start(manner, replies=replies)
    answers = hand_over(reach(peer), letter(*THREE))
    assert [answers[one].code for one in THREE] == codes
    taken = [f"RCPT TO:<{one}>" for one, code in zip(THREE, codes, strict=True) if code == 250]
    if "dot" not in replies:
        assert [recipients for _, recipients, _, _ in peer.letters] == ([taken] if taken else [])


@every_manner
@pytest.mark.parametrize(
    ("answer", "reason"),
    [("421 4.3.2 closing|cut", "peer_closing"), ("what?", "protocol"), (None, "connection_lost")],
)
def test_envelope_that_breaks_in_the_middle_is_no_answer_for_anybody(
    start, reach, manner, answer, reason
):
    peer = start(manner, replies={"RCPT": ["250 ok", answer, "250 ok"]})
    error = broken(reach(peer), letter(*THREE), before_dot=never)
    assert (error.reason, error.after_dot) == (reason, False)
    assert peer.letters == []


@chunking
def test_line_serves_on_when_all_were_refused_in_one_packet(start, reach, manner):
    """The answers that nobody waited for would be taken for those to the next letter."""
    script = {"MAIL": ["550 no", "250 ok"], "RCPT": ["503 first", "503 first", "250 ok"]}
    conversation = reach(start(manner, replies=script))
    assert {one.code for one in hand_over(conversation, letter(FIRST, SECOND)).values()} == {550}
    if manner == "chunked":
        conversation.send(letter(*THREE[:2]), before_dot=lambda: None)
    assert hand_over(conversation)[FIRST].code == 250


@chunking
def test_cut_before_the_end_of_the_last_chunk_is_no_doubt(start, reach, manner):
    """All that came before is as good as nothing without it."""
    one_chunk = letter(content=BIG[:900_000])
    peer = start(manner, replies={"content": [None]})
    conversation = reach(peer)
    noted: list[int] = []
    error = broken(conversation, one_chunk, before_dot=lambda: noted.append(len(peer.letters)))
    assert error.reason == "connection_lost"
    assert error.after_dot == bool(noted)
    assert peer.letters == []


@chunking
def test_caller_who_forbids_the_end_of_a_chunk_is_obeyed(start, reach, manner):
    peer = start(manner)
    conversation = reach(peer)
    with pytest.raises(AssertionError, match="must not leave"):
        hand_over(conversation, letter(content=BIG), before_dot=never)
    conversation.leave()
    assert peer.letters == []
    assert not any(one.startswith("QUIT") for one in peer.commands)


@every_manner
def test_reply_by_drops_is_a_time_out(start, reach, manner):
    """Each drop comes in time; the whole does not."""
    peer = start(manner, replies={"MAIL": ["drip"]})
    error = broken(reach(peer, timeout=0.4), before_dot=never)
    assert (error.reason, error.after_dot) == ("timeout", False)


@every_manner
def test_letter_taken_by_drops_is_a_time_out_and_no_doubt(start, reach, manner, monkeypatch):
    monkeypatch.setattr("webmail.outbound.letters._SLOWEST", 10**12)
    conversation = reach(start(manner))
    conversation._patience = 0
    error = broken(conversation, letter(content=BIG), before_dot=never)
    assert (error.reason, error.after_dot) == ("timeout", False)


@every_manner
def test_goodbye_is_not_waited_for_when_nobody_asks(start, reach, manner):
    peer = start(manner, replies={"QUIT": ["silence"]})
    conversation = reach(peer)
    hand_over(conversation)
    conversation.leave(waits=False)
    assert not conversation.is_open


@every_manner
def test_who_is_silent_at_the_goodbye_holds_up_nobody_for_long(start, reach, manner, monkeypatch):
    monkeypatch.setattr("webmail.outbound.smtp._GOODBYE_SECONDS", 0.05)
    peer = start(manner, replies={"QUIT": ["silence"]})
    conversation = reach(peer, timeout=3600)
    hand_over(conversation)
    conversation.leave()
    assert not conversation.is_open


@every_manner
def test_letter_of_any_size_is_sent_in_constant_memory(start, reach, manner):
    line = b"." + b"x" * 70 + b"\r\n"
    piece = line * (1024 * 1024 // len(line))
    big = Letter("nous@ch.example", (FIRST,), 35 * len(piece), lambda: (piece for _ in range(35)))
    peer = start(manner)
    peer.keeps_content = False
    conversation = reach(peer, timeout=30)
    tracemalloc.start()
    try:
        assert hand_over(conversation, big)[FIRST].is_ok
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    dots = 35 * len(piece) // len(line) if "DATA" in peer.commands else 0
    assert peer.letters[0][2] == big.size + dots
    assert peak < 12 * 1024 * 1024
