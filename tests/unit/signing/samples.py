"""A whole inspection sheet with rare names, photos and gaps; the tests of signing share it."""

import hashlib
import io
from datetime import UTC, datetime, timedelta

import msgspec
from PIL import Image, ImageDraw

from signing.report import (
    Basis,
    Coverage,
    Finding,
    Gap,
    Heads,
    Item,
    Objection,
    Office,
    Person,
    Photo,
    Place,
    Report,
    Result,
    Section,
    Signer,
    Step,
    signers,
)

START = datetime(2025, 11, 24, 6, 2, 11, tzinfo=UTC)
RECORD = "rec_01jd9zk3f8m2c7q5w0x4v6t1ra"
RARE_NAMES = ("张䶮", "李𬍛", "赵𠅤㛃", "王鿏")
OFFICE = Office(
    code="990101", name="松汀区政务服务中心", gloss="Songting District Service Centre", phone="0000-8801100"
)

_QUESTIONS: list[tuple[str, str, str, str]] = [
    (
        "id",
        "实际经营地址与申请地址一致",
        "Actual place matches the address applied for",
        "中华人民共和国行政许可法|第三十一条第一款",
    ),
    (
        "id",
        "营业执照主体与申请人一致，经营范围含餐饮",
        "Licence holder is the applicant and scope covers catering",
        "中华人民共和国行政许可法|第三十一条第一款",
    ),
    (
        "site",
        "场所环境整洁，与有毒有害场所和污染源保持距离",
        "Clean surroundings, away from pollution sources",
        "中华人民共和国食品安全法|第三十三条第一款第（一）项",
    ),
    (
        "site",
        "距暴露垃圾场、旱厕、污水池等污染源的距离",
        "Distance to open refuse, pit latrine or sewage pool",
        "餐饮服务食品安全操作规范|",
    ),
    (
        "site",
        "食品处理区按原料进入、加工、成品供应单一流向布局",
        "Single flow from raw to served food",
        "食品安全国家标准 餐饮服务通用卫生规范|",
    ),
    (
        "wash",
        "设有专用餐用具清洗消毒水池，数量和容量满足需要",
        "Dedicated sinks for washing and disinfection",
        "中华人民共和国食品安全法|第三十三条第一款第（二）项",
    ),
    ("wash", "冷藏设施温度", "Temperature of the refrigerator", "餐饮服务食品安全操作规范|"),
    (
        "people",
        "从业人员持有效健康证明",
        "Food handlers hold valid health certificates",
        "中华人民共和国食品安全法|第四十五条第二款",
    ),
]
_SECTIONS = {
    "id": ("主体与地址", "Identity and place"),
    "site": ("选址与布局", "Site and layout"),
    "wash": ("清洗消毒与贮存", "Washing and storage"),
    "people": ("人员与制度", "People and rules"),
}


def thumbnail(number: int) -> bytes:
    """A small picture that differs by number and compresses like a photo."""
    image = (
        Image.effect_noise((360, 270), 40).convert("RGB")
        if number == 0
        else Image.new("RGB", (360, 270), (228, 232, 226))
    )
    draw = ImageDraw.Draw(image)
    for at in range(9):
        shade = 60 + 20 * at
        draw.rectangle(
            (30 + at * 34, 220 - (at * number * 17) % 150, 56 + at * 34, 240), fill=(shade, 120, 200 - shade // 2)
        )
    draw.rectangle((0, 240, 360, 270), fill=(150, 140, 128))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82)
    return out.getvalue()


def thumbnails(count: int) -> dict[str, bytes]:
    return {f"pho_{number}": thumbnail(number) for number in range(1, count + 1)}


def report(*, items: int = 8, photos: int = 5, draft: bool = False, note: str = "") -> Report:
    findings: list[Finding] = ["conforms", "conforms", "conforms", "conforms", "fails", "conforms", "conforms", "na"]
    made: dict[str, list[Item]] = {key: [] for key in _SECTIONS}
    for number in range(1, items + 1):
        section, text, gloss, basis = _QUESTIONS[(number - 1) % len(_QUESTIONS)]
        title, clause = basis.split("|")
        made[section].append(
            Item(
                id=f"fc-{number:02d}",
                number=number,
                text=text,
                gloss=gloss,
                basis=(Basis(title=title, clause=clause, verified=bool(clause)),),
                critical=number % 4 == 1,
                finding=findings[(number - 1) % 8],
                measured={4: "31.2 m", 7: "4.5 ℃"}.get(number, ""),
                note=note or ("粗加工区与烹饪区之间缺少隔断，生熟容器混放。" if number == 5 else ""),
                by="周岚",
                at=START + timedelta(seconds=40 * number),
                moment_ms=40_000 * number,
                photos=(number,) if number <= photos else (),
                provenance="supplement" if number == 8 else "live",
            )
        )
    by = OFFICE.name
    return Report(
        record=RECORD,
        case="cas_01jd9zk3f8m2c7q5w0x4v6t1rb",
        case_number="松汀勘〔2025〕001732号",
        matter="食品经营许可（餐饮服务）新办",
        matter_gloss="Food business permit (catering), new application",
        permit="食品经营许可证",
        office=OFFICE,
        business_name="松汀区𬍛记小馆（个体工商户）",
        applicant_name=RARE_NAMES[0],
        registered_address="云澜市松汀区潮平路18号一层103室",
        place=Place(lat=35.912345, lon=123.412345, accuracy_m=12.0, distance_m=38.0, at=START + timedelta(seconds=30)),
        started_at=START,
        ended_at=START + timedelta(minutes=23, seconds=49),
        people=(
            Person(
                name=RARE_NAMES[0],
                role="applicant",
                organisation="松汀区𬍛记小馆",
                identified="身份证出示核对；登记手机号验证码",
                joined_at=START,
                left_at=None,
            ),
            Person(
                name="周岚", role="lead", organisation=by, identified="工作账号；亮证", joined_at=START, left_at=None
            ),
            Person(
                name=RARE_NAMES[1],
                role="assist",
                organisation=by,
                identified="工作账号；亮证",
                joined_at=START + timedelta(seconds=8),
                left_at=None,
            ),
        ),
        steps=(
            Step(
                title="核验身份",
                gloss="Identity",
                at=START + timedelta(seconds=25),
                by="周岚",
                method="身份证与本人比对",
                moment_ms=25_000,
            ),
            Step(
                title="出示执法证件",
                gloss="Credentials shown",
                at=START + timedelta(seconds=41),
                by="周岚",
                method="证件入镜",
                moment_ms=41_000,
            ),
            Step(
                title="告知权利与录音录像",
                gloss="Rights and recording told",
                at=START + timedelta(seconds=68),
                by=RARE_NAMES[1],
                method="口头告知",
                moment_ms=68_000,
            ),
            Step(
                title="逐项勘验",
                gloss="Walk-round",
                at=START + timedelta(seconds=95),
                by="周岚",
                method="按单逐项",
                note="第5项处请申请人打开手电",
                moment_ms=95_000,
            ),
            Step(title="宣读结果", gloss="Read back", at=START + timedelta(minutes=22), by="周岚", moment_ms=1_320_000),
        ),
        sections=tuple(
            Section(key=key, title=zh, gloss=en, items=tuple(made[key])) for key, (zh, en) in _SECTIONS.items()
        ),
        photos=tuple(
            Photo(
                id=f"pho_{number}",
                number=number,
                sha256=hashlib.sha256(bytes([number])).hexdigest(),
                item=f"fc-{number:02d}",
                taken_at=START + timedelta(seconds=40 * number + 7),
                width=4000,
                height=3000,
                size=3_214_000 + number,
                moment_ms=40_000 * number + 7000,
            )
            for number in range(1, photos + 1)
        ),
        coverage=Coverage(
            percent=97.1,
            started_at=START,
            cut_at=START + timedelta(minutes=23, seconds=49),
            seconds={"live": 1332.0, "masked": 38.0, "interrupted": 42.0, "muted": 17.0},
            gaps=(
                Gap(
                    start=START + timedelta(minutes=2, seconds=3),
                    end=START + timedelta(minutes=2, seconds=41),
                    kind="masked",
                    cause="证件入镜，画面遮挡",
                    who="申请人",
                ),
                Gap(
                    start=START + timedelta(minutes=5, seconds=20),
                    end=START + timedelta(minutes=6, seconds=2),
                    kind="interrupted",
                    cause="接听来电",
                    who="申请人",
                ),
                Gap(
                    start=START + timedelta(minutes=15),
                    end=START + timedelta(minutes=15, seconds=17),
                    kind="muted",
                    cause="本人静音",
                    who="主勘人员",
                ),
            ),
        ),
        heads=Heads(
            record_seq=187,
            record_head=hashlib.sha256(b"record").hexdigest(),
            manifest_head=hashlib.sha256(b"manifest").hexdigest(),
            manifest_sha256=hashlib.sha256(b"{}").hexdigest(),
        ),
        result=Result(
            key="rectify_and_reinspect",
            consequence="第5项不符合。请在期限内设置粗加工区与烹饪区之间的隔断，整改后申请复验；复验通过前不作出许可决定。",
            rectify_by=START + timedelta(days=14),
            at=START + timedelta(minutes=23),
        ),
        objections=(Objection(at=START + timedelta(minutes=25), item=5, text="隔断材料已到货，明天就能装好。"),),
        signers=signers(("inv_1", RARE_NAMES[0]), [("stf_1", "周岚", by), ("stf_2", RARE_NAMES[1], by)], []),
        issued_at=START + timedelta(minutes=24),
        verify_url=f"https://yuankan.example/verify?record={RECORD}",
        draft=draft,
    )


def with_witness(made: Report, party: str, name: str) -> Report:
    """The same with a witness, who signs after the applicant."""
    first, *others = made.signers
    witness = Signer(field="Witness1", role="witness", name=name, party=party, identified="链接与短信验证码")
    return msgspec.structs.replace(made, signers=(first, witness, *others))
