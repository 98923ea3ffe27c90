"""Aeon's conversation.log, every oddity that real ones have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aeon_plugin_ft.dataset.importers.importing import import_file
from aeon_plugin_ft.dataset.model import Imported
from aeon_plugin_ft.errors import InputFileError, WhoIsWhoError
from aeon_plugin_ft.turns.model import TurnKind

Log = Callable[..., Path]
BOOT = "AEON_SPEAK: Estou pronto."


def pairs(imported: Imported) -> list[tuple[str, str]]:
    return [(turn.user, turn.reply) for turn in imported.turns]


def test_a_turn_is_a_question_and_the_shown_reply(log: Log) -> None:
    found = import_file(log(BOOT, "VOCÊ: que horas?", "AEON: Hora do café.", "AEON_SPEAK: Hora do café."))
    assert found.format == "aeon"
    assert pairs(found) == [("que horas?", "Hora do café.")]
    assert found.turns[0].kind is TurnKind.CHAT
    assert found.skipped == ()


def test_lines_without_a_prefix_continue_a_reply_and_blank_ones_stay(log: Log) -> None:
    found = import_file(
        log("VOCÊ: lista", "AEON: Tipo:", "", "- um", "- dois", "AEON_SPEAK: Tipo:", "", "- um", "- dois")
    )
    assert pairs(found) == [("lista", "Tipo:\n\n- um\n- dois")]


def test_lines_without_a_prefix_continue_a_question(log: Log) -> None:
    assert pairs(import_file(log("VOCÊ: um", "dois", "AEON: Beleza, cara."))) == [("um\ndois", "Beleza, cara.")]


def test_an_empty_reply_is_a_turn_of_its_own_kind(log: Log) -> None:
    found = import_file(log("VOCÊ: abre isso", "AEON: ", "VOCÊ: e agora?", "AEON:", "VOCÊ: oi", "AEON: Fala, cara."))
    assert [turn.kind for turn in found.turns] == [TurnKind.EMPTY, TurnKind.EMPTY, TurnKind.CHAT]


def test_two_replies_to_one_question_are_joined(log: Log) -> None:
    found = import_file(
        log("VOCÊ: faz isso e aquilo", "AEON: Isso tá feito.", "AEON_SPEAK: Isso tá feito.", "AEON: Aquilo também.")
    )
    assert pairs(found) == [("faz isso e aquilo", "Isso tá feito.\nAquilo também.")]


def test_of_two_replies_only_the_model_s_is_kept(log: Log) -> None:
    found = import_file(log("VOCÊ: abre o bloco e conta algo", "AEON: Abrindo bloco...", "AEON: Cara, hoje tá massa."))
    assert pairs(found) == [("abre o bloco e conta algo", "Cara, hoje tá massa.")]
    assert found.turns[0].kind is TurnKind.CHAT


def test_a_start_of_aeon_ends_the_conversation(log: Log) -> None:
    found = import_file(log("VOCÊ: a?", "AEON: Um.", BOOT, BOOT, "VOCÊ: b?", "AEON: Dois.", "VOCÊ: c?", "AEON: Três."))
    first, second, third = (turn.session for turn in found.turns)
    assert first != second == third


def test_a_question_without_a_reply_is_skipped_with_its_line(log: Log) -> None:
    found = import_file(log("VOCÊ: perdida", BOOT, "VOCÊ: outra", "VOCÊ: oi", "AEON: Fala, cara."))
    assert pairs(found) == [("oi", "Fala, cara.")]
    assert [skipped.line for skipped in found.skipped] == [1, 3]
    assert "no reply" in found.skipped[0].reason


def test_speech_of_modules_is_not_a_reply(log: Log) -> None:
    found = import_file(
        log(
            "VOCÊ: modo tal",
            "AEON_SPEAK: Clique na janela.",
            "AEON: Pode falar, cara.",
            "AEON_SPEAK: Pode falar, cara.",
            "AEON_SPEAK: Acabou o tempo!",
        )
    )
    assert pairs(found) == [("modo tal", "Pode falar, cara.")]


def test_a_log_with_speech_only_says_why_there_is_nothing(log: Log) -> None:
    found = import_file(log(*[BOOT] * 16))
    assert found.turns == ()
    assert "no VOCÊ: line" in found.notes[0]


def test_a_log_that_never_has_a_shown_reply_uses_the_spoken_one(log: Log) -> None:
    found = import_file(
        log(BOOT, "VOCÊ: oi", "AEON_SPEAK: Fala, cara.", "VOCÊ: e aí", "AEON_SPEAK: Tudo certo por cá.")
    )
    assert pairs(found) == [("oi", "Fala, cara."), ("e aí", "Tudo certo por cá.")]


def test_replies_and_text_before_the_first_question_are_skipped(log: Log) -> None:
    found = import_file(log("lixo", "AEON: órfã", "VOCÊ: oi", "AEON: Fala, cara."))
    assert pairs(found) == [("oi", "Fala, cara.")]
    assert [(skipped.line, skipped.reason) for skipped in found.skipped] == [
        (1, "text before the first VOCÊ: or AEON: line"),
        (2, "a reply without a question"),
    ]


def test_a_user_who_speaks_like_the_log_stays_the_user(log: Log) -> None:
    assert pairs(import_file(log("VOCÊ: AEON: diz oi", "AEON: VOCÊ: não manda."))) == [
        ("AEON: diz oi", "VOCÊ: não manda.")
    ]


@pytest.mark.parametrize(
    "cut", [("AEON: Era umAEON_SPEAK: Estou pronto.",), ("AEON: Era", "umaAEON_SPEAK: Estou pronto.")]
)
def test_a_reply_cut_by_a_crash_is_dropped(log: Log, cut: tuple[str, ...]) -> None:
    found = import_file(log("VOCÊ: conta", *cut, "VOCÊ: oi", "AEON: Fala, cara."))
    assert pairs(found) == [("oi", "Fala, cara.")]
    assert [skipped.line for skipped in found.skipped] == [1 + len(cut), 1]


def test_a_second_reply_cut_by_a_crash_leaves_the_first(log: Log) -> None:
    found = import_file(log("VOCÊ: isto e aquilo", "AEON: Feito, cara.", "AEON: AquAEON_SPEAK: Estou pronto."))
    assert pairs(found) == [("isto e aquilo", "Feito, cara.")]


def test_a_cut_echo_does_not_cost_the_turn(log: Log) -> None:
    found = import_file(log("VOCÊ: conta", "AEON: Era uma vez.", "AEON_SPEAK: Era umAEON_SPEAK: Estou pronto."))
    assert pairs(found) == [("conta", "Era uma vez.")]


def test_a_last_line_that_was_being_written_is_dropped(log: Log) -> None:
    found = import_file(log("VOCÊ: oi", "AEON: Fala, cara.", "VOCÊ: conta", "AEON: Era uma vez um", last=False))
    assert pairs(found) == [("oi", "Fala, cara.")]
    assert found.skipped[0].reason == "the reply was cut by a crash"


def test_a_whole_sentence_needs_no_line_end(log: Log) -> None:
    assert pairs(import_file(log("VOCÊ: oi", "AEON: Fala, cara.", last=False))) == [("oi", "Fala, cara.")]


@pytest.mark.parametrize("prefix", ["VOCÊ", "VOCE\u0302", "VOCE", "VOC\ufffd"])
def test_the_owner_s_prefix_in_every_spelling(log: Log, prefix: str) -> None:
    assert pairs(import_file(log(f"{prefix}: oi", "AEON: Fala, cara."))) == [("oi", "Fala, cara.")]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("Pode ser mais claro?", TurnKind.CANNED),
        ("Agora são 11:38 de Wednesday.", TurnKind.CANNED),
        ("Abrindo calculadora...", TurnKind.CANNED),
        ("Timer de 10 segundos definido. Timer.", TurnKind.CANNED),
        ("Nao encontrei o aplicativo 'x'.", TurnKind.ERROR),
        ("Erro executando ferramenta: x() got an unexpected keyword argument", TurnKind.ERROR),
        ("Abrindo o Spotify, cara. Já vai rodar aquele som.", TurnKind.CHAT),
        ("Timer de 5 minutos definido!", TurnKind.CHAT),
        ("O erro está na sua lógica, cara.", TurnKind.CHAT),
        ("Ok. Bora rodar isso.", TurnKind.CHAT),
    ],
)
def test_who_answered_is_told_by_the_wording(log: Log, reply: str, kind: TurnKind) -> None:
    assert import_file(log("VOCÊ: faz algo", f"AEON: {reply}")).turns[0].kind is kind


def test_a_module_s_reply_is_told_from_a_fallback(log: Log) -> None:
    found = import_file(log("VOCÊ: a", "AEON: Abrindo calculadora...", "VOCÊ: b", "AEON: Pode ser mais claro?"))
    assert [turn.caller for turn in found.turns] == ["module", "chat"]


def test_ids_do_not_change_when_the_log_grows(log: Log) -> None:
    old = import_file(log("VOCÊ: sim", "AEON: Certo, cara.", "VOCÊ: sim", "AEON: Certo, cara."))
    new = import_file(
        log("VOCÊ: sim", "AEON: Certo, cara.", "VOCÊ: sim", "AEON: Certo, cara.", "VOCÊ: e", "AEON: Foi.")
    )
    assert [turn.id for turn in old.turns] == [turn.id for turn in new.turns][:2]
    assert len({turn.id for turn in new.turns}) == 3


def test_personal_data_is_replaced_when_asked(log: Log) -> None:
    found = import_file(log("VOCÊ: sou a Ana", "AEON: Oi, Ana!"), redact=lambda text: text.replace("Ana", "[NOME]"))
    assert pairs(found) == [("sou a [NOME]", "Oi, [NOME]!")]


def test_a_file_of_an_unknown_format_is_one_sentence_with_the_next_step(log: Log) -> None:
    with pytest.raises(
        InputFileError, match=r"no conversation in a format that is known here\. Say what it is with --format"
    ):
        import_file(log("uma receita", "de bolo"))


def test_an_unknown_format_name_lists_the_known_ones(log: Log) -> None:
    with pytest.raises(InputFileError, match=r"no format called 'icq'\. Use one of aeon, "):
        import_file(log("VOCÊ: oi"), "icq")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends_give_the_same_turns(log: Log, encoding: str, end: str) -> None:
    written = (BOOT, "VOCÊ: ação, já!", "AEON: Não é bem assim, João.", "AEON_SPEAK: Não é bem assim, João.")
    plain = import_file(log(*written))
    assert import_file(log(*written, encoding=encoding, end=end)).turns == plain.turns


@pytest.mark.parametrize("times", [1, 2])
def test_a_log_that_was_encoded_twice_or_more_is_repaired(log: Log, times: int) -> None:
    written = ("VOCÊ: ação, já! à toa, Ímpar", "AEON: Não é bem assim, João…")
    # Windows reads the five bytes that cp1252 leaves out as the control characters of the same number.
    sloppy = {chr(byte): bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(128, 256)}
    text = "\n".join(written)
    for _ in range(times):
        text = "".join(sloppy.get(chr(byte), chr(byte)) for byte in text.encode())
    found = import_file(log(*text.split("\n")))
    assert pairs(found) == [("ação, já! à toa, Ímpar", "Não é bem assim, João…")]
    assert "encoded twice" in found.notes[0]


def test_another_assistant_s_words_are_asked_about(log: Log) -> None:
    file = log("VOCÊ: tive uma ideia", "COPILOT: Conta tudo!", "com detalhes", "VOCÊ: e aí?", "COPILOT: Gostei.")
    with pytest.raises(WhoIsWhoError) as asked:
        import_file(file)
    assert asked.value.people == ("COPILOT",)
    found = import_file(file, assistant="copilot")
    assert pairs(found) == [("tive uma ideia", "Conta tudo!\ncom detalhes"), ("e aí?", "Gostei.")]
    assert found.turns[0].model == "COPILOT"


def test_of_two_assistants_only_the_one_that_was_named_is_learnt(log: Log) -> None:
    file = log("VOCÊ: oi", "AEON: Fala, cara.", "VOCÊ: e aí?", "ChatGPT: Olá! Como posso ajudar?", "AEON: De boa.")
    with pytest.raises(WhoIsWhoError, match="it has AEON, CHATGPT"):
        import_file(file)
    found = import_file(file, assistant="AEON")
    assert pairs(found) == [("oi", "Fala, cara."), ("e aí?", "De boa.")]
    assert [(one.line, one.reason) for one in found.skipped] == [(4, "words of CHATGPT")]
    with pytest.raises(InputFileError, match="nobody in it is called 'Zeca'"):
        import_file(file, assistant="Zeca")


def test_another_assistant_behind_what_is_looked_at_is_left_out_and_named(log: Log) -> None:
    many = [line for n in range(3000) for line in (f"VOCÊ: pergunta {n}", f"AEON: resposta {n}, cara.")]
    found = import_file(log(*many, "VOCÊ: e aí?", "COPILOT: Gostei.", "VOCÊ: oi", "AEON: Fala, cara."))
    assert len(found.turns) == 3001
    assert [one.reason for one in found.skipped] == ["words of COPILOT"]


def test_a_label_within_a_reply_is_a_part_of_it(log: Log) -> None:
    found = import_file(log("VOCÊ: compara", "AEON: Olha só:", "ALEXA: de casa", "SIRI: do telefone"))
    assert pairs(found) == [("compara", "Olha só:\nALEXA: de casa\nSIRI: do telefone")]


def test_an_older_log_that_went_on_in_a_newer_form_is_read_in_both(log: Log) -> None:
    old = [line for n in range(3000) for line in (f"VOCÊ: pergunta {n}", f"AEON_SPEAK: resposta {n}, cara.")]
    new = ["VOCÊ: oi", "AEON: Fala, cara.", "AEON_SPEAK: Fala, cara.", "VOCÊ: e aí?", "AEON_SPEAK: São dez horas."]
    found = import_file(log(*old, *new))
    assert pairs(found)[-2:] == [("pergunta 2999", "resposta 2999, cara."), ("oi", "Fala, cara.")]
