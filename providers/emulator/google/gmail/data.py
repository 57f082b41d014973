"""The mail as the world begins: conversations, shops, a school, a list, a swindler; hours before now."""

from __future__ import annotations

import hashlib

from providers.emulator.google.gmail import pages
from providers.emulator.google.gmail.letters import Letter, when, written
from providers.emulator.google.gmail.mail import Mail, Mailbox
from providers.emulator.google.people import Person

ANA, BEN = "Ana Duarte <ana.duarte@gmail.com>", "Ben Okafor <ben.okafor@gmail.com>"
WORK, EMIL = "Ana Duarte <ana@duarte-atelier.example>", "Emil Nowak <emil@duarte-atelier.example>"
MARTA = "Marta Lopes <marta@hotel-solar.example>"
HARUKA = "窯元 はるか <haruka@kiln.example>"
LAYLA = "ليلى حداد <layla@musica.example>"

LABELS = {
    "ana": ("Family", "Newsletters", "Receipts", "Travel", "Travel/Porto 2027"),
    "ana-work": ("Clients", "Clients/Hotel Solar"),
    "ben": ("Book club",),
}

DIGEST = "\n\n".join(
    f"Message {number}\nFrom: member{number}@potters.example\n\n"
    f"> I asked about glaze number {number - 1}.\n>\n"
    f">> And before that about number {number - 2}.\n\n"
    f"Mine cracked at {1180 + number} degrees. Slower cooling, "
    f"and a thinner coat on the foot of the bowl, made all the difference in the last firing."
    for number in range(1, 121)
)

PRIVATE = (
    Letter(
        "lunch-1",
        54,
        BEN,
        ANA,
        "Lunch on Sunday?",
        {"ana": "INBOX IMPORTANT", "ben": "SENT"},
        "Lunch on Sunday at ours? Zoë cooks, you know what that means.\n\nBen\n",
        zone="Europe/Dublin",
    ),
    Letter(
        "lunch-2",
        51,
        ANA,
        BEN,
        "Re: Lunch on Sunday?",
        {"ana": "SENT", "ben": "INBOX"},
        "Sunday is fine, half past one? I bring the cake.\n\nAna\n\nOn Friday, Ben Okafor "
        "<ben.okafor@gmail.com> wrote:\n\n"
        "> Lunch on Sunday at ours? Zoë cooks, you know what that means.\n>\n"
        "> Ben\n",
        pages.LUNCH_REPLY,
        answers="lunch-1",
    ),
    Letter(
        "lunch-3",
        2.5,
        BEN,
        ANA,
        "Re: Lunch on Sunday?",
        {"ana": "UNREAD INBOX IMPORTANT", "ben": "SENT"},
        "Half past one it is. Bring the big cake 🍰\n\n"
        "On Saturday, Ana Duarte <ana.duarte@gmail.com> wrote:\n"
        "> Sunday is fine, half past one? I bring the cake.\n>\n> Ana\n>\n"
        ">> Lunch on Sunday at ours? Zoë cooks,"
        "\n>> you know what that means.\n",
        answers="lunch-2",
        zone="Europe/Dublin",
    ),
    Letter(
        "costs-1",
        190,
        BEN,
        ANA,
        "Porto: who owes what",
        {"ana": "INBOX Travel/Porto·2027", "ben": "SENT"},
        "All costs so far, as a sheet and as CSV. You owe me a francesinha.\n\nBen\n",
        zone="Europe/Dublin",
        files=("porto-costs.xlsx", "porto-costs.csv"),
    ),
    Letter(
        "ticket-1",
        75,
        "CP Bilhetes <nao-responder@cp.example>",
        ANA,
        "O seu bilhete IC 530 Lisboa – Porto",
        {"ana": "INBOX STARRED Travel/Porto·2027 CATEGORY_UPDATES"},
        "Boa viagem!\n\nO bilhete vai em anexo. Apresente-o no comboio, com um documento.\n",
        files=("bilhete.pdf", "viagem.ics"),
        charset="iso-8859-1",
        cte="quoted-printable",
    ),
    Letter(
        "invoice-1",
        130,
        "Clínica do Chiado <faturas@clinica-chiado.example>",
        ANA,
        "Fatura 2026/1187",
        {"ana": "Receipts"},
        "Exma. Senhora,\n\nenviamos em anexo a fatura da sua consulta. Não é necessária qualquer ação.\n",
        files=("fatura-2026-1187.pdf",),
        charset="iso-8859-1",
        cte="quoted-printable",
    ),
    Letter(
        "school-1",
        20,
        "Escola da Lapa <secretaria@escola-lapa.example>",
        ANA,
        "A peça de teatro do Tomás 🎭",
        {"ana": "UNREAD INBOX Family"},
        "Queridos pais,\n\na peça é amanhã às 17h30. O Tomás é a raposa.\n\nA Direção\n",
        pages.SCHOOL,
        inline=("logo.png",),
        files=("convite-🎭.png",),
    ),
    Letter(
        "autumn-1",
        9,
        '"Olaria & Filhos" <novidades@olaria.example>',
        ANA,
        "Cerâmica de outono: -20% até domingo",
        {"ana": "UNREAD INBOX Newsletters CATEGORY_PROMOTIONS"},
        "",
        pages.NEWSLETTER,
        charset="iso-8859-1",
        cte="quoted-printable",
        more={"List-Unsubscribe": "<https://loja.olaria.example/sair?uid=8842>", "Precedence": "bulk"},
    ),
    Letter(
        "kiln-1",
        100,
        HARUKA,
        ANA,
        "陶芸教室のご案内",
        {"ana": "INBOX"},
        "アナ様\n\n来週の火曜日、十時からオンラインでお話ししましょう。釉薬の見本を用意しておきます。\n\nはるか\n",
        charset="shift_jis",
        cte="base64",
        zone="Asia/Tokyo",
    ),
    Letter(
        "concert-1",
        33,
        LAYLA,
        ANA,
        "أمسية موسيقية 🎻 في لشبونة",
        {"ana": "INBOX STARRED"},
        "عزيزتي آنا،\n\nالحفلة بعد غد في الساعة الثامنة مساءً في الكولوسيو. هل تأتين؟\n\nليلى\n",
        cte="base64",
    ),
    Letter(
        "potters-1",
        60,
        "Potters' list <potters@lists.potters.example>",
        "potters@lists.potters.example",
        "[potters] Digest, Vol 88, Issue 11",
        {"ana": "UNREAD CATEGORY_FORUMS Newsletters"},
        DIGEST,
        more={
            "List-Id": "Potters <potters.lists.potters.example>",
            "List-Post": "<mailto:potters@lists.potters.example>",
        },
    ),
    Letter(
        "trap-1",
        5,
        "Service Desk <it-support@secure-mailbox.example>",
        ANA,
        "Action required: your mailbox is almost full",
        {"ana": "UNREAD INBOX"},
        "",
        pages.TRAP,
        cte="base64",
    ),
    Letter(
        "signin-1",
        220,
        "Google <no-reply@accounts.google.example>",
        ANA,
        "Security alert",
        {"ana": "CATEGORY_UPDATES"},
        "",
        pages.BANK,
    ),
    Letter(
        "forward-1",
        150,
        BEN,
        ANA,
        "Fwd: Fatura 2026/1187",
        {"ana": "INBOX", "ben": "SENT"},
        "You left this in my mailbox, I think it is yours.\n",
        encloses="invoice-1",
        zone="Europe/Dublin",
    ),
    Letter(
        "spam-1",
        40,
        "Lotto International <win@lotto.example>",
        ANA,
        "You have WON!!!",
        {"ana": "UNREAD SPAM"},
        "",
        pages.PROMISE,
    ),
    Letter(
        "bin-1",
        300,
        "Ginásio <info@ginasio.example>",
        ANA,
        "A sua inscrição termina",
        {"ana": "TRASH"},
        "A sua inscrição termina no fim do mês.\n",
        charset="iso-8859-1",
        cte="quoted-printable",
    ),
    Letter(
        "birthday-1",
        24 * 40,
        "Inês Prata <ines.prata@example.org>",
        ANA,
        "Parabéns!!",
        {"ana": "INBOX"},
        "Muitos parabéns, Ana! Pilates na quinta?\n\nBeijinhos\nInês\n",
    ),
    Letter(
        "birthday-2",
        24 * 40 - 3,
        ANA,
        "Inês Prata <ines.prata@example.org>",
        "Re: Parabéns!!",
        {"ana": "SENT"},
        "Obrigada! Quinta, sim.\n",
        answers="birthday-1",
    ),
    Letter(
        "draft-1",
        30,
        ANA,
        "",
        "Recipe for the big cake",
        {"ana": "DRAFT"},
        "Six eggs, 300 g of sugar, almonds\n",
    ),
    Letter(
        "draft-2",
        12,
        ANA,
        LAYLA,
        "Re: أمسية موسيقية 🎻 في لشبونة",
        {"ana": "DRAFT"},
        "Claro que vou!\n",
        answers="concert-1",
    ),
)

OFFICE = (
    Letter(
        "solar-1",
        120,
        WORK,
        MARTA,
        "Curtains for Hotel Solar",
        {"ana-work": "SENT Clients/Hotel·Solar"},
        "Dear Marta, here is our offer: 42 curtains, 235 EUR each.\n\nAna\n",
        cc=EMIL,
        zone="Europe/Berlin",
    ),
    Letter(
        "solar-2",
        6,
        MARTA,
        WORK,
        "RE: Curtains for Hotel Solar",
        {"ana-work": "UNREAD INBOX IMPORTANT Clients/Hotel·Solar", "emil": "UNREAD INBOX"},
        "Dear Ana,\n\n"
        "the contract is attached; the board signs on Thursday. Could you confirm 42 curtains, "
        "blackout lining for rooms 1 to 12?\n\nKind regards\nMarta Lopes\n\n"
        "________________________________\nFrom: Ana Duarte <ana@duarte-atelier.example>\n"
        "Sent: Tuesday 09:12\n"
        "To: Marta Lopes <marta@hotel-solar.example>\nSubject: Curtains for Hotel Solar\n\n"
        "Dear Marta, here is our "
        "offer: 42 curtains, 235 EUR each.\n\nAna\n",
        pages.OUTLOOK,
        cc=EMIL,
        answers="solar-1",
        files=("contract Hotel Solar.docx",),
    ),
    Letter(
        "fabric-1",
        28,
        EMIL,
        WORK,
        "Fabric samples",
        {"ana-work": "INBOX", "emil": "SENT"},
        "The linen came in: natural, ochre and slate. Shall we look tomorrow at eleven?\n\nEmil\n",
        zone="Europe/Berlin",
    ),
    Letter(
        "fabric-2",
        26,
        WORK,
        EMIL,
        "Re: Fabric samples",
        {"ana-work": "SENT", "emil": "INBOX"},
        "Eleven is good. Bring the slate one.\n\nAna\n\nOn Thu, Emil Nowak wrote:\n"
        "> The linen came in: natural, "
        "ochre and slate.\n> Shall we look tomorrow at eleven?\n",
        answers="fabric-1",
        zone="Europe/Berlin",
    ),
)

CLUB = (
    Letter(
        "club-1",
        80,
        "Nuala Byrne <nuala@bookclub.example>",
        BEN,
        "Book club: Milkman",
        {"ben": "UNREAD INBOX Book·club"},
        "Who has read past page 100? Be honest.\n\nNuala\n",
        zone="Europe/Dublin",
    ),
)

LETTERS = {letter.key: letter for letter in (*PRIVATE, *OFFICE, *CLUB)}


def furnish(person: Person, box: Mailbox, now: float) -> None:
    """Fill somebody's mailbox as of `now` (epoch seconds)."""
    for name in LABELS.get(person.key, ()):
        box.label(name)
    threads: dict[str, str] = {}
    for letter in sorted(LETTERS.values(), key=lambda letter: -letter.hours):
        if person.key not in letter.kept:
            continue
        at = when(letter, now) * 1000
        id_ = f"{at:011x}{hashlib.sha256(f'{person.key}/{letter.key}'.encode()).hexdigest()[:5]}"
        threads[letter.key] = threads.get(letter.answers, id_)
        labels = [_label(box, name.replace("·", " ")) for name in letter.kept[person.key].split()]
        mail = Mail(id_, threads[letter.key], written(letter, now, LETTERS), at, labels)
        if "DRAFT" in labels:
            mail.draft = f"r{int(hashlib.sha256(letter.key.encode()).hexdigest()[:15], 16)}"
        box.add(mail)


def _label(box: Mailbox, name: str) -> str:
    label = box.named(name)
    assert label is not None, name
    return label.id
