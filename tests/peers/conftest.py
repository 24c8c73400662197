"""The shims have other projects' names, under which pytest must not import them here."""

collect_ignore = ["shims"]
