"""Make smtp_lab/facts/mail_clients.json anew: ``python tests/mail_clients.py caniemail.json``.

The file it reads is the data of caniemail.com, which the npm package ``caniemail`` carries as
``data/caniemail.json``. What the rules look for in a mail to find a feature is written here.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

OUT = Path(__file__).parent.parent / "smtp_lab" / "facts" / "mail_clients.json"

# Features without which content is missing, unreadable or in the wrong place. Without the others a
# mail looks plainer.
BREAKS = """
css-align-items css-at-import css-background
css-background-image css-clip-path css-column-count css-column-layout-properties css-direction
css-display css-display-flex css-display-grid css-display-none css-flex-direction css-flex-wrap
css-float css-function-clamp css-function-light-dark css-function-max css-function-min
css-grid-template css-inset css-justify-content css-left-right-top-bottom css-mask-image
css-modern-color css-nesting css-object-fit css-position
css-pseudo-class-checked css-pseudo-class-target css-pseudo-element-after
css-pseudo-element-before css-unit-calc css-unit-rem css-unit-vh css-unit-vmax
css-unit-vmin css-unit-vw css-variables css-visibility css-writing-mode
html-anchor-links html-audio html-background html-base html-button-reset html-button-submit
html-dialog html-form html-image-maps html-input-checkbox html-input-radio html-input-reset
html-input-submit html-input-text html-link html-marquee html-meter html-object html-picture
html-popover html-progress html-select html-style html-svg html-textarea html-video image-apng
image-avif image-base64 image-bmp image-hdr image-heif image-ico image-mp4 image-svg image-tiff
image-webp
""".split()  # noqa: SIM905  # a list of words reads best like this

# No mail is the worse for want of these, or nothing in a mail shows whether it needs them.
LEFT_OUT = """
amp bimi css-comments html-aria-describedby html-aria-hidden html-aria-label html-aria-labelledby
html-aria-live html-body html-comments html-doctype html-lang html-loading-attribute
html-meta-color-scheme html-required html-role html-target css-unit-initial css-sytem-ui
css-selector-chaining html-dir html-bdi html-wbr html-input-hidden
""".split()  # noqa: SIM905

MARKS = {
    "css-at-font-face": ["at:font-face"],
    "css-at-import": ["at:import"],
    "css-at-keyframes": ["at:keyframes"],
    "css-at-media": ["at:media"],
    "css-at-media-device-pixel-ratio": ["media:device-pixel-ratio"],
    "css-at-media-hover": ["media:hover"],
    "css-at-media-orientation": ["media:orientation"],
    "css-at-media-prefers-color-scheme": ["media:prefers-color-scheme"],
    "css-at-media-prefers-reduced-motion": ["media:prefers-reduced-motion"],
    "css-at-supports": ["at:supports"],
    "css-background-image": ["property:background-image", "background:url"],
    "css-block-inline-size": ["property:block-size", "property:inline-size"],
    "css-border-inline-block": ["property:border-inline", "property:border-block"],
    "css-border-inline-block-individual": [
        f"property:border-{a}-{b}" for a in ("inline", "block") for b in ("start", "end")
    ],
    "css-border-inline-block-longhand": [
        f"property:border-{a}-{b}" for a in ("inline", "block") for b in ("color", "style", "width")
    ],
    "css-border-radius-logical": [
        f"property:border-{a}-{b}-radius" for a in ("start", "end") for b in ("start", "end")
    ],
    "css-column-layout-properties": [
        f"property:column-{x}" for x in ("fill", "gap", "rule", "span", "width")
    ],
    "css-conic-gradient": ["function:conic-gradient"],
    "css-display": [
        f"display:{x}" for x in ("inline-flex", "inline-grid", "contents", "flow-root", "list-item")
    ],
    "css-display-flex": ["display:flex", "display:inline-flex"],
    "css-display-grid": ["display:grid", "display:inline-grid"],
    "css-display-none": ["display:none"],
    "css-function-clamp": ["function:clamp"],
    "css-function-light-dark": ["function:light-dark"],
    "css-function-max": ["function:max"],
    "css-function-min": ["function:min"],
    "css-gap": ["property:gap", "property:row-gap"],
    "css-grid-template": [
        f"property:grid-template{x}" for x in ("", "-areas", "-columns", "-rows")
    ],
    "css-important": ["important"],
    "css-intrinsic-size": [f"value:{x}-content" for x in ("min", "max", "fit")],
    "css-left-right-top-bottom": [f"property:{x}" for x in ("left", "right", "top", "bottom")],
    "css-linear-gradient": ["function:linear-gradient"],
    "css-margin": [f"property:margin{x}" for x in ("", "-top", "-right", "-bottom", "-left")],
    "css-margin-block-start-end": ["property:margin-block-start", "property:margin-block-end"],
    "css-margin-inline-block": ["property:margin-inline", "property:margin-block"],
    "css-margin-inline-start-end": ["property:margin-inline-start", "property:margin-inline-end"],
    "css-modern-color": [f"function:{x}" for x in ("lch", "oklch", "lab", "oklab")],
    "css-nesting": ["nesting"],
    "css-padding": [f"property:padding{x}" for x in ("", "-top", "-right", "-bottom", "-left")],
    "css-padding-block-start-end": ["property:padding-block-start", "property:padding-block-end"],
    "css-padding-inline-block": ["property:padding-inline", "property:padding-block"],
    "css-padding-inline-start-end": [
        "property:padding-inline-start",
        "property:padding-inline-end",
    ],
    "css-position": [f"position:{x}" for x in ("absolute", "fixed", "sticky", "relative")],
    "css-radial-gradient": ["function:radial-gradient"],
    "css-rgb": ["function:rgb"],
    "css-rgba": ["function:rgba"],
    "css-scroll-snap": ["property:scroll-snap-type", "property:scroll-snap-align"],
    "css-selector-adjacent-sibling": ["selector:+"],
    "css-selector-attribute": ["selector:[]"],
    "css-selector-child": ["selector:>"],
    "css-selector-class": ["selector:."],
    "css-selector-descendant": ["selector: "],
    "css-selector-general-sibling": ["selector:~"],
    "css-selector-grouping": ["selector:,"],
    "css-selector-id": ["selector:#"],
    "css-selector-type": ["selector:type"],
    "css-selector-universal": ["selector:*"],
    "css-unit-calc": ["function:calc"],
    "css-unit-percent": ["unit:%"],
    "css-variables": ["function:var"],
    "html-align": ["attribute:align"],
    "html-anchor-links": ["link:#"],
    "html-background": ["attribute:background"],
    "html-button-reset": ["button:reset"],
    "html-button-submit": ["button:submit"],
    "html-cellpadding": ["attribute:cellpadding"],
    "html-cellspacing": ["attribute:cellspacing"],
    "html-h1-h6": [f"tag:h{n}" for n in range(1, 7)],
    "html-height": ["attribute:height"],
    "html-hidden": ["attribute:hidden"],
    "html-image-maps": ["tag:map"],
    "html-lists": ["tag:ul", "tag:ol", "tag:dl"],
    "html-mailto-links": ["link:mailto"],
    "html-popover": ["attribute:popover"],
    "html-semantics": [
        f"tag:{x}"
        for x in "article aside details figcaption figure footer header main mark nav section summary time".split()  # noqa: SIM905
    ],
    "html-srcset": ["attribute:srcset"],
    "html-valign": ["attribute:valign"],
    "html-width": ["attribute:width"],
    "image-base64": ["image:data"],
    "image-heif": ["image:heif", "image:heic"],
    "image-ico": ["image:ico"],
    "image-jpg": ["image:jpg", "image:jpeg"],
    "image-tiff": ["image:tiff", "image:tif"],
}


def marks_of(slug: str) -> list[str]:
    """What shows in a mail that it uses the feature *slug*."""
    if slug in MARKS:
        return MARKS[slug]
    for start, kind in (
        ("css-unit-", "unit"),
        ("css-pseudo-class-", "pseudo"),
        ("css-pseudo-element-", "pseudo"),
        ("html-input-", "input"),
        ("html-", "tag"),
        ("image-", "image"),
        ("css-", "property"),
    ):
        if slug.startswith(start):
            return [f"{kind}:{slug.removeprefix(start)}"]
    raise ValueError(slug)


def made_of(data: dict) -> dict:
    """The part of caniemail's *data* that the rules need."""
    names = data["nicenames"]
    clients: dict[str, str] = {}
    features = {}
    for feature in data["data"]:
        if feature["slug"] in LEFT_OUT:
            continue
        support: dict[str, dict[str, list[str]]] = {"n": {}, "a": {}}
        for family, platforms in feature["stats"].items():
            for platform, versions in platforms.items():
                client = f"{family}.{platform}"
                clients.setdefault(
                    client, f"{names['family'][family]} ({names['platform'][platform]})"
                )
                # The last is the newest that was looked at.
                state, *notes = str(list(versions.values())[-1]).replace("#", " ").split()
                if state in support:
                    support[state][client] = [n for n in notes if n.isdigit()]
        if not any(support.values()):
            continue
        used = {n for by in support.values() for notes in by.values() for n in notes}
        texts = feature["notes_by_num"] or {}
        features[feature["slug"]] = {
            "title": feature["title"],
            "tested": feature["last_test_date"],
            "breaks": feature["slug"] in BREAKS,
            "marks": marks_of(feature["slug"]),
            "not": {c: " ".join(n) for c, n in sorted(support["n"].items())},
            "partly": {c: " ".join(n) for c, n in sorted(support["a"].items())},
            "notes": {n: _plain(texts[n]) for n in sorted(used) if n in texts},
        }
    return {
        "source": "https://www.caniemail.com",
        "licence": "MIT, see mail_clients.LICENSE",
        "updated": data["last_update_date"][:10],
        "clients": dict(sorted(clients.items())),
        "features": features,
    }


def _plain(text: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text).replace("`", "")
    return re.sub(r"\s+", " ", text).strip()


def main() -> None:
    """Read the file named on the command line and write ours."""
    data = made_of(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    lines = [
        f"    {json.dumps(slug)}: {json.dumps(feature, ensure_ascii=False)}"
        for slug, feature in data.pop("features").items()
    ]
    head = json.dumps(data, indent=2, ensure_ascii=False)[:-2]
    body = ",\n".join(lines)
    OUT.write_text(f'{head},\n  "features": {{\n{body}\n  }}\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
