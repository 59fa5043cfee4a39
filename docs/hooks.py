"""What MkDocs cannot do by itself: pages from the repository's root, and links that hold there too.

MkDocs calls these functions while it builds the site (mkdocs.yml, `hooks`).
"""

import re
from pathlib import Path
from posixpath import relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

# Files outside docs/ that the site has, and where.
MOVED = {
    "README.md": "index.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "src/sirensong/web/viewer.html": "viewer.html",
}
MOVED |= {f"examples/{path.name}": f"examples/{path.name}" for path in ROOT.glob("examples/*.*")}

_LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List all decisions in the navigation."""
    decisions = [path.relative_to(DOCS).as_posix() for path in sorted(DOCS.glob("adr/*.md"))]
    next(item for item in config.nav if "Decisions" in item)["Decisions"] = decisions
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside docs/."""
    for source, page in MOVED.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links between files of the repository into links between pages of the site."""
    folder = Path(page.file.abs_src_path).parent

    def on_the_site(link: re.Match[str]) -> str:
        target = (folder / link[0]).resolve()
        if target.is_dir():
            target = min(target.glob("*.md"))
        name = target.relative_to(ROOT).as_posix()
        return relpath(MOVED.get(name, name.removeprefix("docs/")), Path(page.file.src_uri).parent)

    return _LINK.sub(on_the_site, markdown)
