"""WhatsApp's export as phones of many languages write it: dates, notices, placeholders, names, pasted chats."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from aeon_plugin_ft.dataset.importers.importing import import_file
from aeon_plugin_ft.dataset.importers.pairing import TO_A_FLAW
from aeon_plugin_ft.dataset.importers.placeholders import PICTURE, typed
from aeon_plugin_ft.dataset.importers.whatsapp import NOTICE
from aeon_plugin_ft.dataset.model import Imported
from aeon_plugin_ft.errors import InputFileError

LRM, ZWJ = "\u200e", "\u200d"


def read(folder: Path, text: str, **who: str) -> Imported:
    path = folder / "chat.txt"
    path.write_text(text, encoding="utf-8")
    return import_file(path, **(who or {"assistant": "Bia"}))  # type: ignore[arg-type]


def pairs(imported: Imported) -> list[tuple[str, str]]:
    return [(turn.user, turn.reply) for turn in imported.turns]


def android(*said: str) -> str:
    return "".join(f"12/03/2024 14:{minute:02} - {one}\n" for minute, one in enumerate(said))


def ios(*said: str) -> str:
    return "".join(f"[14/08/24, 21:{minute:02}:10] {one}\n" for minute, one in enumerate(said))


# -- dates ----------------------------------------------------------------------------------------

STAMPS = {
    "12/03/2024 14:02 - ": "Android", "12/03/2024, 14:02 - ": "a comma", "[12/03/2024, 14:02:11] ": "iOS",
    "[12/03/24 14:02:11] ": "iOS without a comma", "12/3/2024 2:02 p. m. - ": "Spanish",
    "12/3/2024 2:02\u00a0p.\u00a0m. - ": "Spanish with fixed blanks", "3/13/24, 2:02\u202fPM - ": "American",
    "20/09/17 19:38:20: ": "older iOS", "20/09/17 à(s) 19:38 - ": "older Portuguese", "20/09/17 19.38 - ": "points",
    "20.09.17, 19:38 - ": "German", "2024-03-12, 14:02 - ": "the year in front", "12-03-2024 14:02 - ": "Dutch",
    "12/03/2024 às 14:02 - ": "Brazilian with às", "[12.3.2024 klo 14.02.11] ": "Finnish",
    "2024. 3. 12. 오후 2:02 - ": "Korean", "[2024. 3. 12. 오후 2:02:11] ": "Korean iOS",
    "2024/3/12 下午2:02 - ": "Chinese", "2024/3/12 午後2:02 - ": "Japanese",
    "\u200f١٢\u200f/٣\u200f/٢٠٢٤، ٢:٠٢ م - ": "Arabic",
    "\u200f12\u200f/3\u200f/2024، 2:02 م - ": "Arabic, plain digits",
    "12/3/2024, 2:02 μ.μ. - ": "Greek", "12/03/2024, 2:02 CH - ": "Vietnamese",
}  # fmt: skip


@pytest.mark.parametrize("stamp", STAMPS, ids=STAMPS.values())
def test_every_phone_s_stamp_is_read(tmp_path: Path, stamp: str) -> None:
    found = read(tmp_path, f"{stamp}Rui: cadê você?\n{stamp}Bia: Chegando em cinco minutos.\n")
    assert pairs(found) == [("cadê você?", "Chegando em cinco minutos.")]
    assert found.turns[0].at > 1.5e9


@pytest.mark.parametrize(
    "stamp",
    [
        "2024. 3. 12. 오후 2:02 - ",
        "2024/3/12 下午2:02 - ",
        "\u200f١٢\u200f/٣\u200f/٢٠٢٤، ٢:٠٢ م - ",
        "12/03/2024, 2:02 CH - ",
        "12/03/2024 14:02 - ",
    ],
)
def test_halves_of_the_day_and_other_digits_give_the_same_moment(tmp_path: Path, stamp: str) -> None:
    found = read(tmp_path, f"{stamp}Rui: cadê você?\n{stamp}Bia: Chegando.\n")
    # Other stamps of one chat say whether the day stands in front; here both numbers are up to 12.
    assert datetime.fromtimestamp(found.turns[0].at).strftime("%H:%M %d %m %Y") == "14:02 12 03 2024"


def test_a_mark_behind_an_arabic_stamp_still_tells_a_notice(tmp_path: Path) -> None:
    stamp = "\u200f١٢\u200f/٣\u200f/٢٠٢٤، ٢:٠٢ م - "
    chat = f"{stamp}Rui: cadê você?\n{stamp}Bia: \u200eimagem ocultada\n{stamp}Bia: Chegando.\n"
    assert "ocultada" not in str(pairs(read(tmp_path, chat)))


@pytest.mark.parametrize(
    "text",
    [
        "यह मैसेज डिलीट कर दिया गया है।",
        "यह मैसेज एडमिन राहुल ने डिलीट कर दिया है.",
        "یہ میسج حذف کر دیا گیا ہے۔",
        "این پیام حذف شد",
        "حذف المشرف أحمد هذه الرسالة.",
        "这条消息已被删除。",
        "ข้อความนี้ถูกลบแล้ว",
        "Pesan ini dihapus oleh admin Budi.",
        "Bu mesaj Ayşe adlı yönetici tarafından silindi.",
        "Un admin., Lucía, eliminó este mensaje.",
        "Данное сообщение удалено админом (Иван).",
        "IMG-20260505-WA0014.jpg (文件附件)",
        "IMG-20251212-WA0010.jpg (الملف مرفق)",
    ],
)
def test_what_was_deleted_or_attached_is_no_sentence_in_any_script(text: str) -> None:
    assert typed(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "क्या यह मैसेज डिलीट कर दिया गया है?",
        "为什么管理员已删除这条消息？",
        "Acho que essa mensagem foi apagada por engano",
    ],
)
def test_talk_about_a_deleted_message_stays(text: str) -> None:
    assert typed(text) == text


def days_between(found: Imported) -> float:
    first, second = (turn.at for turn in found.turns)
    return round((second - first) / 86_400)


def test_the_order_of_a_chat_tells_the_month_from_the_day(tmp_path: Path) -> None:
    text = "".join(f"{day}/24, 9:01 AM - Rui: oi?\n{day}/24, 9:02 AM - Bia: Oi.\n" for day in ("1/5", "2/3"))
    assert days_between(read(tmp_path, text)) == 29


def test_am_and_pm_alone_say_month_first(tmp_path: Path) -> None:
    text = "".join(f"{day}/24, 9:01 AM - Rui: oi?\n{day}/24, 9:02 AM - Bia: Oi.\n" for day in ("2/3", "3/4"))
    assert days_between(read(tmp_path, text)) == 30


def test_a_day_behind_the_first_64_kilobytes_tells_the_order_of_all(tmp_path: Path) -> None:
    early = "1/5/24, 10:00 - Rui: oi?\n1/5/24, 10:01 - Bia: Oi.\n" + "1/5/24, 10:02 - Rui: " + "x" * 70_000 + "\n"
    late = "3/13/24, 10:00 - Rui: oi?\n3/13/24, 10:01 - Bia: Oi.\n"
    assert days_between(read(tmp_path, early + late)) == 68


# -- notices --------------------------------------------------------------------------------------


def test_what_the_iphone_marks_is_nobody_s_message_whatever_its_name(tmp_path: Path) -> None:
    found = read(tmp_path, ios(
        f"Turma do Café: {LRM}As mensagens e ligações são protegidas com a criptografia de ponta a ponta.",
        f"Bia: {LRM}Bia criou o grupo “Turma do Café”", f"Turma do Café: {LRM}Bia adicionou você",
        f"Rui: {LRM}Você agora é um admin", "Rui: que horas é o café?", "Bia: Às nove, na padaria da esquina.",
        f"Bia: {LRM}Bia mudou a imagem deste grupo", f"Rui: {LRM}Rui ändrade gruppens ikon", "Bia: Bonita!",
    ))  # fmt: skip
    assert pairs(found) == [("que horas é o café?", "Às nove, na padaria da esquina.")]
    assert [one.line for one in found.skipped if one.reason == NOTICE] == [1, 2, 3, 4, 7, 8]
    with pytest.raises(InputFileError, match="it has Bia, Rui"):
        import_file(tmp_path / "chat.txt")


@pytest.mark.parametrize("notice", [
    'Rui mudou o nome do grupo de "Churras" para "Churras: sábado 15h"', 'Rui criou o grupo "Churras: sábado"',
    'Téo changed the subject from "a: b" to "c"', "Rui mudou a descrição do grupo: veja aqui",
    'Rui cambió el asunto de "Asado" a "Asado: sábado"', "Rui hat den Betreff zu „Grillen: Samstag“ geändert",
    "Você alterou o assunto para “Festa: traga gelo”",
])  # fmt: skip
def test_a_notice_with_a_colon_is_no_person(tmp_path: Path, notice: str) -> None:
    found = read(tmp_path, android(notice, "Rui: quem leva carvão?", "Bia: Eu levo dois sacos."), owner="Rui")
    assert pairs(found) == [("quem leva carvão?", "Eu levo dois sacos.")]
    assert [one.reason for one in found.skipped] == [NOTICE]


def test_what_is_said_behind_a_notice_is_no_part_of_the_reply_before_it(tmp_path: Path) -> None:
    text = android("Rui: que dia é?", "Rui adicionou Téo", "Bia: Sábado.", "Téo entrou", "Bia: bem-vindo, Téo!")
    assert pairs(read(tmp_path, text)) == [("que dia é?", "Sábado.")]


# -- placeholders ---------------------------------------------------------------------------------

IPHONE = [
    f"contrato.pdf • {LRM}2 páginas {LRM}documento omitido", f"{LRM}Localização: https://maps.google.com/?q=-23.5,-46.6",
    f"{LRM}Chamada de voz. {LRM}2 min", f"{LRM}Ligação de voz perdida. {LRM}Toque para ligar de volta",
    f"{LRM}ENQUETE:\nOnde vai ser?\n{LRM}OPÇÃO: Praia ({LRM}2 votos)\n{LRM}OPÇÃO: Serra ({LRM}1 voto)\n",
    f"{LRM}mensagem de vídeo omitida", f"{LRM}<Mensagem de visualização única oculta>",
    f"{LRM}Esta mensagem foi apagada por um admin.", f"{LRM}figurinha omitida", f"{LRM}image absente",
    f"{LRM}Bild weggelassen", f"{LRM}изображение отсутствует", f"{LRM}<anexado: 00000012-PHOTO-2024.jpg>",
    f"{LRM}immagine omessa", f"{LRM}画像は省略されました",
]  # fmt: skip
ANDROID = [
    "<Mídia oculta>", "<Arquivo de mídia oculto>", "<Ficheiro omitido>", "<Media omitted>", "<Multimedia omitido>",
    "<Médias omis>", "<Medien ausgeschlossen>", "<Media omessi>", "<Media weggelaten>", "<Без медиафайлов>", "null", "",
    "Esta mensagem foi eliminada", "Eliminou esta mensagem", "Mensagem apagada", "Você apagou esta mensagem",
    "This message was deleted", "You deleted this message", "Diese Nachricht wurde gelöscht.",
    "Se eliminó este mensaje.",
    "Ce message a été supprimé", "Zé Encanador.vcf (arquivo anexado)", "PTT-20240312-WA0002.opus (arquivo anexado)",
    "Contrato final v2.pdf (arquivo anexado)\nContrato final v2.pdf", "IMG-1.jpg (file attached)",
    "IMG-1.jpg (Datei angehängt)", "localização em tempo real compartilhada", "live location shared",
    "localização: https://maps.google.com/?q=-23.55,-46.63", "location: https://maps.google.com/?q=-23.55,-46.63",
    "ENQUETE:\nPizza ou sushi?\nOPÇÃO: Pizza (3 votos)\nOPÇÃO: Sushi (1 voto)\n", "POLL:\nWhen?\nOPTION: Now (1 vote)",
    "EVENTO: Aniversário\nDESCRIÇÃO: trazer bolo\nLOCAL: casa", "Ligação de vídeo perdida", "Chamada de voz perdida",
    "Missed voice call", "Aguardando mensagem. Essa ação pode levar alguns instantes.", "<Chamada de vídeo perdida>",
    "<Media har utelämnats>", "<省略多媒体文件>", "<メディアは含まれていません>", "Det här meddelandet togs bort.",
    "此消息已删除", "Tin nhắn này đã bị xóa", "Це повідомлення було видалено", "تم حذف هذه الرسالة",
]  # fmt: skip


@pytest.mark.parametrize("text", IPHONE)
def test_what_stands_for_something_else_on_an_iphone_is_not_learnt(tmp_path: Path, text: str) -> None:
    assert typed(text) == ""
    found = read(tmp_path, ios("Rui: e aí?", "Bia: Tudo.", "Rui: mostra?", f"Bia: {text}", "Rui: oi?", "Bia: Oi."))
    assert [reply for _, reply in pairs(found)] == ["Tudo.", "Oi."]


@pytest.mark.parametrize("text", ANDROID)
def test_what_stands_for_something_else_on_android_is_not_learnt(tmp_path: Path, text: str) -> None:
    assert typed(text) == ""
    found = read(tmp_path, android("Rui: e aí?", "Bia: Tudo.", "Rui: mostra?", f"Bia: {text}"))
    assert pairs(found) == [("e aí?", "Tudo.")]
    assert [(one.line, one.reason) for one in found.skipped] == [(4, PICTURE)]


@pytest.mark.parametrize("text", [
    "Mensagem apagada do whats dá pra recuperar?", "Chamada perdida aparece na aba ligações; mensagem não.",
    'Usa <link rel="stylesheet" media="(max-width: 600px)" href="m.css"> no head.', "<br>", "null e void", "poll: sim",
    f"Não vai dar 🤦🏻{ZWJ}♀️ fica com a família 👨{ZWJ}👩{ZWJ}👧 e ❤️{ZWJ}🔥", "ATENÇÃO: chove hoje", "<html>",
    "INGREDIENTES: ovo\nPREPARO: bater", "o arquivo nota.pdf (veja o anexo) chegou", "áudio omitido é chato demais",
    "o evento: sábado\nlocal: aqui", "Localização: perto da praça", "https://maps.google.com/?q=-23.5,-46.6 é aqui",
])  # fmt: skip
def test_a_sentence_stays_as_it_is(text: str) -> None:
    assert typed(text) == text


def test_a_picture_s_caption_and_an_edited_text_are_somebody_s_words() -> None:
    assert typed("IMG-1.jpg (arquivo anexado)\nolha a praia") == "olha a praia"
    assert typed("Chego às oito <Mensagem editada>") == "Chego às oito"
    assert typed(f"Chego às oito {LRM}<This message was edited>") == "Chego às oito"
    assert typed(f"olha a praia {LRM}<anexado: 00000012-PHOTO.jpg>") == "olha a praia"
    assert typed(f"Kommer klockan åtta {LRM}<Det här meddelandet redigerades>") == "Kommer klockan åtta"
    assert typed("@\u2068Bia Prado\u2069 você vem?") == "@Bia Prado você vem?"


def test_a_picture_is_a_border_and_its_reply_is_left_out_and_named(tmp_path: Path) -> None:
    found = read(tmp_path, android(
        "Rui: qual a capital da França?", "Bia: Paris.", "Rui: <Mídia oculta>", "Bia: Essa planta é uma jiboia.",
        "Rui: valeu, e o sol?", "Bia: Meia sombra.",
    ))  # fmt: skip
    assert pairs(found) == [("qual a capital da França?", "Paris."), ("valeu, e o sol?", "Meia sombra.")]
    assert [(one.line, one.reason) for one in found.skipped] == [(3, PICTURE), (4, TO_A_FLAW)]


def test_a_picture_behind_an_open_question_takes_the_reply_unless_it_was_sent_with_it(tmp_path: Path) -> None:
    later = android("Rui: qual a capital da França?", "Rui: <Mídia oculta>", "Bia: Essa planta é uma jiboia.")
    found = read(tmp_path, later)
    assert (pairs(found), found.skipped[-1].reason) == ([], TO_A_FLAW)
    with_it = later.replace("14:01", "14:00").replace("planta é uma jiboia", "é Paris")
    assert pairs(read(tmp_path, with_it)) == [("qual a capital da França?", "Essa é Paris.")]
    words_behind = android("Rui: <Mídia oculta>", "Rui: que planta é essa?", "Bia: Uma jiboia.")
    assert pairs(read(tmp_path, words_behind)) == [("que planta é essa?", "Uma jiboia.")]


# -- names ----------------------------------------------------------------------------------------


def test_a_name_may_have_a_colon(tmp_path: Path) -> None:
    found = read(tmp_path, android("Rui: tem vaga?", "Dr. Téo: dentista: Tenho às 15h."), owner="Rui")
    assert pairs(found) == [("tem vaga?", "Tenho às 15h.")]
    assert found.turns[0].model == "Dr. Téo: dentista"


def test_a_colon_in_what_somebody_says_is_no_part_of_their_name(tmp_path: Path) -> None:
    text = android("Rui: tem vaga?", "Téo: sim: às 15h.", "Rui: e amanhã?", "Téo: não.")
    assert pairs(read(tmp_path, text, owner="Rui")) == [("tem vaga?", "sim: às 15h."), ("e amanhã?", "não.")]


@pytest.mark.parametrize("reply", ["Anota aí: leite e pão", "obs: chego tarde", "Lorem ipsum : dolor"])
def test_the_only_message_of_somebody_may_have_a_colon(tmp_path: Path, reply: str) -> None:
    assert pairs(read(tmp_path, android("Rui: e aí?", f"Bia: {reply}"), owner="Rui")) == [("e aí?", reply)]
    asked = read(tmp_path, android("Rui: e aí?", "Bia: obs: Chego tarde"))
    assert pairs(asked) == [("e aí?", "obs: Chego tarde")]


def test_a_message_without_a_blank_behind_a_known_name_is_one(tmp_path: Path) -> None:
    found = read(tmp_path, android("Rui: tem pão?", "Bia:.", "Rui: tem?", "Bia: Tem."))
    assert pairs(found) == [("tem pão?", "."), ("tem?", "Tem.")]


def test_the_notice_of_encryption_is_one_without_a_mark_too(tmp_path: Path) -> None:
    notice = "Meu Grupo: Messages and calls are end-to-end encrypted. No one outside of this chat can read them."
    found = read(tmp_path, android(notice, "Rui: tem pão?", "Bia: Tem."), owner="Rui")
    assert pairs(found) == [("tem pão?", "Tem.")]


@pytest.mark.parametrize(("asks", "answers"), [("🌵", "🔥"), ("Ana", "Ana 🌸"), ("Ana 🌸", "Ana"), ("Ana", "Ána B")])
def test_people_whose_names_differ_in_emoji_are_two(tmp_path: Path, asks: str, answers: str) -> None:
    found = read(tmp_path, android(f"{asks}: tem pão?", f"{answers}: Tem, acabei de assar."), owner=asks)
    assert pairs(found) == [("tem pão?", "Tem, acabei de assar.")]


def test_a_name_is_known_without_its_accents_where_only_one_sounds_so(tmp_path: Path) -> None:
    assert pairs(read(tmp_path, android("José: tem pão?", "Bia: Tem."), owner="jose")) == [("tem pão?", "Tem.")]


def test_no_blank_behind_the_name(tmp_path: Path) -> None:
    found = read(tmp_path, android("Rui:tem pão?", "Bia:Tem sim, quentinho."))
    assert pairs(found) == [("tem pão?", "Tem sim, quentinho.")]


def test_a_chat_that_somebody_pasted_stays_their_text(tmp_path: Path) -> None:
    pasted = "Rui: olha o que ele mandou:\n[11/03/2024, 09:00:00] Téo: vou atrasar"
    found = read(tmp_path, android(pasted, "Bia: Que folgado!"), owner="Rui")
    assert pairs(found) == [(pasted.removeprefix("Rui: "), "Que folgado!")]


def test_a_chat_of_others_that_was_pasted_from_the_same_phone_is_text(tmp_path: Path) -> None:
    pasted = "[13/08/24, 09:00:00] Téo: vou atrasar\n[13/08/24, 09:01:00] Lia: de novo?"
    text = ios("Rui: olha o que ele mandou:").rstrip() + f"\n{pasted}\n" + "[14/08/24, 21:05:10] Bia: Que folgado!\n"
    found = read(tmp_path, text, owner="Rui")
    assert pairs(found) == [(f"olha o que ele mandou:\n{pasted}", "Que folgado!")]


def test_two_exports_in_one_file_are_both_read(tmp_path: Path) -> None:
    older = "".join(
        f"[01/02/23, 10:0{n}:00] {one}\n" for n, one in enumerate(("Téo: vem?", "Bia: Vou.", "Téo: já?", "Bia: Já."))
    )
    found = read(tmp_path, ios("Rui: e aí?", "Bia: Tudo.") + older)
    assert pairs(found) == [("e aí?", "Tudo."), ("vem?", "Vou."), ("já?", "Já.")]


def test_a_message_that_the_network_delayed_is_somebody_s(tmp_path: Path) -> None:
    text = android("Rui: e aí?", "Bia: Tudo.") + "12/03/2024 13:58 - Téo: cheguei\n12/03/2024 14:05 - Rui: oi?\n"
    with pytest.raises(InputFileError, match="it has Rui, Bia, Téo"):
        read(tmp_path, text, owner="Rui")


# -- pauses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", ["14:41", "16:30", "23:59"])
def test_a_reply_may_take_hours(tmp_path: Path, at: str) -> None:
    text = f"12/03/2024 14:00 - Rui: que horas é a reunião?\n12/03/2024 {at} - Bia: Às dez, na sala azul.\n"
    assert pairs(read(tmp_path, text)) == [("que horas é a reunião?", "Às dez, na sala azul.")]


@pytest.mark.parametrize("late", ["bom dia", "Oi, tudo bem?", "Feliz aniversário!!", "boa noite, você vem amanhã?"])
def test_a_greeting_after_a_silence_answers_nothing(tmp_path: Path, late: str) -> None:
    text = f"12/03/2024 14:00 - Rui: que horas é a reunião?\n12/03/2024 16:00 - Bia: {late}\n"
    assert pairs(read(tmp_path, text)) == []


def test_a_reply_the_next_day_is_none(tmp_path: Path) -> None:
    text = "12/03/2024 14:00 - Rui: que horas é a reunião?\n13/03/2024 14:00 - Bia: Comprei pão.\n"
    assert pairs(read(tmp_path, text)) == []
